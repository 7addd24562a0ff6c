//! What the routes of a line answer: a result for each request.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, Request};
use serde::Serialize;
use waylay_router::{Capture, Miss, Peer, Reason, RouteInfo, Table};

use crate::arrival::Arrived;
use crate::built::Built;
use crate::case::{Case, Dialect};
use crate::claims::{Claim, Outcome, claims, outcome, slashed};
use crate::plan::Plan;
use crate::served::{self, Served};

/// The answer to a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    pub(crate) matched: Option<String>,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow: Option<Vec<String>>,
    pub(crate) vars: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path_template: Option<String>,
    /// What redirects: the cleaning of the path, or the final slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redirect_by: Option<&'static str>,
    /// Whose handler took a miss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) handled_by: Option<String>,
    /// The middlewares from the outside in, then the handler.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) trace: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_control_allow_methods: Option<String>,
}

/// The routes of a line, ready to answer.
pub(crate) struct Desk<'p> {
    plan: &'p Plan<'p>,
    built: &'p Built,
    table: &'p Table<usize>,
    claims: Vec<Claim>,
    mounts: BTreeMap<usize, Self>,
    served: Option<Served>,
    /// The methods that routes ask for.
    methods: BTreeSet<Method>,
}

impl<'p> Desk<'p> {
    /// The desk of a line, if its table is not refused.
    pub(crate) fn of(case: &Case, plan: &'p Plan<'p>, built: &'p Built) -> Result<Option<Self>, String> {
        let Some(desk) = Self::new(plan, built) else { return Ok(None) };
        let served = if served::is_asked(case) { Some(Served::new(case, plan, built)?) } else { None };
        Ok(Some(Self { served, ..desk }))
    }

    fn new(plan: &'p Plan<'p>, built: &'p Built) -> Option<Self> {
        let table = built.table.as_ref()?;
        let mounts = built.mounts.iter();
        let mounts = mounts.filter_map(|(item, built)| {
            Some((*item, Self::new(plan.items.get(*item)?.mount.as_deref()?, built)?))
        });
        let named = table.routes().map(|route| route.methods()).filter(|methods| !methods.is_all());
        Some(Self {
            plan,
            built,
            table,
            claims: claims(plan, built),
            mounts: mounts.collect(),
            served: None,
            methods: named.flat_map(|methods| methods.iter().cloned().collect::<Vec<_>>()).collect(),
        })
    }

    /// Answers a request.
    pub(crate) fn answer(&self, arrived: &Arrived) -> Answer {
        let (request, peer) = match arrived {
            Ok((request, peer)) => (request, peer),
            Err(status) => return Answer { status: *status, ..Answer::default() },
        };
        let mut answer = self.asked(request, peer);
        if let Some(served) = &self.served {
            let (trace, methods) = served.ask(request, peer);
            answer.access_control_allow_methods = methods;
            if answer.matched.is_some() {
                answer.trace = trace;
            }
        }
        answer
    }

    fn asked(&self, request: &Request<()>, peer: &Peer) -> Answer {
        match outcome(self.table, &self.claims, request, peer) {
            Outcome::Hit(found) => match self.mounts.get(found.value()) {
                // In gorilla/mux a mounted router sees the whole path, and its miss is final.
                Some(mounted) => mounted.asked(request, peer),
                None => match self.plan.answers(*found.value()) {
                    Some(owner) => self.hit(owner, found.route(), found.captures()),
                    None => self.refused(request, peer),
                },
            },
            Outcome::Claimed(item, word) => {
                let handled_by = Some(format!("{word}:{}", self.plan.items[item].title));
                Answer { handled_by, ..self.refused(request, peer) }
            }
            Outcome::Miss(miss) => self.missed(request, peer, &miss),
        }
    }

