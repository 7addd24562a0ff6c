//! ProxySet::service and ProxySet::serve: Toxiproxy's HTTP API.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{HeaderName, ORIGIN, USER_AGENT};
use http::request::Parts;
use http::{Request, StatusCode};
use tokio::net::TcpListener;
use tower_service::Service;
use waylay_router::Router;

use crate::access::origin::RequestOrigin;
use crate::server::accept::accept;
use crate::toxiproxy::api;
use crate::toxiproxy::proxy_set::ProxySet;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl ProxySet {
    /// Returns Toxiproxy's API as a service: in an axum router, with layers, or in a test.
    ///
    /// As in Toxiproxy, every client that reaches it controls the proxies: put a layer in front that authorizes, or keep it on a
    /// loopback address. Requests of browsers are refused.
    pub fn service(&self) -> ToxiproxyService {
        ToxiproxyService { router: self.router(), is_local: false }
    }

    /// Serves Toxiproxy's API on this listener, for as long as this is polled. On a loopback address, requests must
    /// name a loopback host.
    ///
    /// ```no_run
    /// # async fn run() -> std::io::Result<()> {
    /// use waylay_fault_admin::ProxySet;
    ///
    /// ProxySet::new().serve(tokio::net::TcpListener::bind("127.0.0.1:8474").await?).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// The listener has no address.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        let address = listener.local_addr()?;
        let is_local = address.ip().to_canonical().is_loopback();
        let service = ToxiproxyService { router: self.router(), is_local };
        accept(&listener, service).await;
        Ok(())
    }

    fn router(&self) -> Router {
        api::router(self).expect("the routes are constant, and a test builds them")
    }
}

/// Toxiproxy's API as a tower service, made by [`ProxySet::service`].
#[derive(Debug, Clone)]
pub struct ToxiproxyService {
    router: Router,
    /// Whether it is on a loopback address.
    is_local: bool,
}

impl ToxiproxyService {
    /// Refuses what a page in a browser may have sent, which needs no login to reach a loopback address.
    fn check(&self, parts: &Parts) -> Result<(), &'static str> {
        let is_browser = |name: &HeaderName| {
            parts.headers.get(name).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"))
        };
        let fetch_site = HeaderName::from_static("sec-fetch-site");
        if is_browser(&USER_AGENT)
            || parts.headers.contains_key(ORIGIN)
            || parts.headers.contains_key(fetch_site)
        {
            return Err("requests of browsers are not allowed");
        }
        if self.is_local && !RequestOrigin::of(parts)?.is_loopback() {
            return Err("the host of the request is not a loopback address");
        }
        Ok(())
    }
}

impl<B> Service<Request<B>> for ToxiproxyService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let checked = self.check(&parts);
        let mut router = self.router.clone();
        Box::pin(async move {
            match checked {
                Ok(()) => router.call(Request::from_parts(parts, Body::new(body))).await,
                Err(why) => Ok((StatusCode::FORBIDDEN, why).into_response()),
            }
        })
    }
}
