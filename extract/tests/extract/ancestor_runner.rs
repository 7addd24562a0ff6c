//! Runs rows of the ancestors' tables.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header::CONTENT_TYPE};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use waylay_extract::{
    BaseUrl, Code, ErrorResponse, Extract, FromText, IntoRequest, Rejection, RequestWriter, TextError,
};

use crate::{
    ancestors::{Loud, Name},
    bytes,
    round_trip::bytes_of,
};

/// The result of a row.
pub(crate) enum Verdict {
    Agrees,
    Differs(String),
    /// It cannot be run.
    NotRun,
}

/// Runs a row, if its operation exists here.
pub(crate) fn run(row: &Value) -> Verdict {
    match row["op"].as_str().unwrap_or_default() {
        "unmarshal" => unmarshal(row),
        "marshal" => marshal(row),
        "content_type" => content_type(row),
        "join_url" => join_url(row),
        "error_excerpt" => error_excerpt(row),
        _ => Verdict::NotRun,
    }
}

fn compare<T: std::fmt::Debug + PartialEq>(got: T, wanted: T) -> Verdict {
    if got == wanted { Verdict::Agrees } else { Verdict::Differs(format!("{got:?} and not {wanted:?}")) }
}

/// Reads one field with the key `a`.
trait Field: Extract {
    fn shown(self) -> Value;
}

trait Shown {
    fn shown(self) -> Value;
}

macro_rules! shown {
    ($($ty:ty: $value:ident => $shown:expr,)*) => {$(
        impl Shown for $ty {
            fn shown(self) -> Value {
                let $value = self;
                $shown
            }
        }
    )*};
}

shown! {
    i8: value => json!(value),
    i64: value => json!(value),
    u64: value => json!(value),
    f64: value => json!(value),
    bool: value => json!(value),
    String: value => json!(value),
    Timestamp: value => json!(value.to_string()),
    Loud: value => json!(value.0),
    Name: value => json!(value.0),
}

impl<T: Shown> Shown for Option<T> {
    fn shown(self) -> Value {
        self.map_or(Value::Null, T::shown)
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn shown(self) -> Value {
        self.into_iter().map(T::shown).collect()
    }
}

macro_rules! fields {
    ($($source:ident $one:ident $maybe:ident $many:ident $maybe_many:ident)*) => {$(
        fields!(@ $source $one(T));
        fields!(@ $source $maybe(Option<T>));
        fields!(@ $source $many(Vec<T>));
        fields!(@ $source $maybe_many(Option<Vec<T>>));
    )*};
    (@ $source:ident $name:ident($ty:ty)) => {
        #[derive(Extract)]
        struct $name<T: FromText + Send> {
            #[$source]
            a: $ty,
        }

        impl<T: FromText + Send + Shown + 'static> Field for $name<T> {
            fn shown(self) -> Value {
                self.a.shown()
            }
        }
    };
}

fields! {
    query QueryOne QueryMaybe QueryMany QueryMaybeMany
    header HeaderOne HeaderMaybe HeaderMany HeaderMaybeMany
}

#[derive(Extract)]
struct ParamOne<T: FromText + Send> {
    #[param]
    a: T,
}

impl<T: FromText + Send + Shown + 'static> Field for ParamOne<T> {
    fn shown(self) -> Value {
        self.a.shown()
    }
}

#[derive(Extract)]
struct Member {
    #[json]
    a: Value,
}

impl Field for Member {
    fn shown(self) -> Value {
        self.a
    }
}

#[derive(Extract)]
struct Whole {
    #[body]
    a: Value,
}

impl Field for Whole {
    fn shown(self) -> Value {
        self.a
    }
}

type Read = Result<Value, Code>;

