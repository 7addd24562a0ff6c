//! OpenApi: the document of a router, as JSON and as HTML.

use std::fmt;

use http::Method;
use serde::Serialize;
use serde_json::{Map, Value, json};
use waylay_router::{RouteInfo, Router};

use crate::openapi::answer::PROBLEMS;
use crate::openapi::operation::METADATA_KEY;
use crate::openapi::paths::{Path, path};

/// The methods of an OpenAPI path.
const METHODS: [Method; 8] = [
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::OPTIONS,
    Method::HEAD,
    Method::PATCH,
    Method::TRACE,
];

/// OpenAPI documents of routers.
///
/// ```
/// use waylay_extract::{Extract, OpenApiExt, RouterExt};
/// use waylay_router::Router;
///
/// /// Shows a post.
/// #[derive(Extract)]
/// #[route(GET "/posts/{slug:[a-z-]+}")]
/// struct Show {
///     /// The post's name in URLs.
///     #[param]
///     slug: String,
///     #[query(default = 20)]
///     limit: u8,
/// }
///
/// let router = Router::builder().endpoint(async |show: Show| show.slug).build()?;
/// let document = router.openapi("Blog", "1.0.0");
/// let show = &document.as_value()["paths"]["/posts/{slug}"]["get"];
/// assert_eq!(show["summary"], "Shows a post.");
/// assert_eq!(show["parameters"][0]["schema"]["pattern"], "^(?:[a-z-]+)$");
/// assert_eq!(show["parameters"][1]["schema"]["default"], 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait OpenApiExt {
    /// Returns the document of all routes, with the title and the version of the API.
    ///
    /// Routes of structs (by `endpoint`, `endpoints` or `Route::of`) are described by their fields;
    /// other routes by their methods and variables. OpenAPI cannot express the following, which is
    /// left out: prefixes, methods outside of its list, and all but the first of several routes with
    /// one method and path. A tail is written as a variable.
    fn openapi(&self, title: &str, version: &str) -> OpenApi;
}

impl OpenApiExt for Router {
    fn openapi(&self, title: &str, version: &str) -> OpenApi {
        let mut builder = DocumentBuilder::default();
        for route in self.routes().filter(|route| !route.is_build_only()) {
            builder.add(route);
        }
        builder.finish(title, version)
    }
}

/// An OpenAPI 3.1 document.
///
/// `Display` writes it as indented JSON, and it serializes as JSON. With utoipa,
/// `serde_json::from_value(document.into_value())` returns its `OpenApi`, which can be merged with others,
/// unless the type of a body is unknown, which utoipa cannot read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct OpenApi(Value);

impl OpenApi {
    /// Returns the document.
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// Returns the document by value.
    pub fn into_value(self) -> Value {
        self.0
    }
}

impl fmt::Display for OpenApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

/// The paths and schemas of a document.
#[derive(Default)]
struct DocumentBuilder {
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
    ids: Vec<String>,
}

impl DocumentBuilder {
    fn add(&mut self, route: RouteInfo<'_>) {
        let Some(path) = path(route.template()) else {
            return;
        };
        let fact =
            route.metadata().get(METADATA_KEY).and_then(|fact| serde_json::from_str::<Value>(fact).ok());
        let mut fact = fact.unwrap_or_default();
        if let Value::Object(schemas) = fact["schemas"].take() {
            for (name, schema) in schemas {
                self.schemas.entry(name).or_insert(schema);
            }
        }
        let operation = match fact["operation"].take() {
            Value::Object(operation) => operation,
            _ => Map::from_iter([("responses".into(), json!({"200": {"description": "The response."}}))]),
        };
        for path in path.variants() {
            self.add_path(route, &path, &operation);
        }
    }

    fn add_path(&mut self, route: RouteInfo<'_>, path: &Path, operation: &Map<String, Value>) {
        let methods = route.methods();
        // HEAD of a GET route is implied.
        let is_own = |method: &&Method| {
            methods.contains(method) && (**method != Method::HEAD || !methods.contains(&Method::GET))
        };
        for method in METHODS.iter().filter(is_own) {
            let key = method.as_str().to_ascii_lowercase();
            let taken = self.paths.get(&path.text).and_then(|item| item.get(&key)).is_some();
            // A route for every method is described as GET only.
            let vague = methods.is_all() && *method != Method::GET;
            if taken || vague {
                continue;
            }
            let mut operation = operation.clone();
            let id = self.id(&key, &path.text, route.name());
            operation.insert("operationId".into(), id.into());
            if let Some((scope, _)) = route.name().and_then(|name| name.rsplit_once('.')) {
                operation.insert("tags".into(), json!([scope]));
            }
            parameters(&mut operation, path);
            responses(&mut operation, path);
            let item = self.paths.entry(path.text.clone()).or_insert_with(|| json!({}));
            item[key] = operation.into();
        }
    }

