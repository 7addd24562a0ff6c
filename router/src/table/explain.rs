//! `Table::explain`: every route tried alone, in rank order.

use http::Request;

use super::lookup::Table;
use crate::captures::Captures;
use crate::explain::{Candidate, Explanation, Verdict};
use crate::miss::Reason;
use crate::pattern::Pattern;
use crate::peer::Peer;
use crate::told::told;
use crate::view::{Read, View};

impl<T> Table<T> {
    /// What the table makes of a request, route by route. It tries every route there is, however many:
    /// a look-up does not pay for that.
    pub fn explain<B>(&self, request: &Request<B>, peer: &Peer) -> Explanation {
        let policy = &self.catalog.policy;
        let read = Read::new(request, peer, policy, &self.proxies, self.hosts);
        let (winner, miss) = match self.find(request, peer) {
            Ok(found) => (Some(found.way()), None),
            Err(miss) => {
                let to = match &miss.reason {
                    Reason::Redirect(redirect) => redirect.matched.as_ref().map(|matched| matched.index()),
                    _ => None,
                };
                (to, Some(miss))
            }
        };
        let candidates = match &read {
            Ok(read) => self.candidates(&View::new(request, read, peer, policy), winner),
            Err(_) => Vec::new(),
        };
        let read = read.as_ref().ok();
        Explanation {
            method: request.method().clone(),
            target: request.uri().clone(),
            path: read.map(|read| read.path.clone().into_owned()),
            host: read.and_then(|read| Some(read.host.as_ref()?.name.clone().into_owned())),
            winner: winner.map(|way| self.catalog.listed(way)),
            miss,
            candidates,
        }
    }

    fn candidates(&self, view: &View<'_>, winner: Option<usize>) -> Vec<Candidate> {
        let seal = self.seal(view);
        let mut candidates = Vec::new();
        let mut slashed = Vec::new();
        for (rank, place) in self.places.iter().enumerate() {
            let route = place.route as usize;
            let facts = &self.catalog.routes[route];
            let own = self.verdict(rank, route, view);
            let rank = u32::try_from(rank).unwrap_or(u32::MAX);
            let inside = rank < seal.limit && seal.inside.is_none_or(|scope| self.lies_in(rank, scope));
            let verdict = match own {
                _ if facts.build_only => continue,
                // What a detour fails on is said of the route itself.
                Verdict::Fails { .. } if place.detour => continue,
                _ if place.detour && winner != Some(route) => Verdict::OtherSlash,
                Verdict::Outranked if winner == Some(route) => Verdict::Wins,
                Verdict::Outranked if !inside => Verdict::SealedOff,
                own => own,
            };
            if place.detour {
                slashed.push(route);
            }
            let (name, template) = (facts.name.clone(), facts.template.clone());
            let candidate = Candidate { place: self.catalog.listed(route), name, template, verdict };
            candidates.push((route, candidate));
        }
        // Of a route that is met by the other slash, its own path is not said to fail as well.
        let own = |(route, one): &(usize, Candidate)| {
            !(slashed.contains(route) && matches!(one.verdict, Verdict::Fails { .. }))
        };
        candidates.into_iter().filter(own).map(|(_, candidate)| candidate).collect()
    }

    /// The first condition that fails: host, path, method, then the guards from cheap to dear.
    fn verdict(&self, rank: usize, route: usize, view: &View<'_>) -> Verdict {
        let (pattern, facts) = (&self.catalog.patterns[rank], &self.catalog.routes[route]);
        let fails = |(matcher, wanted, got): (&str, String, String)| Verdict::Fails {
            matcher: matcher.to_owned(),
            wanted,
            got,
        };
        if !pattern.admits_host(view, &mut |_| {}) {
            let got = view.host.map_or("none".to_owned(), |host| match host.port {
                Some(port) => format!("{}:{port}", host.name),
                None => host.name.clone().into_owned(),
            });
            let wanted = facts.texts.hosts.last().map(|host| host.text.clone()).unwrap_or_default();
            return fails(("host", wanted, got));
        }
        // Without a path the index may go by a regex, which is told with the guards.
        if facts.texts.path.is_some() && !pattern.path.matches(view.path, &mut |_| {}) {
            return fails(("path", facts.template.clone(), view.path.to_owned()));
        }
        if !pattern.methods.contains(view.head.method) {
            return fails(("method", pattern.methods.to_string(), view.head.method.to_string()));
        }
        let words: &[String] = &facts.conditions;
        match failing(pattern, view) {
            Some(guard) => fails(told(&pattern.guards[guard], words, view)),
            None => Verdict::Outranked,
        }
    }
}

fn failing(pattern: &Pattern, view: &View<'_>) -> Option<usize> {
    let mut captures = Captures::new();
    pattern.guards.iter().position(|guard| !guard.holds(view, &mut |span| captures.push(span)))
}
