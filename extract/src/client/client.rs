//! Client: sends structs and reads typed responses.

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
use waylay_template::OneLine;

use crate::client::base_url::{BaseUrl, BaseUrlError};
use crate::client::error_response::ErrorResponse;
use crate::client::excerpt::{READ, excerpt};
use crate::descriptor::body::is_json;
use crate::write::into_request::IntoRequest;
use crate::write::writer::WriteError;

/// The same as the default limit of the server.
const LIMIT: u64 = 2 * 1024 * 1024;

/// A client that sends structs and reads typed responses.
///
/// It works over any `tower` service: an HTTP client with middleware, or a
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
/// // The errors of the server are read back.
/// let error = client.call::<Doubled>(&Double { number: "five".into(), times: 2 }).await.unwrap_err();
/// let ClientError::Status(response) = error else { panic!() };
/// assert_eq!((response.status().as_u16(), response.errors()[0].name()), (400, Some("number")));
/// # Ok(()) }
/// ```
///
/// Over a connection, with the client of `hyper-util`:
///
/// ```
/// use axum_core::body::Body;
/// use hyper_util::client::legacy::Client as Connector;
/// use hyper_util::rt::TokioExecutor;
/// use waylay_extract::{Client, IntoRequest};
///
/// #[derive(IntoRequest)]
/// #[route(GET "/length/{text}")]
/// struct Length {
///     #[param]
///     text: String,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = listener.local_addr()?;
/// # let length = async |axum::extract::Path(text): axum::extract::Path<String>| axum::Json(text.len());
/// # let app = axum::Router::new().route("/length/{text}", axum::routing::get(length));
/// # tokio::spawn(async move { axum::serve(listener, app).await });
/// let connector = Connector::builder(TokioExecutor::new()).build_http::<Body>();
/// let client = Client::new(connector).base(format!("http://{address}"))?;
/// let length: usize = client.call(&Length { text: "ways".into() }).await?;
/// assert_eq!(length, 4);
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
    /// Returns a client without a base URL, for a router in the same process.
    pub fn new(service: S) -> Self {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        Self { service, base: BaseUrl::default(), headers, limit: LIMIT }
    }

    /// Sets the start of every URL: a [`BaseUrl`] or its text.
    ///
    /// # Errors
    ///
    /// The text is neither an absolute URL nor an absolute path.
    pub fn base<B: TryInto<BaseUrl, Error: Into<BaseUrlError>>>(
        mut self,
        base: B,
    ) -> Result<Self, BaseUrlError> {
        self.base = base.try_into().map_err(Into::into)?;
        Ok(self)
    }

    /// Sets a default header of every request; `accept: application/json` is set already.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the maximum bytes of a response body, 2 MiB by default.
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }
}

