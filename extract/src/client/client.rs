//! Client, ClientError, DecodeError.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;

use axum_core::BoxError;
use axum_core::body::Body;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tower_service::Service;

use crate::client::base_url::{BaseUrl, BaseUrlError};
use crate::client::error_response::ErrorResponse;
use crate::client::excerpt::{READ, excerpt};
use crate::descriptor::body::is_json;
use crate::write::into_request::IntoRequest;
use crate::write::writer::WriteError;

/// As the limit of bodies that are read on the server's side.
const LIMIT: u64 = 2 * 1024 * 1024;

/// A client that sends structs and reads typed answers.
///
/// It works over any `tower` service: an HTTP connector with its own middleware in front, or a
/// router in the same process. Each call clones the service and waits until it is ready.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use waylay_extract::{Client, ClientError, Extract, IntoRequest, RouterExt};
/// use waylay_router::Router;
///
/// #[derive(Extract, IntoRequest)]
/// #[route(GET "/double/{number}")]
/// struct Double {
///     #[param]
///     number: String,
///     #[query]
///     times: u8,
/// }
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Doubled(u64);
///
/// #[derive(Extract)]
/// #[route(GET "/double/{number}")]
/// struct Strict {
///     #[param]
///     number: u64,
///     #[query]
///     times: u8,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = Router::builder()
///     .endpoint(async |double: Strict| axum::Json(Doubled(double.number << double.times)))
///     .build()?;
/// let client = Client::new(router);
///
/// let doubled: Doubled = client.call(&Double { number: "5".into(), times: 2 }).await?;
/// assert_eq!(doubled, Doubled(20));
///
/// // The server's errors come back as they were told.
/// let error = client.call::<Doubled>(&Double { number: "five".into(), times: 2 }).await.unwrap_err();
/// let ClientError::Status(response) = error else { panic!() };
/// assert_eq!((response.status().as_u16(), response.errors()[0].name()), (400, Some("number")));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a client sends nothing until it is called"]
pub struct Client<S> {
    service: S,
    base: BaseUrl,
    headers: HeaderMap,
    limit: u64,
}

impl<S> Client<S> {
    /// A client whose URLs have no base: what a router in the same process needs.
    pub fn new(service: S) -> Self {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        Self { service, base: BaseUrl::default(), headers, limit: LIMIT }
    }

    /// Sets what every URL starts with.
    pub fn base(mut self, base: BaseUrl) -> Self {
        self.base = base;
        self
    }

    /// Sets a header of every request that has none of the name; `accept: application/json` is set already.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the most bytes of an answer that are read, 2 MiB by default.
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }
}

