//! IntoRequest: a struct that is written into a request.

use axum_core::body::Body;
use bytes::Bytes;
use http::{Method, Request};
use http_body::Body as _;

use crate::descriptor::route::RouteTarget;
use crate::write::writer::{RequestWriter, WriteError, WrittenBytes};

/// A struct that is written into a request, field by field: the inverse of [`Extract`](crate::Extract).
///
/// `#[derive(IntoRequest)]` implements it from the same attributes, so that one struct is the
/// argument of the server's handler and the call of the client. The server reads the same values; a
/// value for which that is impossible (an empty path value, a comma in a comma-separated list) is an error.
///
/// ```
/// use waylay_extract::{Extract, IntoRequest};
///
/// #[derive(Debug, PartialEq, Extract, IntoRequest)]
/// #[route(PUT "/users/{user}/posts/{slug}")]
/// struct UpdatePost {
///     #[param]
///     user: u64,
///     #[param]
///     slug: String,
///     #[query]
///     tag: Vec<String>,
///     #[cookie("sid")]
///     session: Option<String>,
///     #[json]
///     title: String,
/// }
///
/// let post = UpdatePost {
///     user: 7,
///     slug: "sea & sky".into(),
///     tag: vec!["a b".into(), "c&d".into()],
///     session: Some("é".into()),
///     title: "Ways".into(),
/// };
/// let request = post.to_request()?;
/// assert_eq!(request.method(), "PUT");
/// assert_eq!(request.uri(), "/users/7/posts/sea%20&%20sky?tag=a+b&tag=c%26d");
/// assert_eq!(request.headers()["cookie"], "sid=%C3%A9");
/// # Ok::<(), waylay_extract::WriteError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written into a request",
    note = "write `#[derive(waylay_extract::IntoRequest)]` on it"
)]
pub trait IntoRequest {
    /// The method and the template of `#[route(METHOD "/template")]`, if the struct has one.
    const TARGET: Option<&'static RouteTarget> = None;

    /// Writes every field.
    fn write(&self, writer: &mut RequestWriter);

    /// Tests whether a field reads a key of the query, or of the form.
    #[doc(hidden)]
    fn reads_key(_key: &str, _is_form: bool) -> bool {
        false
    }

    /// Returns the request for the struct's own `#[route]`; its URL is a path and a query.
    ///
    /// # Errors
    ///
    /// Every value that the server would not read as the same one.
    fn to_request(&self) -> Result<Request<Body>, WriteError> {
        const { assert!(Self::TARGET.is_some(), "write `#[route(METHOD \"/template\")]` on the struct") };
        let target = Self::TARGET.unwrap_or(&ROOT);
        self.to_request_at(target.method().clone(), target.template())
    }

    /// Returns the request for a route.
    ///
    /// # Errors
    ///
    /// Every value that the server would not read as the same one, an invalid template, a variable
    /// without a field.
    fn to_request_at(&self, method: Method, template: &str) -> Result<Request<Body>, WriteError> {
        writer(self).finish(method, template)
    }
}

/// Returns a copy of a request that was written from a struct, or that has no body.
///
/// The bytes of a written body are also in the request's extensions, so that middleware that sends a
/// request again, as `tower::retry`, need not buffer it. `None`: the body is another one, of unknown content.
///
/// ```
/// use axum_core::body::Body;
/// use http::{Request, Response};
/// use tower::retry::Policy;
/// use waylay_extract::clone_request;
///
/// #[derive(Clone)]
/// struct Once(bool);
///
/// impl<B, E> Policy<Request<Body>, Response<B>, E> for Once {
///     type Future = std::future::Ready<()>;
///
///     fn retry(
///         &mut self,
///         _: &mut Request<Body>,
///         result: &mut Result<Response<B>, E>,
///     ) -> Option<Self::Future> {
///         let again = !self.0 && result.as_ref().is_ok_and(|response| response.status().is_server_error());
///         self.0 = true;
///         again.then(|| std::future::ready(()))
///     }
///
///     fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
///         clone_request(request)
///     }
/// }
/// ```
pub fn clone_request(request: &Request<Body>) -> Option<Request<Body>> {
    let length = request.body().size_hint().exact()?;
    let bytes = match request.extensions().get::<WrittenBytes>() {
        // What has taken the body's place since is another body.
        Some(WrittenBytes(bytes)) if bytes.len() as u64 == length => bytes.clone(),
        _ if length == 0 => Bytes::new(),
        _ => return None,
    };
    let mut copy = Request::new(Body::from(bytes));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

/// Never used: the constant assertion guarantees a target.
static ROOT: RouteTarget = RouteTarget::new(Method::GET, "/");

/// Returns a writer with every field written.
pub(crate) fn writer<T: IntoRequest + ?Sized>(value: &T) -> RequestWriter {
    let mut writer = RequestWriter::default();
    value.write(&mut writer);
    writer.check_rests(T::reads_key);
    writer
}
