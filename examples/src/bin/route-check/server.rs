//! Server: a real router, for results that a table alone does not have.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::header::{ACCESS_CONTROL_ALLOW_METHODS, HOST, HeaderName, HeaderValue};
use http::uri::Scheme;
use http::{Method, Request, Response, Uri};
use tower::layer::layer_fn;
use tower::{Service, ServiceExt};
use waylay_router::{
    Body, Builder, HttpLayer, Miss, Next, Peer, PendingEndpoint, Reason, Route, Router, Scope,
};

use crate::input::{Case, Dialect, RequestSpec, RouteSpec, RouterSettings};
use crate::table::{BuiltTable, RouteTree};

/// Longest target that `http::Uri` parses; servers return 414 for a longer one.
const LONGEST_TARGET: usize = 65_534;

/// A request with its peer, or the status with which a server rejects it.
pub(crate) type Received = Result<(Request<()>, Peer), u16>;

/// Parses a request as a server does.
///
/// # Errors
/// An invalid address of the peer.
pub(crate) fn receive(spec: &RequestSpec, dialect: Dialect) -> Result<Received, String> {
    let scheme = if spec.tls { Scheme::HTTPS } else { Scheme::HTTP };
    let mut peer = Peer::default().scheme(scheme);
    if let Some(remote) = &spec.remote {
        let addr =
            remote.parse::<SocketAddr>().or_else(|_| remote.parse::<IpAddr>().map(|ip| (ip, 0).into()));
        match addr {
            Ok(addr) => peer = peer.addr(addr),
            // In Go it is any text; one that is not an address is in no network.
            Err(_) if dialect == Dialect::TraefikV3 => {}
            Err(_) => return Err(format!("remote `{remote}` is not an address")),
        }
    }
    if spec.url.len() > LONGEST_TARGET {
        return Ok(Err(414));
    }
    Ok(request(spec).map(|request| (request, peer)).ok_or(400))
}

fn request(spec: &RequestSpec) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(spec.method.as_bytes()).ok()?;
    *request.uri_mut() = target(spec).parse::<Uri>().ok()?;
    let headers = request.headers_mut();
    if let Some(host) = &spec.host {
        headers.append(HOST, HeaderValue::from_bytes(host.as_bytes()).ok()?);
    }
    for (name, lines) in &spec.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        for line in lines.iter() {
            headers.try_append(&name, HeaderValue::from_bytes(line.as_bytes()).ok()?).ok()?;
        }
    }
    Some(request)
}

/// Returns the target; bytes of `raw_query` that a target must not contain are escaped.
fn target(spec: &RequestSpec) -> Cow<'_, str> {
    let Some(query) = &spec.raw_query else { return Cow::Borrowed(&spec.url) };
    let mut target = format!("{}?", spec.url.split('?').next().unwrap_or_default());
    for byte in query.bytes() {
        match byte {
            b'#' | b'"' | b'<' | b'>' | 0..=b' ' | 0x7f.. => target.push_str(&format!("%{byte:02X}")),
            _ => target.push(char::from(byte)),
        }
    }
    Cow::Owned(target)
}

/// The router of a line.
#[derive(Debug)]
pub(crate) struct Server {
    router: Router,
    /// Whether the line has middlewares.
    traced: bool,
}

/// Names of the middlewares that a request passes, from the outside in, then of the handler.
#[derive(Debug, Clone, Default)]
struct Trace(VecDeque<Arc<str>>);

/// A middleware that adds its name to the trace.
#[derive(Debug, Clone)]
struct TraceService {
    next: Next,
    name: Arc<str>,
    /// Whether it is for misses, which in gorilla/mux have middlewares only if they are slash redirects.
    is_for_misses: bool,
}

impl Service<Request<Body>> for TraceService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.next.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let reason = request.extensions().get::<Miss>().map(|miss| &miss.reason);
        let is_slash_redirect =
            matches!(reason, Some(Reason::Redirect(redirect)) if redirect.matched.is_some());
        let name = (is_slash_redirect || !self.is_for_misses).then(|| Arc::clone(&self.name));
        let future = self.next.call(request);
        Box::pin(async move {
            let mut response = future.await?;
            if let Some(name) = name {
                response.extensions_mut().get_or_insert_default::<Trace>().0.push_front(name);
            }
            Ok(response)
        })
    }
}

fn trace_layer(name: &str, is_for_misses: bool) -> impl HttpLayer + use<> {
    let name: Arc<str> = name.into();
    layer_fn(move |next: Next| TraceService { next, name: Arc::clone(&name), is_for_misses })
}

/// Tests whether the results of a line require a router.
pub(crate) fn is_required(case: &Case) -> bool {
    case.router.cors || is_traced(case)
}

fn is_traced(case: &Case) -> bool {
    !case.router.middlewares.is_empty() || case.routes.iter().any(has_middlewares)
}

fn has_middlewares(route: &RouteSpec) -> bool {
    let sub = route.sub.as_ref();
    !route.middlewares.is_empty()
        || sub.is_some_and(|sub| !sub.middlewares.is_empty())
        || route.children.iter().chain(&route.mount).flatten().any(has_middlewares)
}

impl Server {
    /// Builds the router of a line.
    pub(crate) fn new(case: &Case, tree: &RouteTree<'_>, built: &BuiltTable) -> Result<Self, String> {
        let router = build_router(&case.router, tree, built)?;
        Ok(Self { router, traced: is_traced(case) })
    }

