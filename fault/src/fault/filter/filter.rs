//! RequestFilter: which requests are eligible.

use http::header::USER_AGENT;
use http::{HeaderMap, Request, Uri};

use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::connection::handle;
use crate::fault::capability::Placement;
use crate::fault::filter::baggage::{Baggage, BaggageFilter};
use crate::fault::filter::host::HostList;
use crate::fault::filter::lists::{AllowBlock, ClientList, HeaderList, MethodList, passes};
use crate::fault::filter::path::{PathList, canonical};
use crate::fault::filter::response::{ResponseFilter, StatusList};
#[cfg(any(feature = "axum", feature = "router"))]
use crate::fault::filter::route::RouteList;
#[cfg(feature = "router")]
use crate::fault::filter::route::RuleList;
use crate::injector::key::RequestKeys;
use crate::report::event::SkipReason;

#[derive(Debug, Default)]
pub(crate) struct RequestFilter {
    pub(crate) protect_probes: bool,
    pub(crate) methods: AllowBlock<MethodList>,
    pub(crate) paths: AllowBlock<PathList>,
    pub(crate) headers: AllowBlock<HeaderList>,
    pub(crate) hosts: AllowBlock<HostList>,
    pub(crate) clients: AllowBlock<ClientList>,
    #[cfg(any(feature = "axum", feature = "router"))]
    pub(crate) routes: AllowBlock<RouteList>,
    #[cfg(feature = "router")]
    pub(crate) rules: AllowBlock<RuleList>,
    pub(crate) baggage: Option<BaggageFilter>,
    /// Tested once the service has responded.
    pub(crate) response: ResponseFilter,
}

impl RequestFilter {
    /// Tests the lists of every kind, all of which a request must pass. Block takes precedence over
    /// allow. An allow list that was not given is empty, and allows all.
    pub(crate) fn admit<B>(&self, placement: Placement, request: &Request<B>) -> Result<(), SkipReason> {
        let (uri, headers) = (original_uri(placement, request), request.headers());
        let path = canonical(uri.path());
        if self.protect_probes && is_probe(&path, headers) {
            return Err(SkipReason::Protected);
        }
        let client = || handle::client_address(request.extensions());
        let admitted = passes(&self.methods, MethodList::is_empty, |list| list.contains(request.method()))
            && passes(&self.paths, PathList::is_empty, |list| list.contains(&path))
            && passes(&self.headers, HeaderList::is_empty, |list| list.contains(headers))
            && passes(&self.hosts, HostList::is_empty, |list| list.contains(uri, headers))
            && passes(&self.clients, ClientList::is_empty, |list| list.contains(client()));
        #[cfg(any(feature = "axum", feature = "router"))]
        let admitted = admitted && {
            let extensions = request.extensions();
            passes(&self.routes, RouteList::is_empty, |list| list.contains(extensions))
        };
        #[cfg(feature = "router")]
        let admitted =
            admitted && passes(&self.rules, RuleList::is_empty, |list| list.contains(request, uri));
        if admitted { Ok(()) } else { Err(SkipReason::NoMatch) }
    }

    /// Tests whether the baggage of the request names the fault, if it has to.
    pub(crate) fn admit_baggage<B>(&self, fault: &str, request: &Request<B>) -> Result<(), SkipReason> {
        match &self.baggage {
            Some(baggage) => baggage.admit(fault, request.headers(), RequestKeys::of(request)),
            None => Ok(()),
        }
    }
}

/// Returns the URI as the server got it, before a router removed the prefix that it is nested under:
/// axum's `OriginalUri` and waylay-router's `Mount` keep it.
///
/// A client's request has its own: the extensions may be those of the request that it is sent for.
pub(crate) fn original_uri<B>(placement: Placement, request: &Request<B>) -> &Uri {
    let uri = request.uri();
    if placement != Placement::Server {
        return uri;
    }
    #[cfg(feature = "axum")]
    let uri = match request.extensions().get::<axum::extract::OriginalUri>() {
        Some(axum::extract::OriginalUri(original)) => longer(uri, original),
        None => uri,
    };
    #[cfg(feature = "router")]
    let uri = match request.extensions().get::<waylay_router::Mount>() {
        Some(mount) => longer(uri, mount.original_uri()),
        None => uri,
    };
    uri
}