fn read<T: Field>(request: &Value, source: &str, key: &str) -> Read {
    let list = |name: &str| request[name].as_array().cloned().unwrap_or_default();
    let pair = |pair: &Value| {
        (pair[0].as_str().unwrap_or_default().to_owned(), pair[1].as_str().unwrap_or_default().to_owned())
    };
    let mine = |name: &str, any_case: bool| -> Vec<String> {
        let pairs = list(name).iter().map(pair).collect::<Vec<_>>();
        let is = |found: &str| found == key || (any_case && found.eq_ignore_ascii_case(key));
        pairs.into_iter().filter(|(found, _)| is(found)).map(|(_, value)| value).collect()
    };
    let mut query = Vec::new();
    let mut path = Vec::new();
    let mut http = Request::builder();
    match source {
        "query" | "form" => {
            for value in mine("query", false).into_iter().chain(mine("form", false)) {
                query.push(format!(
                    "a={}",
                    percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC)
                ));
            }
        }
        "header" => {
            for value in mine("headers", true) {
                http = http.header("a", value);
            }
        }
        "path" => path = mine("path", false),
        _ => {
            for (name, value) in list("headers").iter().map(pair) {
                http = http.header(name, value);
            }
        }
    }
    let (parts, ()) = http.uri(format!("/?{}", query.join("&"))).body(()).unwrap().into_parts();
    let path: Vec<_> = path.iter().map(|value| ("a", &**value)).collect();
    let body = request["body"].as_str().unwrap_or_default();
    // A member has the name `a` here.
    let body = body.replace(&format!("\"{key}\":"), "\"a\":");
    T::extract(&parts, &path, bytes(&body))
        .map(T::shown)
        .map_err(|rejection: Rejection| rejection.errors()[0].code())
}

fn read_as(request: &Value, source: &str, key: &str, ty: &str) -> Option<Read> {
    macro_rules! by {
        ($($name:literal $ty:ty,)*) => {
            match (source, ty) {
                $(
                    ("query" | "form", concat!($name)) => read::<QueryOne<$ty>>(request, source, key),
                    ("query" | "form", concat!("opt<", $name, ">")) => read::<QueryMaybe<$ty>>(request, source, key),
                    ("query" | "form", concat!("list<", $name, ">")) => read::<QueryMany<$ty>>(request, source, key),
                    ("query" | "form", concat!("opt<list<", $name, ">>")) => read::<QueryMaybeMany<$ty>>(request, source, key),
                    ("header", concat!($name)) => read::<HeaderOne<$ty>>(request, source, key),
                    ("header", concat!("opt<", $name, ">")) => read::<HeaderMaybe<$ty>>(request, source, key),
                    ("header", concat!("list<", $name, ">")) => read::<HeaderMany<$ty>>(request, source, key),
                    ("header", concat!("opt<list<", $name, ">>")) => read::<HeaderMaybeMany<$ty>>(request, source, key),
                    ("path", concat!($name)) => read::<ParamOne<$ty>>(request, source, key),
                )*
                ("json", "string" | "timestamp" | "i64") => read::<Member>(request, source, key),
                ("body", "string") => read::<Whole>(request, source, key),
                _ => return None,
            }
        };
    }
    Some(by! {
        "i8" i8,
        "i64" i64,
        "u64" u64,
        "f64" f64,
        "bool" bool,
        "string" String,
        "timestamp" Timestamp,
        "text_excl" Loud,
        "newtype<string>" Name,
    })
}

fn class(code: Code) -> &'static str {
    match code {
        Code::Missing => "missing",
        Code::Duplicate => "duplicate",
        Code::Malformed => "malformed_body",
        Code::Unreadable => "body_read",
        Code::TooLarge => "payload_too_large",
        Code::UnsupportedMediaType => "unsupported_media_type",
        _ => "invalid_value",
    }
}

