//! The routes of a line as a real router, for what only a router shows: which layers a request passes,
//! and which methods its answer tells.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::header::ACCESS_CONTROL_ALLOW_METHODS;
use http::{Request, Response};
use tower::layer::layer_fn;
use tower::{Service, ServiceExt};
use waylay_router::{Body, Builder, HttpLayer, Miss, Next, Peer, Pending, Reason, Route, Router, Scope};

use crate::built::Built;
use crate::case::{Case, Entry, Settings};
use crate::plan::Plan;

/// The router of a line.
#[derive(Debug)]
pub(crate) struct Served {
    router: Router,
    /// Whether the line has middlewares.
    traced: bool,
}

/// What a request leaves behind on its way: middlewares from the outside in, then the handler.
#[derive(Debug, Clone, Default)]
struct Trace(VecDeque<Arc<str>>);

/// A middleware that writes its name down.
#[derive(Debug, Clone)]
struct Recorder {
    next: Next,
    name: Arc<str>,
    /// Whether it is one for misses, of which gorilla/mux knows slash redirects only.
    misses: bool,
}

impl Service<Request<Body>> for Recorder {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.next.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let reason = request.extensions().get::<Miss>().map(|miss| &miss.reason);
        let slashed = matches!(reason, Some(Reason::Redirect(redirect)) if redirect.matched.is_some());
        let name = (slashed || !self.misses).then(|| Arc::clone(&self.name));
        let answer = self.next.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            if let Some(name) = name {
                response.extensions_mut().get_or_insert_default::<Trace>().0.push_front(name);
            }
            Ok(response)
        })
    }
}

fn recorder(name: &str, misses: bool) -> impl HttpLayer + use<> {
    let name: Arc<str> = name.into();
    layer_fn(move |next: Next| Recorder { next, name: Arc::clone(&name), misses })
}

/// Whether a line asks for what only a router shows.
pub(crate) fn is_asked(case: &Case) -> bool {
    case.router.cors || is_traced(case)
}

fn is_traced(case: &Case) -> bool {
    !case.router.middlewares.is_empty() || case.routes.iter().any(layered)
}

fn layered(entry: &Entry) -> bool {
    let sub = entry.sub.as_ref();
    !entry.middlewares.is_empty()
        || sub.is_some_and(|sub| !sub.middlewares.is_empty())
        || entry.children.iter().chain(&entry.mount).flatten().any(layered)
}

impl Served {
    /// Lays out the router of a line.
    pub(crate) fn new(case: &Case, plan: &Plan<'_>, built: &Built) -> Result<Self, String> {
        let router = laid_out(&case.router, plan, built)?;
        Ok(Self { router, traced: is_traced(case) })
    }

    /// Asks the router: the way that the request goes, and the methods that the answer tells.
    pub(crate) fn ask(&self, request: &Request<()>, peer: &Peer) -> (Vec<String>, Option<String>) {
        let mut request = request.clone().map(|()| Body::empty());
        request.extensions_mut().insert(peer.clone());
        let answer = pin!(self.router.clone().oneshot(request));
        // Nothing in this router waits for anything.
        let Poll::Ready(Ok(response)) = answer.poll(&mut Context::from_waker(Waker::noop())) else {
            return (Vec::new(), None);
        };
        let trace = response.extensions().get::<Trace>().filter(|_| self.traced);
        let way = trace.into_iter().flat_map(|trace| &trace.0);
        let methods = response.headers().get(ACCESS_CONTROL_ALLOW_METHODS);
        let methods = methods.and_then(|value| value.to_str().ok()).map(str::to_owned);
        (way.map(|name| (**name).to_owned()).collect(), methods)
    }
}

fn laid_out(settings: &Settings, plan: &Plan<'_>, built: &Built) -> Result<Router, String> {
    let mut builder = Router::builder().policy(plan.policy);
    if settings.cors {
        builder = builder.cors_methods();
    }
    for name in &settings.middlewares {
        builder = builder.route_layer(recorder(name, false)).miss_layer(recorder(name, true));
    }
    let mounts = plan.items.iter().enumerate().filter_map(|(number, item)| {
        let (plan, built) = (item.mount.as_deref()?, built.mounts.get(&number)?);
        Some(laid_out(&Settings::default(), plan, built).map(|router| (number, router)))
    });
    let layout = Layout { plan, dead: &built.dead, mounts: mounts.collect::<Result<_, _>>()? };
    let builder = layout.items(None).fold(builder, |builder, item| layout.add(builder, item));
    builder.build().map_err(|errors| errors.to_string())
}

/// A builder or a scope.
trait Holds: Sized {
    fn with_route(self, route: Route<Pending<()>>) -> Self;
    fn with_scope(self, scope: Scope) -> Self;
}

impl Holds for Builder {
    fn with_route(self, route: Route<Pending<()>>) -> Self {
        self.route(route)
    }

    fn with_scope(self, scope: Scope) -> Self {
        self.scope(scope)
    }
}

impl Holds for Scope {
    fn with_route(self, route: Route<Pending<()>>) -> Self {
        self.route(route)
    }

    fn with_scope(self, scope: Scope) -> Self {
        self.scope(scope)
    }
}

struct Layout<'p> {
    plan: &'p Plan<'p>,
    dead: &'p BTreeSet<usize>,
    /// The routers that stand behind items.
    mounts: BTreeMap<usize, Router>,
}

impl Layout<'_> {
    fn items(&self, parent: Option<usize>) -> impl Iterator<Item = usize> {
        let inside = (0..self.plan.items.len()).filter(move |item| self.plan.items[*item].parent == parent);
        inside.filter(|item| !self.dead.contains(item))
    }

    /// Puts an item with all its levels into a builder or a scope.
    fn add<H: Holds>(&self, holder: H, number: usize) -> H {
        let item = &self.plan.items[number];
        let Some((inner, outer)) = item.levels.split_last() else { return holder };
        let mut levels = outer.iter().map(|level| level.scope());
        match levels.next() {
            None => self.innermost(holder, number),
            Some(first) => {
                let mut around = vec![first];
                around.extend(levels);
                let last = around.pop().unwrap_or_else(|| inner.scope());
                let last = self.innermost(last, number);
                let whole = around.into_iter().rev().fold(last, |scope, outer| outer.scope(scope));
                holder.with_scope(whole)
            }
        }
    }

    fn innermost<H: Holds>(&self, holder: H, number: usize) -> H {
        let item = &self.plan.items[number];
        let Some(inner) = item.levels.last() else { return holder };
        if item.entry.is_scope() {
            let mut scope = inner.scope();
            for name in item.entry.sub.iter().flat_map(|sub| &sub.middlewares) {
                scope = scope.route_layer(recorder(name, false)).miss_layer(recorder(name, true));
            }
            let scope = self.items(Some(number)).fold(scope, |scope, child| self.add(scope, child));
            return holder.with_scope(scope);
        }
        let route = inner.route().priority(item.entry.priority).trailing_slash(item.slash());
        let route = if item.build_only { route.build_only() } else { route };
        let title =
            self.plan.answers(number).map(|owner| format!("handler:{}", self.plan.items[owner].title));
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
        for name in &item.entry.middlewares {
            route = route.layer(recorder(name, false));
        }
        holder.with_route(route)
    }
}
