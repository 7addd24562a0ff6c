//! Admin, AdminBuilder, AdminService: the admin API of a set of faults as a tower service.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Request};
use tower_service::Service;
use waylay_fault::FaultSet;
use waylay_router::{BuildErrors, Peer, Router};

use crate::access::access::Access;
use crate::access::ticket::Tickets;
use crate::access::token::{Token, TokenError, random_text};
use crate::api;
use crate::api::fleet::Fleet;
use crate::api::state::AdminState;
use crate::problem::Problem;
use crate::traffic::traffic::Traffic;

/// The admin API and console of a [`FaultSet`].
///
/// Cheap to clone; clones share their state.
///
/// ```
/// use waylay_fault::{EventLog, Fault, FaultSet, error};
/// use waylay_fault_admin::{Admin, Token, Traffic};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let set = FaultSet::builder().environment("staging").event_log(EventLog::new(1000)).build();
/// set.replace([Fault::new("flaky", error(503)).participation(0.1)])?;
///
/// let traffic = Traffic::new();
/// let admin = Admin::builder(&set).traffic(&traffic).token(Token::generate()?).build()?;
/// let app: axum::Router = axum::Router::new()
///     .route("/", axum::routing::get(async || "the service"))
///     .layer(set.layer().boxed())
///     .layer(traffic.layer())
///     .nest_service("/_faults", admin.service());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Admin {
    router: Router,
    access: Arc<Access>,
    state: AdminState,
    is_token_given: bool,
}

impl Admin {
    /// Begins the admin API of a set.
    pub fn builder(set: &FaultSet) -> AdminBuilder {
        AdminBuilder {
            set: set.clone(),
            token: None,
            hosts: Vec::new(),
            traffic: None,
            routes: None,
            fleet: None,
        }
    }

    /// Returns the token, of which a generated one has to be shown to the operator.
    pub fn token(&self) -> &Token {
        &self.access.token
    }

    /// Returns the address of the console, signed in, below this URL (`http://127.0.0.1:9901`).
    ///
    /// The token is in the fragment, which browsers do not send; the page removes it from the address bar.
    pub fn console_url(&self, base: &str) -> String {
        format!("{}/#token={}", base.trim_end_matches('/'), self.token().reveal())
    }

    /// Returns the service, to be mounted: `nest_service` in axum, `Route::mount` in waylay-router.
    ///
    /// It reads the sender of a request from the extension [`Peer`], which waylay-router's make-services insert, and
    /// with the feature `axum` from axum's `ConnectInfo<SocketAddr>`. Reads of a sender that is not known to be a
    /// program of this machine need the token too.
    pub fn service(&self) -> AdminService {
        AdminService { router: self.router.clone(), access: self.access.clone() }
    }

    /// Ends all event streams, so that a server that finishes its requests before it stops does not wait for them.
    ///
    /// Streams that are opened afterwards end at once.
    pub fn close_streams(&self) {
        self.state.is_closed.send_replace(true);
    }

    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    pub(crate) fn is_token_given(&self) -> bool {
        self.is_token_given
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("access", &self.access).finish_non_exhaustive()
    }
}

/// Options of an [`Admin`], begun by [`Admin::builder`].
#[must_use = "a builder does nothing until `build`"]
pub struct AdminBuilder {
    set: FaultSet,
    token: Option<Token>,
    hosts: Vec<String>,
    traffic: Option<Traffic>,
    routes: Option<Router>,
    fleet: Option<Arc<dyn Fleet>>,
}

impl AdminBuilder {
    /// Sets the token of changes. Without one a token is generated, which [`Admin::serve`] prints on standard error.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Opens the API to other machines, under these names of this host (without ports). Reads then need the token
    /// as well, unless they come from a program of this machine under a loopback name.
    pub fn hosts<H: Into<String>>(mut self, names: impl IntoIterator<Item = H>) -> Self {
        self.hosts.extend(names.into_iter().map(Into::into));
        self
    }

    /// Shows what this has measured.
    pub fn traffic(mut self, traffic: &Traffic) -> Self {
        self.traffic = Some(traffic.clone());
        self
    }

    /// Shows the routes of the service, and matches the requests of `explain` in them, so that lists of routes decide
    /// as they do in a layer within this router.
    pub fn routes(mut self, router: &Router) -> Self {
        self.routes = Some(router.clone());
        self
    }

    /// Shows the replicas of the fleet to which the process belongs.
    pub fn fleet(mut self, fleet: impl Fleet) -> Self {
        self.fleet = Some(Arc::new(fleet));
        self
    }

    /// Builds the API.
    ///
    /// # Errors
    /// No token was given, and none can be generated.
    pub fn build(self) -> Result<Admin, AdminError> {
        let is_token_given = self.token.is_some();
        let token = match self.token {
            Some(token) => token,
            None => Token::generate().map_err(AdminError::Token)?,
        };
        let access = Arc::new(Access { token, hosts: self.hosts, tickets: Tickets::default() });
        let instance =
            random_text::<9>().map_err(|error| AdminError::Token(TokenError::Random(error.to_string())))?;
        let state =
            AdminState::new(self.set, access.clone(), self.traffic, self.routes, self.fleet, instance);
        let router = api::router::router(state.clone()).map_err(AdminError::Router)?;
        Ok(Admin { router, access, state, is_token_given })
    }
}

impl fmt::Debug for AdminBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminBuilder").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// Why an [`Admin`] cannot be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum AdminError {
    /// No token was given, and none can be generated.
    Token(TokenError),
    /// The routes of the API conflict.
    Router(BuildErrors),
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => error.fmt(f),
            Self::Router(errors) => errors.fmt(f),
        }
    }
}

impl std::error::Error for AdminError {}

/// The admin API as a tower service, made by [`Admin::service`].
#[derive(Clone)]
pub struct AdminService {
    router: Router,
    access: Arc<Access>,
}

impl fmt::Debug for AdminService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminService").field("access", &self.access).finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for AdminService
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
        let checked = self.access.check(&parts, peer(&parts.extensions));
        let mut router = self.router.clone();
        Box::pin(async move {
            let response = match checked {
                Ok(()) => router.call(Request::from_parts(parts, Body::new(body))).await?,
                Err(problem) => problem.into_response(),
            };
            Ok(with_headers(Problem::unify(response)))
        })
    }
}

/// Returns the address of the sender, if it is known.
fn peer(extensions: &http::Extensions) -> Option<std::net::SocketAddr> {
    let peer = extensions.get::<Peer>().and_then(|peer| peer.addr);
    #[cfg(feature = "axum")]
    let peer = peer.or_else(|| {
        use axum::extract::ConnectInfo;
        extensions.get::<ConnectInfo<std::net::SocketAddr>>().map(|info| info.0)
    });
    peer
}

/// Adds the headers that keep other sites and caches from a response.
fn with_headers(mut response: Response) -> Response {
    let headers = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
    ];
    for (name, value) in headers {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