    /// Calls the router; returns the trace of the request and the allowed methods of the response.
    pub(crate) fn call(&self, request: &Request<()>, peer: &Peer) -> (Vec<String>, Option<String>) {
        let mut request = request.clone().map(|()| Body::empty());
        request.extensions_mut().insert(peer.clone());
        let future = pin!(self.router.clone().oneshot(request));
        // No handler of this router ever waits.
        let Poll::Ready(Ok(response)) = future.poll(&mut Context::from_waker(Waker::noop())) else {
            return (Vec::new(), None);
        };
        let trace = response.extensions().get::<Trace>().filter(|_| self.traced);
        let names = trace.into_iter().flat_map(|trace| &trace.0);
        let methods = response.headers().get(ACCESS_CONTROL_ALLOW_METHODS);
        let methods = methods.and_then(|value| value.to_str().ok()).map(str::to_owned);
        (names.map(|name| (**name).to_owned()).collect(), methods)
    }
}

fn build_router(
    settings: &RouterSettings,
    tree: &RouteTree<'_>,
    built: &BuiltTable,
) -> Result<Router, String> {
    let mut builder = Router::builder().policy(tree.policy);
    if settings.cors {
        builder = builder.cors_methods();
    }
    for name in &settings.middlewares {
        builder = builder.route_layer(trace_layer(name, false)).miss_layer(trace_layer(name, true));
    }
    let mounts = tree.nodes.iter().enumerate().filter_map(|(number, node)| {
        let (tree, built) = (node.mount.as_deref()?, built.mounts.get(&number)?);
        Some(build_router(&RouterSettings::default(), tree, built).map(|router| (number, router)))
    });
    let layout = RouterLayout { tree, invalid: &built.invalid, mounts: mounts.collect::<Result<_, _>>()? };
    let builder = layout.nodes(None).fold(builder, |builder, node| layout.add(builder, node));
    builder.build().map_err(|errors| errors.to_string())
}

/// A router builder or a scope.
trait RouteContainer: Sized {
    fn with_route(self, route: Route<PendingEndpoint<()>>) -> Self;
    fn with_scope(self, scope: Scope) -> Self;
}

impl RouteContainer for Builder {
    fn with_route(self, route: Route<PendingEndpoint<()>>) -> Self {
        self.route(route)
    }

    fn with_scope(self, scope: Scope) -> Self {
        self.scope(scope)
    }
}

impl RouteContainer for Scope {
    fn with_route(self, route: Route<PendingEndpoint<()>>) -> Self {
        self.route(route)
    }

    fn with_scope(self, scope: Scope) -> Self {
        self.scope(scope)
    }
}

struct RouterLayout<'p> {
    tree: &'p RouteTree<'p>,
    invalid: &'p BTreeSet<usize>,
    /// The routers that are mounted at nodes.
    mounts: BTreeMap<usize, Router>,
}

impl RouterLayout<'_> {
    fn nodes(&self, parent: Option<usize>) -> impl Iterator<Item = usize> {
        let inside = (0..self.tree.nodes.len()).filter(move |node| self.tree.nodes[*node].parent == parent);
        inside.filter(|node| !self.invalid.contains(node))
    }

    /// Adds a node with all its condition sets to a builder or a scope.
    fn add<H: RouteContainer>(&self, container: H, number: usize) -> H {
        let node = &self.tree.nodes[number];
        let Some((inner, outer)) = node.conditions.split_last() else { return container };
        let mut scopes = outer.iter().map(|set| set.scope());
        match scopes.next() {
            None => self.innermost(container, number),
            Some(first) => {
                let mut outer_scopes = vec![first];
                outer_scopes.extend(scopes);
                let last = outer_scopes.pop().unwrap_or_else(|| inner.scope());
                let last = self.innermost(last, number);
                let outermost = outer_scopes.into_iter().rev().fold(last, |scope, outer| outer.scope(scope));
                container.with_scope(outermost)
            }
        }
    }

    fn innermost<H: RouteContainer>(&self, container: H, number: usize) -> H {
        let node = &self.tree.nodes[number];
        let Some(inner) = node.conditions.last() else { return container };
        if node.spec.is_scope() {
            let mut scope = inner.scope();
            for name in node.spec.sub.iter().flat_map(|sub| &sub.middlewares) {
                scope = scope.route_layer(trace_layer(name, false)).miss_layer(trace_layer(name, true));
            }
            let scope = self.nodes(Some(number)).fold(scope, |scope, child| self.add(scope, child));
            return container.with_scope(scope);
        }
        let route = inner.route().priority(node.spec.priority).trailing_slash(node.trailing_slash());
        let route = if node.build_only { route.build_only() } else { route };
        let title =
            self.tree.handler_of(number).map(|owner| format!("handler:{}", self.tree.nodes[owner].title));
        let name: Option<Arc<str>> = title.map(Into::into);
        let handler = async move || {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(Trace(name.into_iter().collect()));
            response
        };
        let mut route = match self.mounts.get(&number) {
            Some(router) => route.to_service(router.clone()),
            None => route.to(handler),
        };
        for name in &node.spec.middlewares {
            route = route.layer(trace_layer(name, false));
        }
        container.with_route(route)
    }
}
