//! The OpenAPI 3.1 document: what the endpoints say of themselves, completed by what holds for all of them.

use serde_json::{Map, Value, json};
use waylay_extract::OpenApiExt;
use waylay_router::Router;

use crate::problem::PROBLEM_JSON;

/// Problems of single operations.
const PROBLEMS: [(&str, &str, &str, &str); 13] = [
    ("get", "/faults/{name}", "404", "There is no such fault."),
    ("get", "/routes", "404", "The program has named no router."),
    ("get", "/fleet", "404", "The process belongs to no fleet."),
    ("get", "/fleet", "503", "The fleet cannot be reached."),
    ("get", "/plan", "404", "The faults do not come from a plan."),
    ("get", "/events", "503", "Too many streams are open."),
    ("patch", "/faults/{name}", "404", "There is no such fault."),
    ("post", "/faults/{name}/reset", "404", "There is no such fault."),
    ("post", "/tickets", "503", "The operating system has no random numbers."),
    ("put", "/plan", "409", "The plan is for another environment."),
    ("put", "/plan", "412", "The plan was changed since."),
    ("put", "/plan", "422", "The plan has errors, each with its place; or it has no end."),
    ("delete", "/plan", "412", "The plan was changed since."),
];

/// Problems of each operation: the checks before it is routed.
const OF_ALL: [(&str, &str); 4] = [
    ("400", "The request is malformed."),
    ("401", "The token is missing or wrong."),
    ("403", "The request comes from a page of another site, or from another machine."),
    ("421", "The host is not one of this API."),
];

/// Returns the document of the endpoints, as JSON.
pub(crate) fn document(endpoints: &Router) -> String {
    let mut document = endpoints.openapi("Faults", env!("CARGO_PKG_VERSION")).into_value();
    document["info"]["description"] =
        "Switches, plans and observation of the faults of one process. Every change needs the \
        token; reads need it too, unless they come from a program of the same machine under a loopback name."
            .into();
    // Relative, so that it holds wherever the API is mounted.
    document["servers"] = json!([{"url": "."}]);
    document["components"]["securitySchemes"] = json!({"token": {"type": "http", "scheme": "bearer"}});
    if let Some(components) = document["components"].as_object_mut() {
        components.remove("responses");
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| !name.starts_with("Rejected"));
        schemas.insert("Problem".to_owned(), problem_schema());
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                complete(path, method, operation);
            }
        }
    }
    document.to_string()
}

/// Completes one operation.
fn complete(path: &str, method: &str, operation: &mut Value) {
    let is_read = method == "get";
    operation["security"] = if is_read { json!([{}, {"token": []}]) } else { json!([{"token": []}]) };
    if path.starts_with("/plan") && ["put", "post"].contains(&method) {
        let data = json!({"schema": {"type": "object"}});
        let content = json!({
            "application/toml": {"schema": {"type": "string"}},
            "application/yaml": data,
            "application/json": data,
        });
        operation["requestBody"] = json!({"content": content, "required": true});
    }
    // A change needs this content type, also if it says no more.
    if method == "post" && operation["requestBody"].is_null() {
        operation["requestBody"] = json!({"content": {"application/json": {"schema": {"type": "object"}}}});
    }
    if operation["requestBody"].is_object() {
        operation["requestBody"]["required"] = true.into();
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    // Those of the extraction, whose problems are some of these.
    for status in ["400", "404", "413", "415", "422"] {
        if responses.contains_key(status) {
            let description = match status {
                "413" => "The body is too long.",
                "422" => "A value of the body is missing or invalid.",
                _ => "A value of the request is missing or invalid.",
            };
            add(responses, status, description);
        }
    }
    for (status, description) in OF_ALL {
        add(responses, status, description);
    }
    if !is_read && method != "delete" {
        add(responses, "413", "The body is too long.");
        add(responses, "415", "The content type of the body is not one that is read.");
    }
    if path == "/plan" && !is_read {
        add(responses, "428", "A precondition is missing.");
    }
    for (_, _, status, description) in PROBLEMS.iter().filter(|(of, at, ..)| (*of, *at) == (method, path)) {
        add(responses, status, description);
    }
}

/// Adds a problem response, or completes the one of the extraction.
fn add(responses: &mut Map<String, Value>, status: &str, description: &str) {
    let problem = json!({
        "description": description,
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    responses.insert(status.to_owned(), problem);
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {
                "type": "array",
                "description": "Each error of the request, with its place.",
                "items": {"type": "object", "required": ["detail"], "properties": {
                    "detail": {"type": "string"},
                    "in": {"type": "string"},
                    "name": {"type": "string"},
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "line": {"type": "integer"},
                    "column": {"type": "integer"},
                    "start": {"type": "integer"},
                    "end": {"type": "integer"},
                }},
            },
        },
    })
}
