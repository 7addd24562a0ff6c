//! Answer, Answers: the responses of a type, for documents.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use axum_core::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::error::rejection::Rejection;

/// A return type of handlers that describes its responses.
///
/// The methods of a `#[routes]` block are described by their return types, a struct by the type in its
/// `#[route(…, answer = Type)]`. `Json<T>`, `Result<T, E>`, `(StatusCode, T)` and `()` are known;
/// other types, and those inside of them, are described if they implement this trait.
/// An error type describes its statuses:
///
/// ```
/// use axum_core::response::{IntoResponse, Response};
/// use http::StatusCode;
/// use waylay_extract::{Answer, Answers, Extract, OpenApiExt, RouterExt, routes};
/// use waylay_router::Router;
///
/// struct NoPost;
///
/// impl IntoResponse for NoPost {
///     fn into_response(self) -> Response {
///         StatusCode::NOT_FOUND.into_response()
///     }
/// }
///
/// impl Answer for NoPost {
///     fn answer(answers: &mut Answers) {
///         answers.status(StatusCode::NOT_FOUND, "There is no such post.");
///     }
/// }
///
/// #[derive(Extract)]
/// struct Blog {}
///
/// #[derive(Extract)]
/// #[route(GET "/posts/{id}")]
/// struct Show {
///     #[param]
///     id: u64,
/// }
///
/// #[routes]
/// impl Blog {
///     pub async fn show(&self, show: Show) -> Result<String, NoPost> {
///         if show.id == 7 { Ok("Ways".into()) } else { Err(NoPost) }
///     }
/// }
///
/// let router = Router::builder().endpoints::<Blog>().build()?;
/// let document = router.openapi("Blog", "1.0.0");
/// let answers = &document.as_value()["paths"]["/posts/{id}"]["get"]["responses"];
/// assert_eq!(answers["404"]["description"], "There is no such post.");
/// assert_eq!(answers["200"]["content"]["text/plain"]["schema"]["type"], "string");
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
pub trait Answer {
    /// Adds every response of the type.
    fn answer(answers: &mut Answers);
}

/// The responses of one operation.
///
/// ```
/// use http::StatusCode;
/// use serde_json::json;
/// use waylay_extract::{Answer, Answers};
///
/// struct Csv;
///
/// impl Answer for Csv {
///     fn answer(answers: &mut Answers) {
///         answers
///             .content(StatusCode::OK, "The table.", "text/csv", json!({"type": "string"}))
///             .status(StatusCode::NO_CONTENT, "The table has no rows.");
///     }
/// }
///
/// let mut answers = Answers::default();
/// Csv::answer(&mut answers);
/// assert_eq!(answers.statuses().collect::<Vec<_>>(), ["200", "204"]);
/// ```
#[derive(Debug, Default)]
pub struct Answers {
    responses: Map<String, Value>,
    /// The status of the next responses.
    pub(crate) rule: StatusRule,
    /// The statuses that the route declares for a success, or where the status is set at run time.
    pub(crate) declared: &'static [u16],
}

/// The status of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum StatusRule {
    /// The status of the type, or a declared one for a plain success.
    #[default]
    Own,
    /// Any, set at run time.
    Any,
    /// This status.
    Fixed(u16),
}

impl Answers {
    /// Adds a response without a body.
    pub fn status(&mut self, status: StatusCode, description: &str) -> &mut Self {
        self.add(status, description, |_| {})
    }

    /// Adds a response with a body of a content type and a JSON Schema (draft 2020-12).
    pub fn content(&mut self, status: StatusCode, description: &str, kind: &str, schema: Value) -> &mut Self {
        self.add(status, description, |response| response["content"][kind] = media(schema.clone()))
    }

    /// Adds the responses of a type with another status than its own.
    pub(crate) fn with_rule(&mut self, rule: StatusRule, add: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.rule, rule);
        add(self);
        self.rule = outer;
    }

    /// Returns the statuses; `default` stands for any.
    pub fn statuses(&self) -> impl Iterator<Item = &str> {
        self.responses.keys().map(String::as_str)
    }

    fn add(&mut self, status: StatusCode, description: &str, edit: impl Fn(&mut Value)) -> &mut Self {
        let is_declared = match self.rule {
            StatusRule::Own => status == StatusCode::OK,
            StatusRule::Any => true,
            StatusRule::Fixed(_) => false,
        };
        let keys: Vec<_> = match self.rule {
            _ if is_declared && !self.declared.is_empty() => {
                self.declared.iter().map(ToString::to_string).collect()
            }
            StatusRule::Own => vec![status.as_str().to_owned()],
            StatusRule::Any => vec!["default".to_owned()],
            StatusRule::Fixed(status) => vec![status.to_string()],
        };
        for key in keys {
            edit(self.responses.entry(key).or_insert_with(|| json!({"description": description})));
        }
        self
    }

    /// Adds a success if there is none.
    fn complete(&mut self) {
        let is_success = |status: &str| status.starts_with(['2', '3']) || status == "default";
        if !self.statuses().any(is_success) {
            self.status(StatusCode::OK, DESCRIPTION);
        }
    }

    /// Returns the responses, completed by others.
    pub(crate) fn finish_with(mut self, others: Self) -> Map<String, Value> {
        self.complete();
        for (status, response) in others.responses {
            self.responses.entry(status).or_insert(response);
        }
        self.responses
    }

    /// Returns the responses, completed by the problem documents of extraction.
    pub(crate) fn finish(mut self, problems: &[&str]) -> Map<String, Value> {
        self.complete();
        for status in problems {
            match self.responses.get_mut(*status) {
                Some(known) => {
                    known["content"]["application/problem+json"] =
                        json!({"schema": {"$ref": "#/components/schemas/RejectedRequest"}});
                }
                None => {
                    let name = PROBLEMS.iter().find(|(known, ..)| known == status).map(|(_, name, _)| *name);
                    let problem =
                        json!({"$ref": format!("#/components/responses/{}", name.unwrap_or_default())});
                    self.responses.insert((*status).into(), problem);
                }
            }
        }
        self.responses
    }
}

