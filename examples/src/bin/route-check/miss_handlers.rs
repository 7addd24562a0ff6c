//! MissHandler: a scope that handles its misses, which ends the search in gorilla/mux.

use std::cmp::Reverse;

use http::Request;
use waylay_router::{Match, Miss, Peer, Reason, Table};

use crate::input::Dialect;
use crate::table::{BuiltTable, Node, RouteTree};

/// A scope that handles its misses.
#[derive(Debug)]
pub(crate) struct MissHandler {
    node: usize,
    last: usize,
    not_found: bool,
    method_not_allowed: bool,
    /// The scope as a route.
    scope: Table<usize>,
    /// The routes in the scope and before it: a wrong method for one of these counts, too.
    before: Table<usize>,
}

/// Outcome of a look-up.
pub(crate) enum Outcome<'t, 'r> {
    Found(Match<'t, 'r, usize>),
    Miss(Miss),
    /// The node of the scope that handles the miss, and the name of the handler.
    Handled(usize, &'static str),
}

/// Returns the scopes of a tree that handle misses, in the order in which they are tried.
pub(crate) fn miss_handlers(tree: &RouteTree<'_>, built: &BuiltTable) -> Vec<MissHandler> {
    if tree.dialect != Dialect::Gorilla {
        return Vec::new();
    }
    let handler = |(number, node): (usize, &Node<'_>)| {
        let sub = node.spec.sub.as_ref().filter(|sub| sub.not_found || sub.method_not_allowed)?;
        if node.build_only || tree.ancestors(number).any(|outer| built.invalid.contains(&outer)) {
            return None;
        }
        Some(MissHandler {
            node: number,
            last: node.last,
            not_found: sub.not_found,
            method_not_allowed: sub.method_not_allowed,
            scope: tree.table_of(number)?,
            before: tree.table_up_to(number, &built.invalid)?,
        })
    };
    let mut handlers: Vec<MissHandler> = tree.nodes.iter().enumerate().filter_map(handler).collect();
    // A scope ends with its last route; of two that end together the inner one is tried first.
    handlers.sort_by_key(|handler| (handler.last, Reverse(handler.node)));
    handlers
}

impl MissHandler {
    /// Returns the handler for a request that no route up to the end of the scope matches.
    fn handler(&self, request: &Request<()>, peer: &Peer) -> Option<&'static str> {
        let within = match self.scope.find(request, peer) {
            Ok(_) => true,
            Err(miss) => is_slash_redirect(&miss),
        };
        let miss = if within { self.before.find(request, peer).err()? } else { return None };
        match miss.reason {
            Reason::MethodNotAllowed(_) if self.method_not_allowed => Some("method_not_allowed"),
            Reason::NotFound if self.not_found => Some("not_found"),
            _ => None,
        }
    }
}

/// Tests whether a miss is a redirect to a route with or without a trailing slash.
pub(crate) fn is_slash_redirect(miss: &Miss) -> bool {
    matches!(&miss.reason, Reason::Redirect(redirect) if redirect.matched.is_some())
}

/// Looks a request up, and tries the handlers of scopes that end before the result.
pub(crate) fn outcome<'t, 'r>(
    table: &'t Table<usize>,
    handlers: &[MissHandler],
    request: &'r Request<()>,
    peer: &Peer,
) -> Outcome<'t, 'r> {
    let found = table.find(request, peer);
    let end = match &found {
        Ok(found) => *found.value(),
        Err(miss) => match &miss.reason {
            Reason::Redirect(redirect) => {
                let matched = redirect.matched.as_deref();
                matched.and_then(|matched| table.value(matched.index())).copied().unwrap_or(0)
            }
            Reason::BadRequest(_) => 0,
            _ => usize::MAX,
        },
    };
    for handler in handlers.iter().take_while(|handler| handler.last < end) {
        if let Some(name) = handler.handler(request, peer) {
            return Outcome::Handled(handler.node, name);
        }
    }
    match found {
        Ok(found) => Outcome::Found(found),
        Err(miss) => Outcome::Miss(miss),
    }
}