    fn hit<'m>(
        &self,
        item: usize,
        route: Option<RouteInfo<'_>>,
        captures: impl Iterator<Item = Capture<'m>>,
    ) -> Answer {
        let template = route.map_or("", |route| route.template());
        let template = Some(written(template, self.plan.dialect)).filter(|text| !text.is_empty());
        Answer {
            matched: self.plan.items.get(item).map(|item| item.title.clone()),
            status: 200,
            vars: captures.map(|capture| (capture.name().to_owned(), value(capture))).collect(),
            path_template: template.filter(|_| !self.plan.omit_route),
            ..Answer::default()
        }
    }

    fn missed(&self, request: &Request<()>, peer: &Peer, miss: &Miss) -> Answer {
        if let Reason::Redirect(redirect) = &miss.reason {
            let matched = redirect.matched.as_deref();
            let slashed = matched.and_then(|matched| {
                let owner = self.plan.answers(*self.table.value(matched.place())?)?;
                Some(self.hit(owner, matched.route(), matched.captures()))
            });
            return Answer {
                status: miss.status().as_u16(),
                location: Some(redirect.target.clone()),
                redirect_by: Some(if matched.is_some() { "strict_slash" } else { "clean" }),
                ..slashed.unwrap_or_default()
            };
        }
        let refused = match miss.status().as_u16() {
            404 | 405 if !self.claims.is_empty() => self.refused(request, peer),
            status => Answer { status, allow: miss.allow().map(names), ..Answer::default() },
        };
        Answer { handled_by: self.handled_by(miss, refused.status), ..refused }
    }

    /// A miss that stands before routes which would answer: 405 if one does with another method.
    fn refused(&self, request: &Request<()>, peer: &Peer) -> Answer {
        let allowed = self.methods.iter().filter(|method| {
            let mut other = request.clone();
            *other.method_mut() = Method::clone(method);
            match outcome(self.table, &self.claims, &other, peer) {
                Outcome::Hit(found) => self.plan.answers(*found.value()).is_some(),
                Outcome::Miss(miss) => slashed(&miss),
                Outcome::Claimed(..) => false,
            }
        });
        let allow: Vec<String> = allowed.map(Method::to_string).collect();
        let status = if allow.is_empty() { 404 } else { 405 };
        Answer { status, allow: Some(allow).filter(|allow| !allow.is_empty()), ..Answer::default() }
    }

    /// The scope whose handler takes a miss, or the router; with gorilla/mux scopes have claimed theirs.
    fn handled_by(&self, miss: &Miss, status: u16) -> Option<String> {
        let word = match status {
            404 => "not_found",
            405 => "method_not_allowed",
            _ => return None,
        };
        let handles =
            |not_found, method_not_allowed| if status == 404 { not_found } else { method_not_allowed };
        let native = self.plan.dialect != Dialect::Gorilla;
        let scope = miss.scope.filter(|_| native).and_then(|scope| self.built.scopes.get(scope.index()));
        let inner = scope.and_then(|item| {
            self.plan.line(*item).find(|item| {
                let sub = self.plan.items[*item].entry.sub.as_ref();
                sub.is_some_and(|sub| handles(sub.not_found, sub.method_not_allowed))
            })
        });
        match inner {
            Some(item) => Some(format!("{word}:{}", self.plan.items[item].title)),
            None if handles(self.plan.not_found, self.plan.method_not_allowed) => {
                Some(format!("{word}:root"))
            }
            None => None,
        }
    }
}

fn names(methods: &waylay_router::MethodSet) -> Vec<String> {
    methods.iter().map(Method::to_string).collect()
}

/// The value, decoded; what is no text is shown as it came, escapes and all.
pub(crate) fn value(capture: Capture<'_>) -> String {
    capture.decode().map_or_else(|_| capture.raw().to_owned(), |value| value.into_owned())
}

/// The template without the mark that the router puts behind prefixes.
pub(crate) fn written(template: &str, dialect: Dialect) -> String {
    let mark = if dialect == Dialect::Gorilla { "…" } else { "/…" };
    match template.strip_suffix(mark) {
        Some("") if dialect != Dialect::Gorilla => "/".to_owned(),
        Some(prefix) => prefix.to_owned(),
        None => template.to_owned(),
    }
}