/// The problem responses of extraction: status, name and description.
pub(crate) const PROBLEMS: [(&str, &str, &str); 5] = [
    (
        "400",
        "BadRequest",
        "A path, query, header or cookie value is missing or invalid, the body is missing or its syntax is \
         invalid (RFC 9457); or the path cannot be decoded.",
    ),
    ("404", "NotFound", "A path value is invalid (RFC 9457), or there is no such page."),
    ("413", "ContentTooLarge", "The body, or a part of it, is larger than its limit (RFC 9457)."),
    (
        "415",
        "UnsupportedMediaType",
        "The content type of the body is not one that is read; `Accept` lists these (RFC 9457).",
    ),
    (
        "422",
        "UnprocessableContent",
        "The body is well-formed and a value of it is missing or invalid, or a value fails a validation \
         (RFC 9457).",
    ),
];

/// Returns the media type object of a schema; bytes need no schema (OpenAPI 3.1, 4.8.14.3).
pub(crate) fn media(schema: Value) -> Value {
    if schema == json!({}) { schema } else { json!({"schema": schema}) }
}

/// The description of a response of which only the type is known.
pub(crate) const DESCRIPTION: &str = "The response.";

macro_rules! contents {
    ($($ty:ty: $kind:literal $schema:tt,)*) => {$(
        impl Answer for $ty {
            fn answer(answers: &mut Answers) {
                answers.content(StatusCode::OK, DESCRIPTION, $kind, json!($schema));
            }
        }
    )*};
}

contents! {
    &str: "text/plain" {"type": "string"},
    String: "text/plain" {"type": "string"},
    Box<str>: "text/plain" {"type": "string"},
    Cow<'_, str>: "text/plain" {"type": "string"},
    Bytes: "application/octet-stream" {},
    Vec<u8>: "application/octet-stream" {},
}

/// A derive that sees the type knows the schema as well.
#[cfg(feature = "axum")]
impl<T> Answer for axum::Json<T> {
    fn answer(answers: &mut Answers) {
        answers.content(StatusCode::OK, DESCRIPTION, "application/json", json!({}));
    }
}

#[cfg(feature = "axum")]
impl<T> Answer for axum::response::Html<T> {
    fn answer(answers: &mut Answers) {
        answers.content(StatusCode::OK, DESCRIPTION, "text/html", json!({"type": "string"}));
    }
}

#[cfg(feature = "axum")]
impl Answer for axum::response::NoContent {
    fn answer(answers: &mut Answers) {
        answers.status(StatusCode::NO_CONTENT, "Success without content.");
    }
}

impl Answer for () {
    fn answer(answers: &mut Answers) {
        answers.status(StatusCode::OK, "Success without content.");
    }
}

impl Answer for StatusCode {
    fn answer(answers: &mut Answers) {
        answers.with_rule(StatusRule::Any, |answers| {
            answers.status(StatusCode::OK, "A status without content.");
        });
    }
}

/// Never returned.
impl Answer for Infallible {
    fn answer(_: &mut Answers) {}
}

/// Any response.
impl Answer for Response {
    fn answer(_: &mut Answers) {}
}

/// Part of every operation.
impl Answer for Rejection {
    fn answer(_: &mut Answers) {}
}

/// For type aliases of `Result`, which the macro does not recognize.
impl<T: Answer, E: Answer> Answer for Result<T, E> {
    fn answer(answers: &mut Answers) {
        T::answer(answers);
        E::answer(answers);
    }
}

/// A type in generated code; see `ReadDispatch` for how the trait is chosen.
pub struct AnswerDispatch<T>(PhantomData<fn() -> T>);

impl<T> AnswerDispatch<T> {
    /// Returns a value without content.
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for AnswerDispatch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerDispatch")
    }
}

/// The first choice: `Answer`.
pub trait AnswerByType {
    /// Adds the responses.
    fn describe_answers(&self, answers: &mut Answers);
}

impl<T: Answer> AnswerByType for &AnswerDispatch<T> {
    fn describe_answers(&self, answers: &mut Answers) {
        T::answer(answers);
    }
}

/// The last choice, which adds nothing.
pub trait AnswerByNone {
    /// Adds nothing.
    fn describe_answers(&self, _answers: &mut Answers) {}
}

impl<T> AnswerByNone for AnswerDispatch<T> {}
