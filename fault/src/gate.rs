//! The gate: which requests a fault may touch at all.

use http::Request;

use crate::peer;
use crate::report::Skip;
use crate::scope::clients::ClientList;
use crate::scope::headers::HeaderList;
use crate::scope::hosts::HostList;
use crate::scope::methods::MethodList;
use crate::scope::paths::{PathList, canonical};
use crate::scope::probes::is_probe;
#[cfg(any(feature = "axum", feature = "router"))]
use crate::scope::routes::RouteList;
#[cfg(feature = "router")]
use crate::scope::rules::RuleList;

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
        let client = || peer::client(request.extensions());
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
