//! Documents of routers, checked against the rules of OpenAPI 3.1.

#![expect(dead_code, reason = "of these structs only the description counts")]

use std::collections::HashSet;

use ::axum::{Json, response::NoContent};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use waylay_extract::{
    Answer, Answers, Extract, OpenApi, OpenApiExt, Rejection, RouteExt, RouterExt, TextSchema, routes,
};
use waylay_router::{Matched, Route, Router, Scope};

struct Slug(String);

impl std::str::FromStr for Slug {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(Self(text.to_owned()))
    }
}

impl TextSchema for Slug {
    fn text_schema() -> Value {
        json!({"type": "string", "pattern": "^[a-z-]+$"})
    }
}

/// Lists posts.
///
/// The newest come first.
#[derive(Extract)]
#[route(GET "/users/{user:[0-9]+}/posts/{year:[0-9]{4}}-{slug}", answer = Vec<Post>)]
struct List {
    /// Whose posts.
    #[param]
    user: u64,
    #[param]
    year: String,
    #[param]
    slug: Slug,
    /// How many.
    #[query(default = 20)]
    limit: u8,
    #[query(csv, min_items = 1)]
    tags: Vec<String>,
    #[query(default = "en")]
    lang: String,
    #[query(flag)]
    drafts: bool,
    #[query(limit = 16)]
    text: Option<String>,
    #[query(rest)]
    others: Vec<(String, String)>,
    #[header("x-tenant")]
    tenant: Option<String>,
    #[header]
    accept: Option<String>,
    #[cookie("sid")]
    session: String,
    #[flatten(prefix = "page-")]
    page: Page,
    #[extension]
    ignored: Option<u8>,
}

/// Not the operation's comment.
#[derive(Extract)]
struct Page {
    #[query(default = -1)]
    number: i64,
}

#[derive(Deserialize, Serialize, utoipa::ToSchema)]
struct Author {
    name: String,
}

