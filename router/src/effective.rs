//! `Effective`: the client's side of a request, whatever proxies stand between.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum_core::extract::FromRequestParts;
use http::header::HOST;
use http::request::Parts;
use http::uri::Scheme;
use http::{Request, Uri};

use crate::forwarded::forwarded;
use crate::matcher::client::Network;
use crate::peer::Peer;

/// Client, scheme and host of a request as the client knows them.
///
/// Behind a [trusted proxy](crate::Builder::trusted_proxy) they are what `X-Forwarded-For`,
/// `X-Forwarded-Proto` and `X-Forwarded-Host` tell, and the router puts them into the request's extensions;
/// elsewhere they are those of [`Peer`] and of the request itself. As an argument of a handler this is
/// always there; what is unknown is absent.
///
/// ```
/// use tower::ServiceExt;
/// use waylay_router::{Body, Effective, Peer, Route, Router};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = Router::builder()
///     .trusted_proxy("10.0.0.0/8")
///     .route(Route::get("/").to(async |effective: Effective| effective.origin().unwrap_or_default()))
///     .build()?;
/// let mut request = http::Request::get("/")
///     .header("host", "inner:8080")
///     .header("x-forwarded-proto", "https")
///     .header("x-forwarded-host", "shop.example")
///     .body(Body::empty())?;
/// request.extensions_mut().insert(Peer::default().addr(([10, 0, 0, 1], 4321).into()));
/// let response = router.oneshot(request).await?;
/// assert_eq!(axum::body::to_bytes(response.into_body(), 99).await?, "https://shop.example");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effective {
    /// The client's address; the port is 0 where a proxy told none.
    pub addr: Option<SocketAddr>,
    /// The scheme that the client used.
    pub scheme: Option<Scheme>,
    /// The host that the client asked for, with the port if it wrote one.
    pub host: Option<String>,
}

impl Effective {
    /// `scheme://host`, where both are known (RFC 6454 §6.2): what an absolute URL to this service begins
    /// with.
    pub fn origin(&self) -> Option<String> {
        Some(format!("{}://{}", self.scheme.as_ref()?, self.host.as_ref()?))
    }

    /// What the headers tell, if the other end is a proxy that is trusted.
    pub(crate) fn behind<B>(request: &Request<B>, proxies: &[Network]) -> Option<Self> {
        let peer = request.extensions().get::<Peer>()?;
        let seen = forwarded(request.headers(), peer, proxies)?;
        let host = seen.host.map(str::to_owned).or_else(|| host(request.uri(), request.headers()));
        Some(Self { addr: seen.peer.addr, scheme: seen.peer.scheme, host })
    }
}

fn host(uri: &Uri, headers: &http::HeaderMap) -> Option<String> {
    let line = || headers.get(HOST).and_then(|line| line.to_str().ok());
    let host = uri.authority().map(|authority| authority.as_str()).or_else(line)?;
    (!host.is_empty()).then(|| host.to_owned())
}

impl<S: Send + Sync> FromRequestParts<S> for Effective {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        if let Some(behind) = parts.extensions.get::<Self>() {
            return Ok(behind.clone());
        }
        let peer = parts.extensions.get::<Peer>().cloned().unwrap_or_default();
        Ok(Self { addr: peer.addr, scheme: peer.scheme, host: host(&parts.uri, &parts.headers) })
    }
}