impl<S, B> Client<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>> + Clone,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    /// Sends a struct by its own route, and reads the JSON of the response.
    ///
    /// An empty body is read as `null`, so `T` may be an `Option`.
    ///
    /// # Errors
    ///
    /// The request cannot be written or sent, the status is not a success, or the body is
    /// not JSON of the type.
    pub async fn call<T: DeserializeOwned>(&self, request: &impl IntoRequest) -> Result<T, ClientError> {
        let request = request.to_request().map_err(ClientError::Write)?;
        self.request_json(request).await
    }

    /// As [`call`](Self::call), with a route.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_at<T: DeserializeOwned>(
        &self,
        method: Method,
        template: &str,
        request: &impl IntoRequest,
    ) -> Result<T, ClientError> {
        let request = request.to_request_at(method, template).map_err(ClientError::Write)?;
        self.request_json(request).await
    }

    /// Sends a struct by its own route, and ignores the body of the response.
    ///
    /// # Errors
    ///
    /// The request cannot be written or sent, or the status is not a success.
    pub async fn call_empty(&self, request: &impl IntoRequest) -> Result<(), ClientError> {
        self.call_response(request).await.map(drop)
    }

    /// Sends a struct by its own route, and returns the response.
    ///
    /// # Errors
    ///
    /// The request cannot be written or sent, or the status is not a success.
    pub async fn call_response(&self, request: &impl IntoRequest) -> Result<Response<Body>, ClientError> {
        let request = request.to_request().map_err(ClientError::Write)?;
        self.request(request).await
    }

    /// Reads the JSON of a path, which is joined with the base URL.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = BaseUrl::default().uri(path).map_err(ClientError::Url)?;
        self.request_json(request).await
    }

    /// Sends a request, whose URL is joined with the base URL, and reads the JSON of the response.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn request_json<T: DeserializeOwned>(&self, request: Request<Body>) -> Result<T, ClientError> {
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

    /// Sends a request, whose URL is joined with the base URL, and returns the response.
    ///
    /// # Errors
    ///
    /// The request cannot be sent, or the status is not a success.
    pub async fn request(&self, mut request: Request<Body>) -> Result<Response<Body>, ClientError> {
        let relative = request.uri().to_string();
        *request.uri_mut() = self.base.uri(&relative).map_err(ClientError::Url)?;
        for (name, value) in &self.headers {
            request.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        let mut service = self.service.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(ServiceError::of)?;
        let response = service.call(request).await.map_err(ServiceError::of)?;
        if response.status().is_success() {
            return Ok(response.map(Body::new));
        }
        let (head, body) = response.into_parts();
        let body = start(Body::new(body)).await;
        Err(ClientError::Status(Box::new(ErrorResponse::new(head.status, head.headers, body))))
    }

    async fn collect(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, ClientError> {
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

/// Reads the start of an error response; an error of the body ends it.
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

/// An error of a call.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The struct cannot be written into a request.
    Write(WriteError),
    /// The path cannot be joined with the base URL.
    Url(BaseUrlError),
    /// The service has failed, without a response.
    Service(ServiceError),
    /// The status is not a success.
    Status(Box<ErrorResponse>),
    /// The body of the response is longer than the client's limit.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The body of the response is incomplete.
    Unreadable(axum_core::Error),
    /// The body of a successful response is not JSON of the type.
    Decode(Box<DecodeError>),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(_) => f.write_str("the request cannot be written"),
            Self::Url(_) => f.write_str("the request has no URL"),
            Self::Service(_) => f.write_str("the request got no response"),
            Self::Status(response) => write!(f, "the server responded {response}"),
            Self::TooLarge { limit } => write!(f, "the response is longer than {limit} bytes"),
            Self::Unreadable(_) => f.write_str("the response cannot be read completely"),
            Self::Decode(_) => f.write_str("the response is not JSON of the expected type"),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Write(error) => Some(error),
            Self::Url(error) => Some(error),
            Self::Service(error) => Some(&*error.0),
            // `Display` prints the text of the response, so the source is the source of that.
            Self::Status(response) => response.source(),
            Self::TooLarge { .. } => None,
            Self::Unreadable(error) => Some(error),
            Self::Decode(error) => Some(&**error),
        }
    }
}

/// The error of the service that a [`Client`] calls.
///
/// It is the [source](Error::source) of [`ClientError::Service`], whatever the service's error type is, so
/// that a client over middleware with boxed errors has errors like any other.
#[derive(Debug)]
pub struct ServiceError(BoxError);

impl ServiceError {
    fn of(error: impl Into<BoxError>) -> ClientError {
        ClientError::Service(Self(error.into()))
    }

    /// The error, if it is of this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// A successful response whose body is not JSON of the expected type.
///
/// `Display` shows an excerpt of the body, as for [`ErrorResponse`].
#[derive(Debug)]
pub struct DecodeError {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// `None` if the content type is not JSON.
    error: Option<serde_json::Error>,
}

impl DecodeError {
    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the whole body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let excerpt = excerpt(&self.headers, &self.body);
        match (&self.error, self.headers.get(CONTENT_TYPE)) {
            (Some(_), _) => write!(f, "unexpected JSON; content: {excerpt}"),
            (None, None) => write!(f, "no content type; expected application/json; content: {excerpt}"),
            (None, Some(kind)) => {
                let kind = String::from_utf8_lossy(kind.as_bytes());
                let kind = OneLine(&kind);
                write!(f, "unexpected content type {kind}; expected application/json; content: {excerpt}")
            }
        }
    }
}

impl Error for DecodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}