#[derive(Deserialize, Serialize, utoipa::ToSchema)]
struct Post {
    author: Author,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Place {
    at: Option<Point>,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Point {
    x: f64,
}

#[derive(Deserialize)]
struct Unknown;

/// Creates a post.
#[derive(Extract)]
#[route(POST "/posts")]
#[extract(rename_all = "camelCase", deny_unknown(json))]
struct Create {
    #[json]
    first_author: Author,
    #[json]
    others: Vec<Author>,
    #[json]
    place: Option<Place>,
    #[json(default)]
    unknown: Option<Unknown>,
    #[json(default = 3)]
    stars: u8,
}

#[derive(Extract)]
#[route(PUT "/avatar/{user?}")]
struct Avatar {
    #[param]
    user: Option<String>,
    #[form]
    title: String,
    #[part]
    image: bytes::Bytes,
}

#[derive(Extract)]
#[route(PATCH "/files/{*path}")]
struct Patch {
    #[param]
    path: String,
    #[body(json, text)]
    change: String,
    #[body(bytes)]
    raw: bytes::Bytes,
}

#[derive(Extract)]
#[route(POST "/login", answer = Result<NoContent, StatusCode>)]
struct Login {
    #[form]
    name: String,
    #[form(default)]
    remember: bool,
}

struct Api;

impl<S: Sync> axum_core::extract::FromRequestParts<S> for Api {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

struct NoUser;

impl axum_core::response::IntoResponse for NoUser {
    fn into_response(self) -> axum_core::response::Response {
        StatusCode::NOT_FOUND.into_response()
    }
}

impl Answer for NoUser {
    fn answer(answers: &mut Answers) {
        answers.status(StatusCode::NOT_FOUND, "There is no such user.");
        answers.content(StatusCode::BAD_REQUEST, "What?", "text/plain", json!({"type": "string"}));
    }
}

#[routes]
impl Api {
    pub(crate) async fn avatar(&self, _: Avatar) {}

    pub(crate) async fn patch(&self, _: Patch) -> Result<(StatusCode, Json<Vec<Post>>), NoUser> {
        Err(NoUser)
    }
}

/// The root, which is read of each request.
#[derive(Extract)]
#[extract(error = Sorry)]
struct Office {
    /// The caller.
    #[header("x-clerk")]
    clerk: String,
    #[query]
    year: Option<u16>,
}

/// Reads by optional paths only.
#[derive(Extract)]
#[extract(path_error = 404)]
#[route(GET "/office/{room}")]
struct Enter {
    #[param]
    room: u16,
}

#[derive(Extract)]
#[route(GET "/office")]
struct Knock {
    #[query]
    year: u16,
}

#[derive(Extract)]
#[route(PUT "/office/seal")]
struct Seal {
    #[body(bytes)]
    wax: bytes::Bytes,
}

/// The struct declares the response.
#[derive(Extract)]
#[route(POST "/office", answer = Vec<Author>)]
#[extract(validate = fine)]
struct Work {
    #[query]
    hours: u8,
}

fn fine(_: &Work) -> Result<(), waylay_extract::Invalid> {
    Ok(())
}

/// The converted rejection describes its responses.
#[derive(Extract)]
#[route(PATCH "/office")]
#[extract(error = Sorry)]
struct Move {
    #[json]
    to: u8,
}

struct Sorry;

impl From<Rejection> for Sorry {
    fn from(_: Rejection) -> Self {
        Self
    }
}

impl axum_core::response::IntoResponse for Sorry {
    fn into_response(self) -> axum_core::response::Response {
        (StatusCode::IM_A_TEAPOT, "sorry").into_response()
    }
}

impl Answer for Sorry {
    fn answer(answers: &mut Answers) {
        answers.status(StatusCode::IM_A_TEAPOT, "Sorry.");
    }
}

type Answered = Result<String, NoUser>;

#[routes]
impl Office {
    pub(crate) async fn enter(&self, _: Enter) -> Json<Author> {
        Json(Author { name: String::new() })
    }

    pub(crate) async fn knock(&self, _: Knock) -> Answered {
        Err(NoUser)
    }

    pub(crate) async fn moved(&self, _: Move) -> Result<(), Sorry> {
        Err(Sorry)
    }

    pub(crate) async fn seal(&self, _: Seal) -> Result<impl axum_core::response::IntoResponse, Rejection> {
        Ok("sealed")
    }

    pub(crate) async fn work(&self, _: Work) -> ([(&'static str, &'static str); 1], &'static str) {
        ([("x-done", "yes")], "done")
    }
}

fn document() -> OpenApi {
    let router = Router::builder()
        .endpoint(async |_: List| "")
        .endpoints::<Api>()
        .endpoints::<Office>()
        .route(Route::of::<Create>().name("create_post").to(async |_: Create| ""))
        .route(Route::get("/plain/{{x}}/{id:[a-z]{2}}").to(async |_: Matched| ""))
        .route(Route::any("/every").to(async || ""))
        .route(Route::prefix("/static").to(async || ""))
        .route(Route::get("/elsewhere").name("elsewhere").build_only().to(async || ""))
        .scope(Scope::new().prefix("/{tenant}").name("tenant").endpoint(async |_: Login| ""))
        .build()
        .unwrap();
    router.openapi("Blog", "1.2.3")
}

#[test]
fn a_struct_is_an_operation() {
    let document = document();
    let list = &document.as_value()["paths"]["/users/{user}/posts/{year}-{slug}"]["get"];
    let expected = json!({
        "operationId": "getUsersUserPostsYearSlug",
        "summary": "Lists posts.",
        "description": "The newest come first.",
        "parameters": [
            {"name": "user", "in": "path", "required": true, "description": "Whose posts.",
             "schema": {"type": "integer", "format": "uint64", "minimum": 0, "maximum": u64::MAX}},
            {"name": "year", "in": "path", "required": true,
             "schema": {"type": "string", "minLength": 1, "pattern": "^(?:[0-9]{4})$"}},
            {"name": "slug", "in": "path", "required": true,
             "schema": {"type": "string", "minLength": 1, "pattern": "^[a-z-]+$"}},
            {"name": "limit", "in": "query", "required": false, "description": "How many.",
             "schema": {"type": "integer", "minimum": 0, "maximum": 255, "default": 20}},
            {"name": "tags", "in": "query", "required": true, "explode": false,
             "schema": {"type": "array", "minItems": 1, "maxItems": 1000, "items": {"type": "string"}}},
            {"name": "lang", "in": "query", "required": false, "schema": {"type": "string", "default": "en"}},
            {"name": "drafts", "in": "query", "required": false, "allowEmptyValue": true, "schema": {"type": "boolean"}},
            {"name": "text", "in": "query", "required": false, "schema": {"type": "string", "maxLength": 16}},
            {"name": "others", "in": "query", "required": false, "style": "form", "explode": true,
             "schema": {"type": "object", "additionalProperties": {"type": "string"}}},
            {"name": "x-tenant", "in": "header", "required": false, "schema": {"type": "string"}},
            {"name": "sid", "in": "cookie", "required": true, "schema": {"type": "string"}},
            {"name": "page-number", "in": "query", "required": false,
             "schema": {"type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX, "default": -1}},
        ],
        "responses": {
            "200": {"description": "The response.", "content": {"application/json": {"schema":
                {"type": "array", "items": {"$ref": "#/components/schemas/Post"}}}}},
            "400": {"$ref": "#/components/responses/BadRequest"},
            "404": {"description": "A path value does not match its pattern."},
        },
    });
    assert_eq!(*list, expected, "{list:#}");
}

#[test]
fn bodies_are_described_by_their_content_types() {
    let document = document();
    let paths = &document.as_value()["paths"];
    let content = |path: &str, method: &str| paths[path][method]["requestBody"]["content"].clone();
    let create = &paths["/posts"]["post"];
    assert_eq!(
        (&create["operationId"], &create["requestBody"]["required"]),
        (&json!("create_post"), &json!(true))
    );
    assert_eq!(
        content("/posts", "post"),
        json!({"application/json": {"schema": {
            "type": "object",
            "additionalProperties": false,
            "required": ["firstAuthor", "others"],
            "properties": {
                "firstAuthor": {"$ref": "#/components/schemas/Author"},
                "others": {"type": "array", "items": {"$ref": "#/components/schemas/Author"}},
                "place": {"anyOf": [{"$ref": "#/components/schemas/Place"}, {"type": "null"}]},
                "unknown": {},
                "stars": {"type": "integer", "minimum": 0, "maximum": 255, "default": 3},
            },
        }}})
    );
    let file = json!({"type": "string", "contentMediaType": "application/octet-stream"});
    assert_eq!(
        content("/avatar/{user}", "put"),
        json!({"multipart/form-data": {"schema": {
            "type": "object",
            "required": ["title", "image"],
            "properties": {"title": {"type": "string"}, "image": file},
        }}})
    );
    assert_eq!(content("/avatar/{user}", "put"), content("/avatar", "put"));
    assert_eq!(
        content("/files/{path}", "patch"),
        json!({"application/json": {"schema": {"type": "string"}}, "text/plain": {"schema": {"type": "string"}}})
    );
    let login = json!({"schema": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "remember": {"type": "boolean"}},
    }});
    assert_eq!(
        content("/{tenant}/login", "post"),
        json!({"application/x-www-form-urlencoded": login, "multipart/form-data": login})
    );
    let schemas = &document.as_value()["components"]["schemas"];
    for name in ["Author", "Post", "Place", "Point", "RejectedRequest", "RejectedField"] {
        assert!(schemas[name].is_object(), "{name}: {schemas:#}");
    }
}

#[test]
fn routes_without_a_struct_have_their_variables() {
    let document = document();
    let paths = document.as_value()["paths"].as_object().unwrap();
    let mut known: Vec<_> = paths.keys().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(
        known,
        [
            "/avatar",
            "/avatar/{user}",
            "/every",
            "/files/{path}",
            "/office",
            "/office/seal",
            "/office/{room}",
            "/plain/%7Bx%7D/{id}",
            "/posts",
            "/users/{user}/posts/{year}-{slug}",
            "/{tenant}/login",
        ]
    );
    assert_eq!(
        paths["/plain/%7Bx%7D/{id}"]["get"]["parameters"],
        json!([{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1, "pattern": "^(?:[a-z]{2})$"}}])
    );
    let login = &paths["/{tenant}/login"]["post"];
    assert_eq!((&login["tags"], &login["parameters"][0]["name"]), (&json!(["tenant"]), &json!("tenant")));
    assert_eq!(paths["/every"].as_object().unwrap().len(), 1);
}

/// Returns an operation's statuses, with description and content types of those described by types.
fn answers(document: &OpenApi, path: &str, method: &str) -> Vec<String> {
    let responses = document.as_value()["paths"][path][method]["responses"].as_object().unwrap();
    let line = |(status, response): (&String, &Value)| match response["description"].as_str() {
        None => status.clone(),
        Some(text) => {
            let kinds = response["content"].as_object().into_iter().flatten();
            let kinds = kinds.map(|(kind, content)| format!(" [{kind}: {}]", content["schema"]));
            format!("{status} {text}{}", kinds.collect::<String>())
        }
    };
    responses.iter().map(line).collect()
}

#[test]
fn return_types_describe_the_responses() {
    let document = document();
    let author = r##"[application/json: {"$ref":"#/components/schemas/Author"}]"##;
    let authors = author.replace(": {", r#": {"items":{"#).replace("]", r#","type":"array"}]"#);
    assert_eq!(
        answers(&document, "/office/{room}", "get"),
        [&*format!("200 The response. {author}"), "400", "404"]
    );
    assert_eq!(
        answers(&document, "/office", "get"),
        [
            r#"200 The response. [text/plain: {"type":"string"}]"#,
            r##"400 What? [application/problem+json: {"$ref":"#/components/schemas/RejectedRequest"}] [text/plain: {"type":"string"}]"##,
            "404 There is no such user.",
        ]
    );
    assert_eq!(answers(&document, "/office/seal", "put"), ["200 The response.", "400", "413"]);
    assert_eq!(
        answers(&document, "/office", "post"),
        [&*format!("200 The response. {authors}"), "400", "422"]
    );
    assert_eq!(
        answers(&document, "/avatar", "put"),
        ["200 Success without content.", "400", "413", "415", "422"]
    );
    let patch = answers(&document, "/files/{path}", "patch");
    assert!(
        patch[3].starts_with("415") && patch[5].starts_with("default The response. [application/json: "),
        "{patch:?}"
    );
    assert_eq!(
        answers(&document, "/{tenant}/login", "post"),
        ["204 Success without content.", "400", "413", "415", "422", "default A status without content."]
    );
    assert_eq!(answers(&document, "/office", "patch"), ["200 Success without content.", "418 Sorry."]);
    assert_eq!(answers(&document, "/every", "get"), ["200 The response."]);
}

#[test]
fn the_parameters_of_the_root_are_those_of_each_method() {
    let document = document();
    let names = |path: &str, method: &str| {
        let parameters = document.as_value()["paths"][path][method]["parameters"].as_array().unwrap();
        parameters.iter().map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("/office/{room}", "get"), ["room", "x-clerk", "year"]);
    // The year, which is required.
    assert_eq!(names("/office", "get"), ["year", "x-clerk"]);
    assert_eq!(document.as_value()["paths"]["/office"]["get"]["parameters"][0]["required"], true);
    assert_eq!(document.as_value()["paths"]["/office"]["get"].get("summary"), None);
}

/// The document is a file beside the tests; `benches` validates it against the official schema.
#[test]
fn the_document_is_unchanged() {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/openapi.json");
    let document = format!("{}\n", document());
    if std::env::var_os("KEEP").is_some() {
        std::fs::write(place, &document).unwrap();
    }
    let kept = std::fs::read_to_string(place).unwrap_or_default();
    assert!(document == kept, "run this test with KEEP=1, and look at the difference");
}

/// Returns every `$ref` of a value.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                match inner {
                    Value::String(to) if key == "$ref" => found.push(to),
                    inner => references(inner, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

/// The rules of OpenAPI 3.1 that a document could violate, by section.
fn check(document: &Value) {
    let version = document["openapi"].as_str().unwrap();
    assert!(version.starts_with("3.1."), "4.8.1");
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string(), "4.8.2");
    let mut found = Vec::new();
    references(document, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "4.8.23: {reference} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
        assert!(fits, "4.8.7: {name}");
    }
    let mut ids = HashSet::new();
    let mut shapes = HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with('/'), "4.8.8: {path}");
        let holes: HashSet<_> = path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
        let shape: Vec<_> = path.split('{').map(|part| part.split('}').next_back().unwrap()).collect();
        assert!(shapes.insert(shape.join("{}")), "4.8.8.2: {path} is there by other names");
        for (method, operation) in item.as_object().unwrap() {
            let known = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
            assert!(known.contains(&&**method), "4.8.9: {method}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "4.8.10: {operation}");
            assert!(!operation["responses"].as_object().unwrap().is_empty(), "4.8.16");
            let mut at_path = HashSet::new();
            let mut all = HashSet::new();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let (name, place) = (parameter["name"].as_str().unwrap(), parameter["in"].as_str().unwrap());
                assert!(all.insert((name, place)), "4.8.10: {name} twice");
                assert!(["path", "query", "header", "cookie"].contains(&place), "4.8.12: {place}");
                assert!(parameter["schema"].is_object(), "4.8.12.2: {name}");
                if place == "path" {
                    assert_eq!(parameter["required"], true, "4.8.12: {name}");
                    at_path.insert(name);
                }
            }
            assert_eq!(at_path, holes, "4.8.8: {path}");
            for (_, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
                assert!(content.get("schema").is_none_or(Value::is_object), "4.8.14");
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(status.parse::<u16>().is_ok() || status == "default", "4.8.16: {status}");
                assert!(response["description"].is_string() || response["$ref"].is_string(), "4.8.17");
            }
        }
    }
}

#[test]
fn documents_follow_the_specification() {
    let document = document();
    check(document.as_value());
    // The types of utoipa read and write it.
    let mut typed = document.clone().into_value();
    // The schema that utoipa cannot read: an empty one.
    let create = "/paths/~1posts/post/requestBody/content/application~1json/schema/properties/unknown";
    *typed.pointer_mut(create).unwrap() = json!({"type": "object"});
    let theirs: utoipa::openapi::OpenApi = serde_json::from_value(typed).unwrap();
    assert_eq!(theirs.paths.paths.len(), document.as_value()["paths"].as_object().unwrap().len());
    check(&serde_json::to_value(&theirs).unwrap());
}

#[test]
fn several_routes_of_one_path_are_one_operation() {
    let router = Router::builder()
        .route(Route::get("/a").name("first").header("x-a", "1").to(async || ""))
        .route(Route::get("/a").name("second").header("x-a", "2").to(async || ""))
        .route(Route::post("/a").name("get /a").to(async || ""))
        .build()
        .unwrap();
    let document = router.openapi("x", "1");
    check(document.as_value());
    let item = &document.as_value()["paths"]["/a"];
    assert_eq!(
        (&item["get"]["operationId"], &item["post"]["operationId"]),
        (&json!("first"), &json!("postA"))
    );
}
