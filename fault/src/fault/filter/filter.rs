//! Which requests are eligible.

use http::header::USER_AGENT;
use http::{HeaderMap, Request};

use crate::config::error::Findings;
use crate::connection::handle;
use crate::fault::filter::host::HostList;
use crate::fault::filter::lists::{ClientList, HeaderList, MethodList};
use crate::fault::filter::path::{PathList, canonical};
#[cfg(any(feature = "axum", feature = "router"))]
use crate::fault::filter::route::RouteList;
#[cfg(feature = "router")]
use crate::fault::filter::route::RuleList;
use crate::report::event::Skip;

#[derive(Debug, Default)]
pub(crate) struct Gate {
    pub(crate) protect_probes: bool,
    pub(crate) methods: Lists<MethodList>,
    pub(crate) paths: Lists<PathList>,
    pub(crate) headers: Lists<HeaderList>,
    pub(crate) hosts: Lists<HostList>,
    pub(crate) clients: Lists<ClientList>,
    #[cfg(any(feature = "axum", feature = "router"))]
    pub(crate) routes: Lists<RouteList>,
    #[cfg(feature = "router")]
    pub(crate) rules: Lists<RuleList>,
}

/// What to leave alone, and what alone to touch.
#[derive(Debug, Default)]
pub(crate) struct Lists<L> {
    pub(crate) block: L,
    pub(crate) allow: L,
}

impl Gate {
    /// Lists of one kind: block beats allow. Lists of several kinds: all must let the request
    /// through. An empty allow list is none.
    pub(crate) fn admit<B>(&self, request: &Request<B>) -> Result<(), Skip> {
        let path = canonical(request.uri().path());
        let (uri, headers) = (request.uri(), request.headers());
        if self.protect_probes && is_probe(&path, headers) {
            return Err(Skip::Protected);
        }
        let client = || handle::client(request.extensions());
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
        if admitted { Ok(()) } else { Err(Skip::NoMatch) }
    }
}

fn passes<L>(lists: &Lists<L>, is_empty: impl Fn(&L) -> bool, contains: impl Fn(&L) -> bool) -> bool {
    let blocked = !is_empty(&lists.block) && contains(&lists.block);
    !blocked && (is_empty(&lists.allow) || contains(&lists.allow))
}

/// The lists of a builder.
#[derive(Debug, Default)]
pub(crate) struct Whom {
    pub(crate) spare_no_probes: bool,
    pub(crate) methods: Lists<Vec<String>>,
    pub(crate) paths: Lists<Vec<String>>,
    pub(crate) headers: Lists<Vec<(String, String)>>,
    pub(crate) hosts: Lists<Vec<String>>,
    pub(crate) clients: Lists<Vec<String>>,
    #[cfg(any(feature = "axum", feature = "router"))]
    pub(crate) routes: Lists<Vec<String>>,
    #[cfg(feature = "router")]
    pub(crate) rules: Lists<Vec<String>>,
}

impl Whom {
    /// Reads every list.
    pub(crate) fn check(self, findings: &mut Findings) -> Gate {
        Gate {
            protect_probes: !self.spare_no_probes,
            methods: Lists {
                block: MethodList::check("block_methods", self.methods.block, findings),
                allow: MethodList::check("allow_methods", self.methods.allow, findings),
            },
            paths: Lists {
                block: PathList::check("block_paths", self.paths.block, findings),
                allow: PathList::check("allow_paths", self.paths.allow, findings),
            },
            headers: Lists {
                block: HeaderList::check("block_headers", self.headers.block, findings),
                allow: HeaderList::check("allow_headers", self.headers.allow, findings),
            },
            hosts: Lists {
                block: HostList::check("block_hosts", self.hosts.block, findings),
                allow: HostList::check("allow_hosts", self.hosts.allow, findings),
            },
            clients: Lists {
                block: ClientList::check("block_clients", self.clients.block, findings),
                allow: ClientList::check("allow_clients", self.clients.allow, findings),
            },
            #[cfg(any(feature = "axum", feature = "router"))]
            routes: Lists {
                block: RouteList::check("block_routes", self.routes.block, findings),
                allow: RouteList::check("allow_routes", self.routes.allow, findings),
            },
            #[cfg(feature = "router")]
            rules: Lists {
                block: RuleList::check("block_rules", self.rules.block, findings),
                allow: RuleList::check("allow_rules", self.rules.allow, findings),
            },
        }
    }
}

/// Whether the request looks like a probe: a pod restarted by its own drill proves nothing
/// (litmuschaos/litmus 5033).
pub(crate) fn is_probe(path: &str, headers: &HeaderMap) -> bool {
    matches!(path, "/healthz" | "/livez" | "/readyz" | "/health" | "/metrics")
        || path.starts_with("/grpc.health.v1.Health/")
        || headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"kube-probe"))
}