/// Returns what traces show of a request.
#[cfg(feature = "tracing")]
pub(crate) fn traced<B>(placement: Placement, request: &Request<B>) -> (&http::Method, &str) {
    (request.method(), original_uri(placement, request).path())
}

/// Of two routers, one within the other, the outer one has the longer path.
#[cfg(any(feature = "axum", feature = "router"))]
fn longer<'a>(one: &'a Uri, other: &'a Uri) -> &'a Uri {
    if other.path().len() > one.path().len() { other } else { one }
}

/// The lists of a builder.
#[derive(Debug, Default)]
pub(crate) struct FilterConfig {
    pub(crate) allow_probes: bool,
    pub(crate) methods: ListConfig<String>,
    pub(crate) paths: ListConfig<String>,
    pub(crate) headers: ListConfig<(String, String)>,
    pub(crate) hosts: ListConfig<String>,
    pub(crate) clients: ListConfig<String>,
    #[cfg(any(feature = "axum", feature = "router"))]
    pub(crate) routes: ListConfig<String>,
    #[cfg(feature = "router")]
    pub(crate) rules: ListConfig<String>,
    pub(crate) baggage: Option<Baggage>,
    pub(crate) statuses: ListConfig<String>,
    pub(crate) response_headers: ListConfig<(String, String)>,
}

/// Two lists of one kind, as given. An allow list that was not given allows all.
#[derive(Debug)]
pub(crate) struct ListConfig<T> {
    pub(crate) block: Vec<T>,
    pub(crate) allow: Option<Vec<T>>,
}

// Not derived, since that would require `T: Default`.
impl<T> Default for ListConfig<T> {
    fn default() -> Self {
        Self { block: Vec::new(), allow: None }
    }
}

impl<T> ListConfig<T> {
    fn check<L>(
        self,
        kind: &str,
        errors: &mut ErrorCollector,
        check: fn(&str, Vec<T>, &mut ErrorCollector) -> L,
    ) -> AllowBlock<L> {
        let block = check(&format!("block_{kind}"), self.block, errors);
        let setting = format!("allow_{kind}");
        if self.allow.as_ref().is_some_and(Vec::is_empty) {
            errors.add(&*setting, "[]", FaultErrorKind::EmptyAllowList);
        }
        AllowBlock { block, allow: check(&setting, self.allow.unwrap_or_default(), errors) }
    }
}

impl FilterConfig {
    /// Returns the first list of responses that was set.
    pub(crate) fn response_list(&self) -> Option<&'static str> {
        let lists = [
            (self.statuses.allow.is_some(), "allow_statuses"),
            (!self.statuses.block.is_empty(), "block_statuses"),
            (self.response_headers.allow.is_some(), "allow_response_headers"),
            (!self.response_headers.block.is_empty(), "block_response_headers"),
        ];
        lists.into_iter().find_map(|(is_set, name)| is_set.then_some(name))
    }

    /// Parses every list.
    pub(crate) fn check(self, errors: &mut ErrorCollector) -> RequestFilter {
        RequestFilter {
            protect_probes: !self.allow_probes,
            methods: self.methods.check("methods", errors, MethodList::check),
            paths: self.paths.check("paths", errors, PathList::check),
            headers: self.headers.check("headers", errors, HeaderList::check),
            hosts: self.hosts.check("hosts", errors, HostList::check),
            clients: self.clients.check("clients", errors, ClientList::check),
            #[cfg(any(feature = "axum", feature = "router"))]
            routes: self.routes.check("routes", errors, RouteList::check),
            #[cfg(feature = "router")]
            rules: self.rules.check("rules", errors, RuleList::check),
            baggage: self.baggage.and_then(|baggage| baggage.check(errors)),
            response: ResponseFilter {
                statuses: self.statuses.check("statuses", errors, StatusList::check),
                headers: self.response_headers.check("response_headers", errors, HeaderList::check),
            },
        }
    }
}

/// Tests whether the request is a probe: a pod that is restarted by a fault on its probe proves
/// nothing (litmuschaos/litmus 5033).
pub(crate) fn is_probe(path: &str, headers: &HeaderMap) -> bool {
    matches!(path, "/healthz" | "/livez" | "/readyz" | "/health" | "/metrics")
        || path.starts_with("/grpc.health.v1.Health/")
        || headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"kube-probe"))
}