fn unmarshal(row: &Value) -> Verdict {
    let request = &row["request"];
    if !request.is_object() || request["base64"] == true || request.get("body_error").is_some() {
        return Verdict::NotRun;
    }
    let ours = row.get("ours");
    let words = ours.and_then(Value::as_str).unwrap_or_default();
    if words.starts_with("compile error") {
        return Verdict::NotRun;
    }
    let mut got = Vec::new();
    for field in row["fields"].as_array().into_iter().flatten() {
        let text = |name: &str| field[name].as_str().unwrap_or_default();
        match read_as(request, text("source"), text("key"), text("type")) {
            Some(read) => got.push((text("name"), read)),
            None => return Verdict::NotRun,
        }
    }
    let classes: BTreeSet<_> =
        got.iter().filter_map(|(_, read)| read.as_ref().err()).map(|code| class(*code)).collect();
    let wanted = match ours {
        Some(Value::Object(_)) => ours,
        Some(_) if words.contains("error:") => {
            let (_, rest) = words.split_once("error:").unwrap_or_default();
            let named = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            return match classes.contains(named) {
                true => Verdict::Agrees,
                false => Verdict::Differs(format!("{classes:?} and not {words}")),
            };
        }
        // All errors are reported, including that of the row.
        Some(_) => return Verdict::NotRun,
        None => row.get("expect"),
    };
    if let Some(error) = row["error"].as_str().filter(|_| ours.is_none()) {
        return match classes.contains(error) {
            true => Verdict::Agrees,
            false => Verdict::Differs(format!("{classes:?} and not {error}")),
        };
    }
    let Some(wanted) = wanted else {
        return Verdict::NotRun;
    };
    for (name, read) in got {
        let is = |value: &Value| match (value.as_f64(), wanted[name].as_f64()) {
            (Some(a), Some(b)) => a == b,
            _ => *value == wanted[name],
        };
        if !read.as_ref().is_ok_and(is) {
            return Verdict::Differs(format!("{name} is {read:?} and not {}", wanted[name]));
        }
    }
    Verdict::Agrees
}

/// A row's struct, with one field of each kind.
struct TextResult<'r>(&'r Value);

fn as_text(value: &Value, ty: &str) -> Result<String, TextError> {
    let text = match value {
        Value::String(text) if text == "zero" => "0001-01-01T00:00:00Z".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match ty.trim_start_matches("opt<").trim_end_matches('>') {
        "text_test" if text.is_empty() => Err(TextError::expected("a text that is not empty")),
        "text_test" => Ok(format!("test_{text}")),
        "stringer" => Ok(format!("str{text}")),
        _ => Ok(text),
    }
}

impl IntoRequest for TextResult<'_> {
    fn write(&self, draft: &mut RequestWriter) {
        for field in self.0["fields"].as_array().into_iter().flatten() {
            let text = |name: &str| field[name].as_str().unwrap_or_default();
            let (source, key, ty) = (text("source"), text("key"), text("type"));
            let value = &self.0["values"][text("name")];
            let is_zero = matches!(value, Value::String(text) if text.is_empty() || text == "zero")
                || *value == json!(0);
            if value.is_null() || (field["omitempty"] == true && is_zero) {
                continue;
            }
            let items = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            for item in &items {
                let text = as_text(item, ty);
                match source {
                    "path" => draft
                        .param(key, text.map(|text: String| text.trim_start_matches('/').to_owned().into())),
                    "header" => draft
                        .header(&http::HeaderName::from_bytes(key.as_bytes()).unwrap(), text.map(Into::into)),
                    "form" if field["inbody"] == true => draft.form(key, text.map(Into::into)),
                    "form" | "query" => draft.query(key, text.map(Into::into)),
                    _ => {}
                }
            }
            if source == "body" {
                draft.json(value);
            }
        }
    }
}

