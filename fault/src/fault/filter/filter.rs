//! RequestFilter: which requests are eligible.

use http::header::USER_AGENT;
use http::{HeaderMap, Request};

use crate::config::error::ErrorCollector;
use crate::connection::handle;
use crate::fault::filter::host::HostList;
use crate::fault::filter::lists::{ClientList, HeaderList, MethodList};
use crate::fault::filter::path::{PathList, canonical};
#[cfg(any(feature = "axum", feature = "router"))]
use crate::fault::filter::route::RouteList;
#[cfg(feature = "router")]
use crate::fault::filter::route::RuleList;
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
}

/// A block list and an allow list of one kind.
#[derive(Debug, Default)]
pub(crate) struct AllowBlock<L> {
    pub(crate) block: L,
    pub(crate) allow: L,
}

impl RequestFilter {
    /// Tests the lists of every kind, all of which a request must pass. Block takes precedence over
    /// allow. An empty allow list allows all.
    pub(crate) fn admit<B>(&self, request: &Request<B>) -> Result<(), SkipReason> {
        let path = canonical(request.uri().path());
        let (uri, headers) = (request.uri(), request.headers());
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
        let admitted = admitted && passes(&self.rules, RuleList::is_empty, |list| list.contains(request));
        if admitted { Ok(()) } else { Err(SkipReason::NoMatch) }
    }
}

fn passes<L>(lists: &AllowBlock<L>, is_empty: impl Fn(&L) -> bool, contains: impl Fn(&L) -> bool) -> bool {
    let blocked = !is_empty(&lists.block) && contains(&lists.block);
    !blocked && (is_empty(&lists.allow) || contains(&lists.allow))
}

/// The lists of a builder.
#[derive(Debug, Default)]
pub(crate) struct FilterConfig {
    pub(crate) allow_probes: bool,
    pub(crate) methods: AllowBlock<Vec<String>>,
    pub(crate) paths: AllowBlock<Vec<String>>,
    pub(crate) headers: AllowBlock<Vec<(String, String)>>,
    pub(crate) hosts: AllowBlock<Vec<String>>,
    pub(crate) clients: AllowBlock<Vec<String>>,
    #[cfg(any(feature = "axum", feature = "router"))]
    pub(crate) routes: AllowBlock<Vec<String>>,
    #[cfg(feature = "router")]
    pub(crate) rules: AllowBlock<Vec<String>>,
}

impl FilterConfig {
    /// Parses every list.
    pub(crate) fn check(self, errors: &mut ErrorCollector) -> RequestFilter {
        RequestFilter {
            protect_probes: !self.allow_probes,
            methods: AllowBlock {
                block: MethodList::check("block_methods", self.methods.block, errors),
                allow: MethodList::check("allow_methods", self.methods.allow, errors),
            },
            paths: AllowBlock {
                block: PathList::check("block_paths", self.paths.block, errors),
                allow: PathList::check("allow_paths", self.paths.allow, errors),
            },
            headers: AllowBlock {
                block: HeaderList::check("block_headers", self.headers.block, errors),
                allow: HeaderList::check("allow_headers", self.headers.allow, errors),
            },
            hosts: AllowBlock {
                block: HostList::check("block_hosts", self.hosts.block, errors),
                allow: HostList::check("allow_hosts", self.hosts.allow, errors),
            },
            clients: AllowBlock {
                block: ClientList::check("block_clients", self.clients.block, errors),
                allow: ClientList::check("allow_clients", self.clients.allow, errors),
            },
            #[cfg(any(feature = "axum", feature = "router"))]
            routes: AllowBlock {
                block: RouteList::check("block_routes", self.routes.block, errors),
                allow: RouteList::check("allow_routes", self.routes.allow, errors),
            },
            #[cfg(feature = "router")]
            rules: AllowBlock {
                block: RuleList::check("block_rules", self.rules.block, errors),
                allow: RuleList::check("allow_rules", self.rules.allow, errors),
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
