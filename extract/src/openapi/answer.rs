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
/// struct SchemaFn {
///     #[param]
///     id: u64,
/// }
///
/// #[routes]
/// impl Blog {
///     pub async fn show(&self, show: SchemaFn) -> Result<String, NoPost> {
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
    /// Whether the next responses have any status, given at run time.
    pub(crate) any_status: bool,
}

impl Answers {
    /// Adds a response without a body.
    pub fn status(&mut self, status: StatusCode, description: &str) -> &mut Self {
        self.response(status, description);
        self
    }

    /// Adds a response with a body of a content type and a JSON Schema (draft 2020-12).
    pub fn content(&mut self, status: StatusCode, description: &str, kind: &str, schema: Value) -> &mut Self {
        let response = self.response(status, description);
        response["content"][kind] = media(schema);
        self
    }

    /// Returns the statuses; `default` stands for any.
    pub fn statuses(&self) -> impl Iterator<Item = &str> {
        self.responses.keys().map(String::as_str)
    }

    fn response(&mut self, status: StatusCode, description: &str) -> &mut Value {
        let key = if self.any_status { "default" } else { status.as_str() };
        self.responses.entry(key).or_insert_with(|| json!({"description": description}))
    }

    /// Adds a success if there is none.
    fn complete(&mut self) {
        let is_success = |status: &str| status.starts_with(['2', '3']) || status == "default";
        if !self.statuses().any(is_success) {
            self.responses.insert("200".into(), json!({"description": DESCRIPTION}));
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
                    let problem = json!({"$ref": "#/components/responses/Rejected"});
                    self.responses.insert((*status).into(), problem);
                }
            }
        }
        self.responses
    }
}

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
        let outer = std::mem::replace(&mut answers.any_status, true);
        answers.status(StatusCode::OK, "A status without content.");
        answers.any_status = outer;
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