fn marshal(row: &Value) -> Verdict {
    let ours = row["ours"].as_str().unwrap_or_default();
    if ours.starts_with("compile error") || row["error"] == "type_definition" {
        return Verdict::NotRun;
    }
    let base = row["base_url"].as_str().unwrap_or_default();
    let path_at = base.find("://").and_then(|at| base[at + 3..].find(['/', '?']).map(|end| at + 3 + end));
    let (start, path) = base.split_at(path_at.unwrap_or(base.len()));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let template: Vec<_> = path
        .split('/')
        .map(|segment| match (segment.strip_prefix(':'), segment.strip_prefix('*')) {
            (Some(name), _) => format!("{{{name}}}"),
            (_, Some(name)) => format!("{{*{name}}}"),
            _ => segment.to_owned(),
        })
        .collect();
    let template = if path.is_empty() { "/".to_owned() } else { template.join("/") };
    let method = Method::from_bytes(row["method"].as_str().unwrap_or("GET").as_bytes()).unwrap();
    let base = if query.is_empty() { start.to_owned() } else { format!("{start}?{query}") };
    let written = BaseUrl::new(&base).map_err(|error| error.to_string()).and_then(|base| {
        let request = TextResult(row).to_request_at(method, &template).map_err(|error| error.to_string())?;
        let relative = request.uri().to_string();
        let relative = if path.is_empty() { relative.trim_start_matches('/') } else { &relative };
        let url = base.join(relative).map_err(|error| error.to_string())?;
        Ok((url, request))
    });
    let (url, request) = match (written, row.get("error")) {
        (Ok(written), None) => written,
        (Err(_), Some(_)) => return Verdict::Agrees,
        (Ok((url, _)), Some(error)) => return Verdict::Differs(format!("{url} and not {error}")),
        (Err(error), None) => return Verdict::Differs(error),
    };
    let expect = &row["expect"];
    if let Some(wanted) = expect["url"].as_str() {
        // A colon needs no escape in queries here, nor in a path of the originals.
        let as_text = |url: &str| percent_decode_str(url).decode_utf8_lossy().into_owned();
        if as_text(&url) != as_text(wanted) {
            return Verdict::Differs(format!("{url} and not {wanted}"));
        }
    }
    for (name, wanted) in expect["headers"].as_object().into_iter().flatten() {
        if request.headers().get(name).and_then(|value| value.to_str().ok()) != wanted.as_str() {
            return Verdict::Differs(format!("{name}: {:?} and not {wanted}", request.headers().get(name)));
        }
    }
    for absent in expect["absent_headers"].as_array().into_iter().flatten() {
        if request.headers().contains_key(absent.as_str().unwrap_or_default()) {
            return Verdict::Differs(format!("{absent} is there"));
        }
    }
    if let Some(wanted) = expect["body"].as_str() {
        let got = String::from_utf8(bytes_of(request.into_body()).to_vec()).unwrap();
        let json = |text: &str| serde_json::from_str::<Value>(text).ok();
        if got != wanted && (json(&got).is_none() || json(&got) != json(wanted)) {
            return Verdict::Differs(format!("{got} and not {wanted}"));
        }
    }
    Verdict::Agrees
}

fn content_type(row: &Value) -> Verdict {
    let kind = row["content_type"].as_str().unwrap_or_default();
    let request = json!({"headers": [["content-type", kind]], "body": "\"x\""});
    let read = read::<Whole>(&request, "body", "a");
    let rejected =
        row.get("error").is_some() || row["ours"].as_str().is_some_and(|ours| ours.starts_with("error"));
    compare(read.err().map(class), rejected.then_some("unsupported_media_type"))
}

fn join_url(row: &Value) -> Verdict {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let joined = BaseUrl::new(text("base_url")).and_then(|base| base.join(text("relative"))).ok();
    compare(joined.as_deref(), row["expect"].as_str())
}

fn error_excerpt(row: &Value) -> Verdict {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let body = match text("body").split_once("x*") {
        Some(("", count)) => "x".repeat(count.parse().unwrap()),
        _ => text("body").to_owned(),
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(text("content_type")).unwrap());
    let response = ErrorResponse::new(StatusCode::BAD_GATEWAY, headers, body.clone().into()).to_string();
    let got = response.trim_start_matches("502 Bad Gateway: ");
    match text("expect") {
        "raw html" => compare(got, &body.replace('\n', r"\n")),
        cut if cut.starts_with("first ") => compare(
            got.split_once(' ')
                .map(|(shown, rest)| (shown.len(), rest.contains("300 bytes")))
                .map(|both| format!("{both:?}")),
            Some(format!("{:?}", (1024, true))),
        ),
        wanted => compare(got, wanted),
    }
}