    /// Returns a unique operation id: the route's name if it is a word, else one of method and path.
    fn id(&mut self, method: &str, path: &str, name: Option<&str>) -> String {
        let is_word = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        let mut id = match name.filter(is_word) {
            Some(name) => name.to_owned(),
            None => {
                let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
                words.fold(method.to_owned(), |id, word| {
                    let (first, rest) = word.split_at(1);
                    format!("{id}{}{rest}", first.to_ascii_uppercase())
                })
            }
        };
        let stem = id.clone();
        let mut number = 2;
        while self.ids.contains(&id) {
            id = format!("{stem}{number}");
            number += 1;
        }
        self.ids.push(id.clone());
        id
    }

    fn finish(mut self, title: &str, version: &str) -> OpenApi {
        for (name, schema) in [("RejectedRequest", rejected()), ("RejectedField", rejected_field())] {
            self.schemas.insert(name.into(), schema);
        }
        let problem = json!({"schema": {"$ref": "#/components/schemas/RejectedRequest"}});
        let responses: Map<_, _> = PROBLEMS
            .iter()
            .map(|(status, name, description)| {
                let mut content = json!({"application/problem+json": problem});
                // The router's own response is a text.
                if ["400", "404"].contains(status) {
                    content["text/plain"] = json!({"schema": {"type": "string"}});
                }
                ((*name).to_owned(), json!({"description": description, "content": content}))
            })
            .collect();
        OpenApi(json!({
            "openapi": "3.1.0",
            "info": {"title": title, "version": version},
            "paths": self.paths,
            "components": {
                "schemas": self.schemas,
                "responses": responses,
            },
        }))
    }
}

/// Makes the path parameters of an operation those of the path.
fn parameters(operation: &mut Map<String, Value>, path: &Path) {
    let list = match operation.remove("parameters") {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let (at_path, others): (Vec<_>, Vec<_>) =
        list.into_iter().partition(|parameter| parameter["in"] == "path");
    let mut all: Vec<_> = path
        .variables
        .iter()
        .map(|variable| {
            let described = at_path.iter().find(|parameter| parameter["name"] == *variable.name);
            variable.refine(described.cloned())
        })
        .collect();
    all.extend(others);
    if !all.is_empty() {
        operation.insert("parameters".into(), all.into());
    }
}

/// Adds the responses of the router itself: for a path that it cannot decode, and for a value that its template
/// does not match.
fn responses(operation: &mut Map<String, Value>, path: &Path) {
    let Some(Value::Object(responses)) = operation.get_mut("responses") else {
        return;
    };
    let mut add = |status: &str, description: &str| {
        responses.entry(status).or_insert_with(|| json!({"description": description}));
    };
    if !path.variables.is_empty() {
        add("400", "The path cannot be decoded.");
    }
    if path.variables.iter().any(|variable| variable.pattern.is_some()) {
        add("404", "A path value does not match its pattern.");
    }
}

fn rejected() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "errors"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/RejectedField"}},
        },
    })
}

fn rejected_field() -> Value {
    json!({
        "type": "object",
        "required": ["in", "code", "detail"],
        "properties": {
            "in": {"type": "string", "description": "The part of the request."},
            "name": {"type": "string", "description": "The variable, key, header or cookie."},
            "pointer": {"type": "string", "description": "The JSON pointer into the body (RFC 6901)."},
            "code": {"type": "string"},
            "detail": {"type": "string"},
        },
    })
}

const PAGE: &str = include_str!("page.html");

impl OpenApi {
    /// Returns an HTML page of the document: operations, parameters, schemas.
    ///
    /// It refers to no other file.
    ///
    /// ```
    /// use waylay_extract::OpenApiExt;
    ///
    /// let router = waylay_router::Router::builder().build()?;
    /// let page = router.openapi("A <b> B", "1").page();
    /// assert!(page.contains("A \\u003cb> B") && !page.contains("<b>"));
    /// # Ok::<(), waylay_router::BuildErrors>(())
    /// ```
    pub fn page(&self) -> String {
        // Without `<`, no text of the document can end its script element.
        let json = self.as_value().to_string().replace('<', "\\u003c");
        PAGE.replace("\"DOCUMENT\"", &json)
    }
}
