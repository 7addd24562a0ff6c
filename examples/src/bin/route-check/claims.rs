//! Scopes with a handler for misses of their own: in gorilla/mux it ends the search, so that no later
//! route is tried.

use std::cmp::Reverse;

use http::Request;
use waylay_router::{Match, Miss, Peer, Reason, Table};

use crate::built::Built;
use crate::case::Dialect;
use crate::plan::{Item, Plan};

/// A scope that answers its own misses.
#[derive(Debug)]
pub(crate) struct Claim {
    item: usize,
    last: usize,
    not_found: bool,
    method_not_allowed: bool,
    /// The scope as a route.
    around: Table<usize>,
    /// The routes in the scope and before it: a method that one of these refused counts, too.
    before: Table<usize>,
}

/// What becomes of a request.
pub(crate) enum Outcome<'t, 'r> {
    Hit(Match<'t, 'r, usize>),
    Miss(Miss),
    /// The item of a scope whose handler takes the miss.
    Claimed(usize, &'static str),
}

/// The scopes of a plan that answer their own misses, in the order in which they are asked.
pub(crate) fn claims(plan: &Plan<'_>, built: &Built) -> Vec<Claim> {
    if plan.dialect != Dialect::Gorilla {
        return Vec::new();
    }
    let claim = |(number, item): (usize, &Item<'_>)| {
        let sub = item.entry.sub.as_ref().filter(|sub| sub.not_found || sub.method_not_allowed)?;
        if item.build_only || plan.line(number).any(|outer| built.dead.contains(&outer)) {
            return None;
        }
        Some(Claim {
            item: number,
            last: item.last,
            not_found: sub.not_found,
            method_not_allowed: sub.method_not_allowed,
            around: plan.alone(number)?,
            before: plan.up_to(number, &built.dead)?,
        })
    };
    let mut claims: Vec<Claim> = plan.items.iter().enumerate().filter_map(claim).collect();
    // A scope is done when all of its routes are; of two that end together the inner one is asked first.
    claims.sort_by_key(|claim| (claim.last, Reverse(claim.item)));
    claims
}

impl Claim {
    /// Which of its handlers takes a request that no route before the scope's end answers.
    fn takes(&self, request: &Request<()>, peer: &Peer) -> Option<&'static str> {
        let within = match self.around.find(request, peer) {
            Ok(_) => true,
            Err(miss) => slashed(&miss),
        };
        let miss = if within { self.before.find(request, peer).err()? } else { return None };
        match miss.reason {
            Reason::MethodNotAllowed(_) if self.method_not_allowed => Some("method_not_allowed"),
            Reason::NotFound if self.not_found => Some("not_found"),
            _ => None,
        }
    }
}

/// Whether a miss is a redirect to a route's own spelling.
pub(crate) fn slashed(miss: &Miss) -> bool {
    matches!(&miss.reason, Reason::Redirect(redirect) if redirect.matched.is_some())
}

/// Looks a request up, and asks the scopes that stand before what was found.
pub(crate) fn outcome<'t, 'r>(
    table: &'t Table<usize>,
    claims: &[Claim],
    request: &'r Request<()>,
    peer: &Peer,
) -> Outcome<'t, 'r> {
    let found = table.find(request, peer);
    let place = match &found {
        Ok(found) => *found.value(),
        Err(miss) => match &miss.reason {
            Reason::Redirect(redirect) => {
                let matched = redirect.matched.as_deref();
                matched.and_then(|matched| table.value(matched.place())).copied().unwrap_or(0)
            }
            Reason::BadRequest(_) => 0,
            _ => usize::MAX,
        },
    };
    for claim in claims.iter().take_while(|claim| claim.last < place) {
        if let Some(word) = claim.takes(request, peer) {
            return Outcome::Claimed(claim.item, word);
        }
    }
    match found {
        Ok(found) => Outcome::Hit(found),
        Err(miss) => Outcome::Miss(miss),
    }
}