impl<S, B> Client<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    /// Sends the struct by its own route, and reads the answer's JSON.
    ///
    /// An empty body is read as `null`, so an `Option` may be asked for.
    ///
    /// # Errors
    ///
    /// The request cannot be written or sent, the answer's status is not a success, or its body is
    /// not the type's.
    pub async fn call<T: DeserializeOwned>(
        &self,
        request: &impl IntoRequest,
    ) -> Result<T, ClientError<S::Error>> {
        let request = request.to_request().map_err(ClientError::Write)?;
        self.request_json(request).await
    }

    /// As [`call`](Self::call) by another route than the struct's own.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_at<T: DeserializeOwned>(
        &self,
        method: Method,
        template: &str,
        request: &impl IntoRequest,
    ) -> Result<T, ClientError<S::Error>> {
        let request = request.to_request_at(method, template).map_err(ClientError::Write)?;
        self.request_json(request).await
    }

    /// Sends the struct by its own route; of the answer only the status counts.
    ///
    /// # Errors
    ///
    /// The request cannot be written or sent, or the answer's status is not a success.
    pub async fn call_empty(&self, request: &impl IntoRequest) -> Result<(), ClientError<S::Error>> {
        self.call_response(request).await.map(drop)
    }

    /// Sends the struct by its own route and gives the answer as it is, if its status is a success.
    ///
    /// # Errors
    ///
    /// The request cannot be written or sent, or the answer's status is not a success.
    pub async fn call_response(
        &self,
        request: &impl IntoRequest,
    ) -> Result<Response<Body>, ClientError<S::Error>> {
        let request = request.to_request().map_err(ClientError::Write)?;
        self.request(request).await
    }

    /// Reads the JSON at a path behind the base.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError<S::Error>> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = BaseUrl::default().uri(path).map_err(ClientError::Url)?;
        self.request_json(request).await
    }

    /// Sends a request whose URL is a path behind the base, and reads the answer's JSON.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn request_json<T: DeserializeOwned>(
        &self,
        request: Request<Body>,
    ) -> Result<T, ClientError<S::Error>> {
        let (head, body) = self.request(request).await?.into_parts();
        let body = self.collect(&head.headers, body).await?;
        let json = if body.is_empty() { b"null".as_slice() } else { &body };
        let unread = match serde_json::from_slice(json) {
            _ if !body.is_empty() && !is_json(&head.headers) => None,
            Ok(value) => return Ok(value),
            Err(error) => Some(error),
        };
        let (status, headers) = (head.status, head.headers);
        Err(ClientError::Decode(Box::new(DecodeError { status, headers, body, error: unread })))
    }

    /// Sends a request whose URL is a path behind the base; an answer that is no success is an error.
    ///
    /// # Errors
    ///
    /// The request cannot be sent, or the answer's status is not a success.
    pub async fn request(&self, mut request: Request<Body>) -> Result<Response<Body>, ClientError<S::Error>> {
        let relative = request.uri().to_string();
        *request.uri_mut() = self.base.uri(&relative).map_err(ClientError::Url)?;
        for (name, value) in &self.headers {
            request.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        let mut service = self.service.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(ClientError::Service)?;
        let response = service.call(request).await.map_err(ClientError::Service)?;
        if response.status().is_success() {
            return Ok(response.map(Body::new));
        }
        let (head, body) = response.into_parts();
        let body = start(Body::new(body)).await;
        Err(ClientError::Status(Box::new(ErrorResponse::new(head.status, head.headers, body))))
    }

    async fn collect(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, ClientError<S::Error>> {
        let too_large = || ClientError::TooLarge { limit: self.limit };
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.unwrap_or(0).max(body.size_hint().lower()) > self.limit {
            return Err(too_large());
        }
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        match Limited::new(body, limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(error) => Err(ClientError::Unreadable(axum_core::Error::new(error))),
        }
    }
}

/// The start of a response's body: what can be read of it says more than that it cannot be read.
async fn start(mut body: Body) -> Bytes {
    let mut start = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        let room = READ - start.len();
        start.extend_from_slice(&data[..data.len().min(room)]);
        if start.len() == READ {
            break;
        }
    }
    start.into()
}

/// Why a call has no answer of the type that was asked for; `E` is the service's own error.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError<E> {
    /// The struct cannot be written into a request.
    Write(WriteError),
    /// BaseUrl and path make no URL.
    Url(BaseUrlError),
    /// The service has failed: nothing is known of an answer.
    Service(E),
    /// The answer's status is not a success.
    Status(Box<ErrorResponse>),
    /// The answer's body is longer than the client's limit.
    TooLarge {
        /// The most bytes that are read.
        limit: u64,
    },
    /// The answer's body ends before its end.
    Unreadable(axum_core::Error),
    /// The answer is a success, but not JSON of the type.
    Decode(Box<DecodeError>),
}

impl<E> fmt::Display for ClientError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(_) => f.write_str("the request cannot be written"),
            Self::Url(_) => f.write_str("the request has no URL"),
            Self::Service(_) => f.write_str("the request was not answered"),
            Self::Status(_) => f.write_str("the request was refused"),
            Self::TooLarge { limit } => write!(f, "the answer is longer than {limit} bytes"),
            Self::Unreadable(_) => f.write_str("the answer cannot be read to its end"),
            Self::Decode(_) => f.write_str("the answer is not what was asked for"),
        }
    }
}

impl<E: Error + 'static> Error for ClientError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Write(error) => Some(error),
            Self::Url(error) => Some(error),
            Self::Service(error) => Some(error),
            Self::Status(error) => Some(&**error),
            Self::TooLarge { .. } => None,
            Self::Unreadable(error) => Some(error),
            Self::Decode(error) => Some(&**error),
        }
    }
}

/// A successful answer that is not JSON of the type that was asked for.
///
/// Its `Display` shows what came instead, as that of a [`ErrorResponse`] does.
#[derive(Debug)]
pub struct DecodeError {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// None if the content type is not JSON at all.
    error: Option<serde_json::Error>,
}

impl DecodeError {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The whole body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let excerpt = excerpt(&self.headers, &self.body);
        match (&self.error, self.headers.get(CONTENT_TYPE)) {
            (Some(_), _) => write!(f, "unexpected JSON; content: {excerpt}"),
            (None, None) => write!(f, "no content type; want application/json; content: {excerpt}"),
            (None, Some(kind)) => {
                let kind = String::from_utf8_lossy(kind.as_bytes());
                let kind = kind.escape_debug();
                write!(f, "unexpected content type {kind}; want application/json; content: {excerpt}")
            }
        }
    }
}

impl Error for DecodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}
