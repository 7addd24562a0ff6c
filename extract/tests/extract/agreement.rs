//! Agreement of documents and server on requests: accepted if allowed, rejected otherwise.
//!
//! Left out, for these reasons: further spellings of a `bool` (`1`, `on`), names of aliases, and values that
//! `FromStr` reads, which documents do not show; numbers such as `5.0`, which JSON Schema calls an integer; limits
//! in bytes, where a document counts characters.

#![allow(dead_code, reason = "of most fields only the description and the reading count")]

use std::num::{NonZeroI8, NonZeroU8};

use axum_core::body::Body;
use http::{Request, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use tower::ServiceExt;
use waylay_extract::{Extract, OpenApiExt, RouterExt, Text};
use waylay_router::Router;

const MOST: u64 = 40;

#[derive(Text)]
#[text(rename_all = "kebab-case")]
enum Order {
    NewestFirst,
    Oldest,
}

#[derive(Extract)]
#[route(GET "/scalars/{id:[0-9]+}/{name}")]
#[extract(max_items = 3)]
struct Scalars {
    #[param]
    id: u16,
    #[param(max_length = 5)]
    name: String,
    #[query(min = 3, max = MOST)]
    least: u64,
    #[query]
    signed: Option<i64>,
    #[query]
    wide: Option<u64>,
    #[query]
    size: Option<usize>,
    #[query]
    small: Option<NonZeroU8>,
    #[query]
    odd: Option<NonZeroI8>,
    #[query]
    single: Option<f32>,
    #[query(min = -1.5, max = 1.5, multiple_of = 0.25)]
    share: Option<f64>,
    #[query(bool = "strict", default)]
    strict: bool,
    #[query(bool = "lenient")]
    lenient: Option<bool>,
    #[query(flag, bool = "strict")]
    all: bool,
    #[query]
    letter: Option<char>,
    #[query(min_length = 2, max_length = 4)]
    word: Option<String>,
    #[query(pattern = r"^\d{2}-[\w.]+$")]
    code: Option<String>,
    #[query]
    order: Option<Order>,
    #[query(empty = "error")]
    filled: Option<String>,
    #[header("x-level", multiple_of = 5)]
    level: Option<u8>,
    #[cookie("theme")]
    theme: Option<Order>,
}

#[derive(Extract)]
#[route(GET "/lists")]
#[extract(max_items = 3)]
struct Lists {
    #[query(min_items = 1)]
    tags: Vec<String>,
    #[query(csv, max_items = 2, max = 9)]
    ids: Vec<u8>,
    #[header("x-ids")]
    header: Vec<u8>,
    #[header(typed)]
    agent: Option<headers::UserAgent>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Range {
    from: u8,
    to: Option<i8>,
}

#[derive(Extract)]
#[route(GET "/nested")]
struct Nested {
    #[query(nested)]
    range: Range,
}

#[derive(Extract)]
#[route(POST "/members")]
#[extract(deny_unknown(json))]
struct Members {
    #[json(min = 1, max = 5)]
    stars: u8,
    #[json(max_length = 3)]
    title: Option<String>,
    #[json(min = 2)]
    list: Vec<u8>,
    #[json]
    range: Option<Range>,
    #[json(default = 7)]
    size: i64,
    #[json]
    share: Option<f64>,
}

#[derive(Extract)]
#[route(POST "/open")]
struct Open {
    #[json]
    only: Option<bool>,
}

#[derive(Extract)]
#[route(PUT "/whole")]
#[extract(accept = ["text/json"])]
struct Whole {
    #[body]
    range: Option<Range>,
}

#[derive(Extract)]
#[route(POST "/form")]
#[extract(deny_unknown(form, part), max_items = 2)]
struct Form {
    #[form(max_length = 3)]
    name: String,
    #[form]
    age: Option<u8>,
    #[form(csv, min = 1)]
    ids: Vec<u8>,
    #[form]
    tags: Vec<String>,
    #[form(nested)]
    range: Option<Range>,
}

fn router() -> Router {
    let builder = Router::builder()
        .endpoint(async |_: Scalars| "")
        .endpoint(async |_: Lists| "")
        .endpoint(async |_: Nested| "")
        .endpoint(async |_: Members| "")
        .endpoint(async |_: Open| "")
        .endpoint(async |_: Whole| "")
        .endpoint(async |_: Form| "");
    builder.build().unwrap()
}

/// A document, whose schemas refer to each other.
struct Document(Value);

impl Document {
    fn resolve<'d>(&'d self, schema: &'d Value) -> &'d Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
            None => schema,
        }
    }

    /// Tests a value against the keywords of JSON Schema in the documents.
    fn allows(&self, schema: &Value, value: &Value) -> bool {
        let schema = self.resolve(schema);
        let types = match &schema["type"] {
            Value::String(one) => vec![&**one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let is = |kind: &&str| match *kind {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("{other}"),
        };
        let number = |key: &str| schema[key].as_f64();
        let count = |key: &str| schema[key].as_u64().map(|count| count as usize);
        let mut fits = types.is_empty() || types.iter().any(is);
        fits &= schema.get("enum").is_none_or(|list| list.as_array().unwrap().contains(value));
        fits &= schema.get("const").is_none_or(|constant| constant == value);
        fits &= schema.get("not").is_none_or(|not| !self.allows(not, value));
        fits &= schema["anyOf"].as_array().is_none_or(|list| list.iter().any(|one| self.allows(one, value)));
        match value {
            Value::Number(n) => {
                // Exact where both are integers: floats cannot distinguish the greatest ones.
                let at_least =
                    |bound: &Value| match (n.as_i128(), bound.as_number().and_then(|b| b.as_i128())) {
                        (Some(n), Some(bound)) => n >= bound,
                        _ => n.as_f64() >= bound.as_f64(),
                    };
                fits &= schema.get("minimum").is_none_or(at_least);
                let above = |bound: &Value| at_least(bound) && Some(bound) != Some(value);
                fits &= schema.get("maximum").is_none_or(|bound| !above(bound));
                let times = |of: f64| (n.as_f64().unwrap() / of).fract() == 0.0;
                fits &= number("multipleOf").is_none_or(times);
            }
            Value::String(text) => {
                let length = text.chars().count();
                fits &= count("minLength").is_none_or(|least| length >= least);
                fits &= count("maxLength").is_none_or(|most| length <= most);
                // ECMA-262 has ASCII in its classes.
                let pattern = |pattern: &str| {
                    let regex = regex::bytes::RegexBuilder::new(pattern).unicode(false).build().unwrap();
                    regex.is_match(text.as_bytes())
                };
                fits &= schema["pattern"].as_str().is_none_or(pattern);
            }
            Value::Array(items) => {
                fits &= count("minItems").is_none_or(|least| items.len() >= least);
                fits &= count("maxItems").is_none_or(|most| items.len() <= most);
                fits &= items.iter().all(|item| self.allows(&schema["items"], item));
            }
            Value::Object(members) => {
                fits &= count("maxProperties").is_none_or(|most| members.len() <= most);
                let required = schema["required"].as_array().into_iter().flatten();
                fits &= required.into_iter().all(|name| members.contains_key(name.as_str().unwrap()));
                fits &= members.iter().all(|(name, member)| match schema["properties"].get(name) {
                    Some(property) => self.allows(property, member),
                    None => match schema.get("additionalProperties") {
                        Some(Value::Bool(any)) => *any,
                        Some(others) => self.allows(others, member),
                        None => true,
                    },
                });
            }
            Value::Null | Value::Bool(_) => {}
        }
        fits
    }

    /// Tests a text, as a text, a number or a `bool`.
    fn allows_text(&self, schema: &Value, text: &str) -> bool {
        let value =
            serde_json::from_str(text).ok().filter(|value: &Value| value.is_number() || value.is_boolean());
        self.allows(schema, &json!(text)) || value.is_some_and(|value| self.allows(schema, &value))
    }

    /// Values at the edges of a schema and around them, and some of each type.
    fn candidates(&self, schema: &Value, depth: usize) -> Vec<Value> {
        let schema = self.resolve(schema);
        let mut found = vec![
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(7),
            json!(1.75),
            json!(""),
            json!("ab"),
        ];
        for key in ["minimum", "maximum"] {
            match &schema[key] {
                Value::Number(n) if n.is_f64() => {
                    let edge = n.as_f64().unwrap();
                    found.extend([json!(edge), json!(edge * 1.5), json!(edge / 2.0)]);
                }
                Value::Number(n) => {
                    let edge = n.as_i128().unwrap();
                    found.extend(
                        [edge - 1, edge, edge + 1]
                            .iter()
                            .filter_map(|edge| serde_json::from_str(&edge.to_string()).ok()),
                    );
                }
                _ => {}
            }
        }
        for key in ["minLength", "maxLength"] {
            if let Some(length) = schema[key].as_u64() {
                let lengths = [length.saturating_sub(1), length, length + 1];
                found.extend(lengths.map(|length| json!("é".repeat(length as usize))));
                found.extend(lengths.map(|length| json!("x".repeat(length as usize))));
            }
        }
        if schema.get("pattern").is_some() {
            found.extend([
                json!("12-a.b"),
                json!("1-a"),
                json!("٣٣-a"),
                json!("12-é"),
                json!("12"),
                json!("123"),
            ]);
        }
        found.extend(schema["enum"].as_array().into_iter().flatten().cloned());
        found.extend(
            schema["anyOf"].as_array().into_iter().flatten().flat_map(|one| self.candidates(one, depth)),
        );
        if depth == 0 {
            return found;
        }
        if schema.get("items").is_some() {
            let items = self.candidates(&schema["items"], depth - 1);
            let good = items.iter().find(|item| self.allows(&schema["items"], item)).cloned();
            for length in 0..6 {
                found.push(good.iter().cycle().take(length).cloned().collect());
            }
            found.extend(items.into_iter().map(|item| json!([item])));
        }
        if let Some(properties) = schema["properties"].as_object() {
            let base = self.base(schema);
            found.push(base.clone().into());
            for (name, property) in properties {
                let mut without = base.clone();
                without.remove(name);
                found.push(without.into());
                for value in self.candidates(property, depth - 1) {
                    let mut with = base.clone();
                    with.insert(name.clone(), value);
                    found.push(with.into());
                }
            }
            let mut more = base;
            more.insert("unknown".into(), json!("x"));
            found.push(more.into());
        }
        found
    }

    /// An object of an allowed value for each required property.
    fn base(&self, schema: &Value) -> Map<String, Value> {
        let required = schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap());
        let member = |name: &str| (name.to_owned(), self.first(&schema["properties"][name]));
        required.map(member).collect()
    }

    fn first(&self, schema: &Value) -> Value {
        let mut candidates = self.candidates(schema, 2).into_iter().filter(|value| !value.is_null());
        candidates.find(|value| self.allows(schema, value)).unwrap_or_else(|| panic!("nothing is a {schema}"))
    }
}

trait Integer {
    fn as_i128(&self) -> Option<i128>;
}

impl Integer for serde_json::Number {
    fn as_i128(&self) -> Option<i128> {
        self.as_i64().map(i128::from).or(self.as_u64().map(i128::from))
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A scalar as text; `None` for other values.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The pairs of a parameter or a property by its style (OpenAPI 3.1, 4.8.12.3); `None`: it cannot be written.
fn pairs(name: &str, value: &Value, style: &Value) -> Option<Vec<(String, String)>> {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(text).collect::<Option<_>>()?;
            if style["explode"] == false {
                // An empty list is written as no pair, an item with a comma as two.
                let one = (name.to_owned(), items.join(","));
                let is_odd = items.iter().any(|item| item.is_empty() || item.contains(','));
                return (!is_odd).then(|| if items.is_empty() { Vec::new() } else { vec![one] });
            }
            Some(items.into_iter().map(|item| (name.to_owned(), item)).collect())
        }
        Value::Object(members) => {
            assert_eq!(style["style"], "deepObject", "{name}");
            let pair = |(key, value): (&String, &Value)| Some((format!("{name}[{key}]"), text(value)?));
            members.iter().map(pair).collect()
        }
        scalar => Some(vec![(name.to_owned(), text(scalar)?)]),
    }
}

/// Whether a value is allowed where it is written as texts.
fn is_allowed(document: &Document, schema: &Value, value: &Value) -> bool {
    let schema = document.resolve(schema);
    match value {
        Value::Array(items) => {
            let mut counted = schema.clone();
            counted["items"] = json!({});
            document.allows(&counted, value)
                && items.iter().all(|item| document.allows_text(&schema["items"], &text(item).unwrap()))
        }
        Value::Object(members) => {
            // Each member by its text, as the type of the schema.
            let typed = |(name, value): (&String, &Value)| {
                let text = text(value).unwrap_or_default();
                let scalar: Value = match &*text {
                    "" => json!(null),
                    text => serde_json::from_str(text).unwrap_or(json!(text)),
                };
                let as_is = json!(text);
                let property = &schema["properties"][name];
                (name.clone(), if document.allows(property, &as_is) { as_is } else { scalar })
            };
            match schema["anyOf"].as_array() {
                Some(list) => list.iter().any(|one| is_allowed(document, one, value)),
                None => document.allows(schema, &Value::Object(members.iter().map(typed).collect())),
            }
        }
        scalar => document.allows_text(schema, &text(scalar).unwrap()),
    }
}

/// A request in parts.
#[derive(Clone, Debug, Default)]
struct Draft {
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Option<(String, String)>,
}

impl Draft {
    fn set(&mut self, parameter: &Value, value: &Value) -> Option<()> {
        let name = parameter["name"].as_str().unwrap();
        match parameter["in"].as_str().unwrap() {
            "path" => {
                let text = text(value).filter(|text| !text.is_empty())?;
                self.path = self.path.replace(&format!("{{{name}}}"), &escaped(&text));
            }
            "query" => self.query.extend(pairs(name, value, parameter)?),
            "header" => {
                let list = json!({"explode": false});
                for (name, value) in pairs(name, value, &list)? {
                    self.headers.push((name, Some(value).filter(|value| !value.is_empty())?));
                }
            }
            _ => {
                let value = escaped(&text(value).filter(|text| !text.is_empty())?);
                self.headers.push(("cookie".into(), format!("{name}={value}")));
            }
        }
        Some(())
    }

    fn request(&self, method: &str) -> Option<Request<Body>> {
        let pair = |(key, value): &(String, String)| format!("{}={}", escaped(key), escaped(value));
        let query: Vec<_> = self.query.iter().map(pair).collect();
        let mut request = Request::builder().method(&*method.to_uppercase()).uri(format!(
            "{}?{}",
            self.path,
            query.join("&")
        ));
        for (name, value) in &self.headers {
            request = request.header(name, value.as_bytes());
        }
        let (kind, body) = self.body.clone().unwrap_or_default();
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        request.body(Body::from(body)).ok()
    }
}

/// A body of the content type, if the value can be written so.
fn write(kind: &str, value: &Value, media: &Value) -> Option<(String, String)> {
    match kind {
        "application/json" | "text/json" => Some((kind.to_owned(), value.to_string())),
        _ => {
            let mut all = Vec::new();
            for (name, value) in value.as_object()? {
                all.extend(pairs(name, value, &media["encoding"][name])?);
            }
            if kind == "multipart/form-data" {
                let part = |(name, value): &(String, String)| {
                    format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                };
                let parts: String = all.iter().map(part).collect();
                return Some((format!("{kind}; boundary=b"), format!("{parts}--b--\r\n")));
            }
            let pair = |(key, value): &(String, String)| format!("{}={}", escaped(key), escaped(value));
            Some((kind.to_owned(), all.iter().map(pair).collect::<Vec<_>>().join("&")))
        }
    }
}

/// Sends a request, and reports a response that the document does not allow.
async fn send(
    router: &Router,
    method: &str,
    operation: &Value,
    draft: &Draft,
    is_allowed: bool,
) -> Option<String> {
    let request = draft.request(method)?;
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let is_listed = operation["responses"].get(status.as_str()).is_some();
    let fits = if is_allowed { status == StatusCode::OK } else { status.is_client_error() };
    (!fits || !is_listed)
        .then(|| format!("{status}, listed {is_listed}, allowed {is_allowed}: {method} {draft:?}"))
}

#[tokio::test]
async fn what_a_document_allows_is_accepted_and_what_it_forbids_is_rejected() {
    let router = router();
    let document = Document(router.openapi("x", "1").into_value());
    let (mut wrong, mut sent) = (Vec::new(), [0, 0]);
    for (path, item) in document.0["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
            let required = |parameter: &&&Value| parameter["required"] == true;
            let draft = |without: Option<&Value>| {
                let mut draft = Draft { path: path.clone(), ..Draft::default() };
                for parameter in parameters.iter().filter(required) {
                    if without.is_none_or(|without| without["name"] != parameter["name"]) {
                        draft.set(parameter, &document.first(&parameter["schema"])).unwrap();
                    }
                }
                draft
            };
            let mut cases = Vec::new();
            let contents: Vec<_> =
                operation["requestBody"]["content"].as_object().into_iter().flatten().collect();
            let base_body = contents.first().map(|(kind, media)| {
                let schema = document.resolve(&media["schema"]);
                let value = match schema["properties"].is_object() {
                    true => document.base(schema).into(),
                    false => document.first(schema),
                };
                write(kind, &value, media).unwrap()
            });
            let with_body = |draft: Draft| Draft { body: base_body.clone(), ..draft };
            cases.push((with_body(draft(None)), true));
            for parameter in &parameters {
                if parameter["in"] != "path" {
                    let is_optional = parameter["required"] != true;
                    cases.push((with_body(draft(Some(parameter))), is_optional));
                }
                let schema = &parameter["schema"];
                for value in document.candidates(schema, 2) {
                    let mut draft = draft(Some(parameter));
                    let may_be_empty = parameter["allowEmptyValue"] == true && value == json!("");
                    // Objects and lists are written only where the schema has them.
                    let kind = document.resolve(schema)["type"].as_str().unwrap_or_default();
                    let is_other = |kind_of: &str, is: bool| is != (kind == kind_of);
                    if is_other("array", value.is_array()) || is_other("object", value.is_object()) {
                        continue;
                    }
                    if draft.set(parameter, &value).is_some() {
                        // A list without items is not written at all.
                        let is_absent = value == json!([]) && parameter["required"] != true;
                        let allowed = is_absent || may_be_empty || is_allowed(&document, schema, &value);
                        cases.push((with_body(draft), allowed));
                    }
                }
            }
            for (kind, media) in &contents {
                let is_json = kind.ends_with("json");
                for value in document.candidates(&media["schema"], 3) {
                    // As texts, one value and a list of one are the same.
                    let is_confusing = |(name, value): (&String, &Value)| {
                        let property = document.resolve(&media["schema"]["properties"][name]);
                        !value.is_array() && property["type"] == "array"
                    };
                    if !is_json && value.as_object().is_some_and(|members| members.iter().any(is_confusing)) {
                        continue;
                    }
                    let Some(body) = write(kind, &value, media) else { continue };
                    let properties = &document.resolve(&media["schema"])["properties"];
                    let allowed = match is_json {
                        true => document.allows(&media["schema"], &value),
                        false => {
                            form_is_allowed(&document, document.resolve(&media["schema"]), properties, &value)
                        }
                    };
                    // An empty form is no body.
                    let is_absent = body.1.is_empty();
                    let allowed = allowed && (!is_absent || operation["requestBody"]["required"] == false);
                    cases.push((Draft { body: Some(body), ..draft(None) }, allowed));
                }
            }
            if !contents.is_empty() {
                let is_optional = operation["requestBody"]["required"] == false;
                cases.push((draft(None), is_optional));
                let other = Some(("text/csv".to_owned(), "a,b".to_owned()));
                cases.push((Draft { body: other, ..draft(None) }, false));
            }
            for (draft, allowed) in cases {
                sent[usize::from(allowed)] += 1;
                wrong.extend(send(&router, method, operation, &draft, allowed).await);
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {sent:?}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(sent[0] > 300 && sent[1] > 300, "{sent:?}");
}

/// Whether a form is allowed: its properties by their texts.
fn form_is_allowed(document: &Document, schema: &Value, properties: &Value, value: &Value) -> bool {
    let Some(members) = value.as_object() else { return false };
    let mut names = schema.clone();
    names["properties"] =
        properties.as_object().unwrap().keys().map(|name| (name.clone(), json!({}))).collect();
    document.allows(&names, value)
        && members.iter().all(|(name, value)| match properties.get(name) {
            Some(_) if value == &json!([]) || value == &json!({}) => true,
            Some(property) => is_allowed(document, property, value),
            None => true,
        })
}

/// The same by another tool, which makes many more requests: `SCHEMATHESIS` is its program.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis 4: `SCHEMATHESIS=schemathesis cargo test -- --ignored schemathesis`"]
async fn schemathesis_finds_no_disagreement() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = router();
    let document = router.openapi("x", "1").to_string();
    tokio::spawn(async move { ::axum::serve(listener, tower::make::Shared::new(router)).await });
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), document).unwrap();
    let program = std::env::var("SCHEMATHESIS").unwrap_or("schemathesis".to_owned());
    let mut command = std::process::Command::new(program);
    command.arg("run").arg(file.path()).args(["--url", &format!("http://{address}")]).args(SCHEMATHESIS);
    // What is left out, with the reasons.
    command.env("SCHEMATHESIS_HOOKS", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/schemathesis.py"));
    let status = tokio::task::spawn_blocking(move || command.status()).await.unwrap().unwrap();
    assert!(status.success());
}

/// The checks that hold, and a seed, so that a failure is repeatable.
const SCHEMATHESIS: [&str; 8] = [
    "--checks",
    "not_a_server_error,status_code_conformance,content_type_conformance,positive_data_acceptance,negative_data_rejection",
    "--max-examples",
    "100",
    "--seed",
    "1",
    "--phases",
    "coverage,fuzzing",
];
