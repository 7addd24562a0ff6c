//! Explanation: the result of a request, route by route.

use std::collections::HashSet;
use std::fmt;

use http::{Method, Request, Uri};
use waylay_template::{OneLine, Syntax};

use crate::compile::pattern::Pattern;
use crate::matcher::guard::Guard;
use crate::request::peer::Peer;
use crate::request::view::{NormalizedRequest, RequestView};
use crate::table::catalog::{RouteEntry, push_cell};
use crate::table::lookup::Table;
use crate::table::miss::{Miss, Reason};
use crate::template::captures::SpanList;

/// The result of one request, route by route.
///
/// `Display` prints the result and the routes with a matching host and path; the alternate form (`{:#}`)
/// prints all routes. With feature `serde` it serializes.
///
/// ```
/// use waylay_router::{Peer, Route, Table, Verdict};
/// let table = Table::builder()
///     .route(Route::get("/a/{id:[0-9]+}").header("x-beta", "1").name("beta").value(1))
///     .route(Route::get("/a/{id}").name("plain").value(2))
///     .build()?;
/// let request = http::Request::get("/a/7").header("x-beta", "0").body(())?;
/// let explained = table.explain(&request, &Peer::default());
/// assert_eq!(explained.to_string(), "\
/// GET /a/7
///   goes to route `plain`
///   failed    beta   /a/{id:[0-9]+}  header x-beta=1: got 0
///   selected  plain  /a/{id}
/// ");
/// assert!(matches!(&explained.candidates[0].verdict, Verdict::Failed { matcher, .. } if matcher == "header"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Explanation {
    /// The method of the request.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::table::serialize::text"))]
    pub method: Method,
    /// The target of the request.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::table::serialize::text"))]
    pub target: Uri,
    /// The path that templates are compared with; `None` if the request is rejected or redirected for it.
    pub path: Option<String>,
    /// The effective host.
    pub host: Option<String>,
    /// The index of the selected route in [`Table::routes`](crate::Table::routes).
    pub winner: Option<usize>,
    /// The reason for a miss.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::table::serialize::miss"))]
    pub miss: Option<Miss>,
    /// Every route that can match, best rank first.
    pub candidates: Vec<Candidate>,
    /// What conditions read and the request lacks: its [`Peer`].
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub note: Option<String>,
}

/// One route with its verdict; a route with a [rule](crate::rule) has one for each alternative.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Candidate {
    /// The index in [`Table::routes`](crate::Table::routes).
    pub index: usize,
    /// The name.
    pub name: Option<String>,
    /// The path template.
    pub template: String,
    /// The verdict.
    pub verdict: Verdict,
}

/// The result of one route.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Verdict {
    /// The route is selected.
    Selected,
    /// All of its conditions hold, and another route ranks first.
    Outranked,
    /// Only the final slash of the path differs from the route's.
    TrailingSlash,
    /// A sealed scope or route excludes it.
    Sealed,
    /// A condition fails; the first one is given.
    Failed {
        /// The kind of condition: `host`, `path`, `method`, `header`, …
        matcher: String,
        /// The value that the route requires.
        wanted: String,
        /// The value that the request has.
        got: String,
    },
}

impl Verdict {
    fn is_near(&self) -> bool {
        !matches!(self, Self::Failed { matcher, .. } if matches!(matcher.as_str(), "host" | "path"))
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Selected => "selected",
            Self::Outranked => "outranked",
            Self::TrailingSlash => "slash",
            Self::Sealed => "sealed",
            Self::Failed { .. } => "failed",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.method, OneLine(&self.target.to_string()))?;
        let label = |candidate: &Candidate| match &candidate.name {
            Some(name) => format!("route `{}`", OneLine(name)),
            None => format!("`{}`", OneLine(&candidate.template)),
        };
        let of = |index: usize| self.candidates.iter().filter(move |one| one.index == index);
        // Of the alternatives of a route, the selected one.
        let selected = |index: usize| of(index).find(|one| one.verdict == Verdict::Selected);
        let winner = self.winner.and_then(|index| selected(index).or_else(|| of(index).next()));
        match (winner, &self.miss) {
            (Some(winner), None) => writeln!(f, "  goes to {}", label(winner))?,
            (Some(winner), Some(miss)) => {
                writeln!(f, "  goes to {} by {}", label(winner), describe_miss(miss))?
            }
            (None, Some(miss)) => writeln!(f, "  is a miss: {}", describe_miss(miss))?,
            (None, None) => {}
        }
        if let Some(note) = &self.note {
            writeln!(f, "  note: {}", OneLine(note))?;
        }
        let all = f.alternate();
        let shown: Vec<&Candidate> =
            self.candidates.iter().filter(|one| all || one.verdict.is_near()).collect();
        let width = |text: fn(&Candidate) -> String| {
            shown.iter().map(|candidate| text(candidate).chars().count()).max().unwrap_or(0)
        };
        let (names, templates) = (width(name), width(template));
        for candidate in &shown {
            let reason = match &candidate.verdict {
                Verdict::Failed { matcher, wanted, got } => {
                    format!("{matcher} {}: got {}", OneLine(wanted), OneLine(got))
                }
                _ => String::new(),
            };
            let (word, name, template) = (candidate.verdict.word(), name(candidate), template(candidate));
            let mut line = format!("  {word:9} ");
            push_cell(&mut line, &name, names);
            push_cell(&mut line, &template, templates);
            line.push_str(&reason);
            writeln!(f, "{}", line.trim_end())?;
        }
        // A route has a candidate for each of its alternatives.
        let shown: HashSet<usize> = shown.iter().map(|candidate| candidate.index).collect();
        let indices = self.candidates.iter().map(|candidate| candidate.index);
        match indices.filter(|index| !shown.contains(index)).collect::<HashSet<_>>().len() {
            0 => Ok(()),
            1 => writeln!(f, "  1 route has another host or path"),
            more => writeln!(f, "  {more} routes have another host or path"),
        }
    }
}

fn name(candidate: &Candidate) -> String {
    OneLine(candidate.name.as_deref().unwrap_or("-")).to_string()
}

fn template(candidate: &Candidate) -> String {
    OneLine(&candidate.template).to_string()
}

/// Describes a miss in one line.
fn describe_miss(miss: &Miss) -> String {
    let status = miss.status().as_u16();
    match &miss.reason {
        Reason::BadRequest(bad) => format!("{status}, {bad}"),
        Reason::Redirect(redirect) => format!("{status} to {}", OneLine(&redirect.target)),
        Reason::MethodNotAllowed(methods) | Reason::Options(methods) => {
            format!("{status}, allowed are {methods}")
        }
        Reason::UnsupportedMediaType(types) | Reason::NotAcceptable(types) if types.is_empty() => {
            status.to_string()
        }
        Reason::UnsupportedMediaType(types) => format!("{status}, accepted are {}", types.join(", ")),
        Reason::NotAcceptable(types) => format!("{status}, available are {}", types.join(", ")),
        Reason::NotFound => status.to_string(),
    }
}

impl<T> Table<T> {
    /// Tests whether a condition or a trusted proxy depends on the peer.
    pub(crate) fn reads_peer(&self) -> bool {
        self.missing_peer(&Peer::default()).is_some()
    }

    /// Describes what the table reads of a peer and the peer does not have.
    pub(crate) fn missing_peer(&self, peer: &Peer) -> Option<String> {
        let reader = |reads: fn(&Guard) -> bool| {
            let reads = |route: &&RouteEntry| {
                let pattern = self.catalog.patterns.get(route.rank);
                !route.build_only && pattern.is_some_and(|pattern| pattern.guards.iter().any(reads))
            };
            self.catalog
                .routes
                .iter()
                .find(reads)
                .map(|route| format!("a condition of route `{}`", route.label()))
        };
        let proxies = || (!self.proxies.is_empty()).then(|| "`trusted_proxy`".to_owned());
        let address = || reader(Guard::reads_client).or_else(proxies);
        // A target or a trusted proxy may give the scheme as well.
        let only_peer = self.catalog.policy.syntax == Syntax::Native && self.proxies.is_empty();
        let scheme = || reader(Guard::reads_scheme).filter(|_| only_peer);
        let (reader, part) = match (peer.addr.is_none().then(address).flatten(), peer.scheme.is_none()) {
            (Some(reader), _) => (reader, "address"),
            (None, true) => (scheme()?, "scheme"),
            (None, false) => return None,
        };
        Some(format!(
            "{reader} reads the {part} of the peer, which is unknown, so it never holds; serve the router with \
             `into_make_service`, or insert a `Peer` into each request's extensions"
        ))
    }

    /// Explains a request route by route. It tests every route, which a look-up does not.
    pub fn explain<B>(&self, request: &Request<B>, peer: &Peer) -> Explanation {
        let policy = &self.catalog.policy;
        let read = NormalizedRequest::new(request, peer, policy, &self.proxies, self.hosts);
        let (winner, miss) = match self.find(request, peer) {
            Ok(found) => (Some(found.alternative()), None),
            Err(miss) => {
                let to = match &miss.reason {
                    Reason::Redirect(redirect) => redirect.matched.as_ref().map(|matched| matched.entry()),
                    _ => None,
                };
                (to, Some(miss))
            }
        };
        let candidates = match &read {
            Ok(read) => self.candidates(&RequestView::new(request, read, peer, policy), winner),
            Err(_) => Vec::new(),
        };
        let read = read.as_ref().ok();
        Explanation {
            method: request.method().clone(),
            target: request.uri().clone(),
            path: read.map(|read| read.path.clone().into_owned()),
            host: read.and_then(|read| Some(read.host.as_ref()?.name.clone().into_owned())),
            winner: winner.map(|alternative| self.catalog.listed(alternative)),
            miss,
            candidates,
            note: self.missing_peer(peer),
        }
    }

    fn candidates(&self, view: &RequestView<'_>, winner: Option<usize>) -> Vec<Candidate> {
        let seal = self.seal(view);
        let mut candidates = Vec::new();
        let mut slashed = Vec::new();
        for (rank, place) in self.ranks.iter().enumerate() {
            let route = place.route as usize;
            let entry = &self.catalog.routes[route];
            let outcome = self.verdict(rank, route, view);
            let rank = u32::try_from(rank).unwrap_or(u32::MAX);
            let inside = rank < seal.limit && seal.inside.is_none_or(|scope| self.is_inside(rank, scope));
            let verdict = match outcome {
                _ if entry.build_only => continue,
                // A failed condition of a slash variant is reported for the route itself.
                Verdict::Failed { .. } if place.slash_variant => continue,
                _ if place.slash_variant && winner != Some(route) => Verdict::TrailingSlash,
                Verdict::Outranked if winner == Some(route) => Verdict::Selected,
                Verdict::Outranked if !inside => Verdict::Sealed,
                outcome => outcome,
            };
            if place.slash_variant {
                slashed.push(route);
            }
            let (name, template) = (entry.name.clone(), entry.template.clone());
            let candidate = Candidate { index: self.catalog.listed(route), name, template, verdict };
            candidates.push((route, candidate));
        }
        // For a route that matches with the other slash, its own path is not reported as failed.
        let outcome = |(route, one): &(usize, Candidate)| {
            !(slashed.contains(route) && matches!(one.verdict, Verdict::Failed { .. }))
        };
        candidates.into_iter().filter(outcome).map(|(_, candidate)| candidate).collect()
    }

    /// Returns the first condition that fails: host, path, method, then the guards by cost.
    fn verdict(&self, rank: usize, route: usize, view: &RequestView<'_>) -> Verdict {
        let (pattern, entry) = (&self.catalog.patterns[rank], &self.catalog.routes[route]);
        let fails = |(matcher, wanted, got): (&str, String, String)| Verdict::Failed {
            matcher: matcher.to_owned(),
            wanted,
            got,
        };
        if !pattern.admits_host(view, &mut |_| {}) {
            let got = view.host.map_or("none".to_owned(), |host| match host.port {
                Some(port) => format!("{}:{port}", host.name),
                None => host.name.to_owned(),
            });
            let wanted = entry.templates.hosts.last().map(|host| host.text.clone()).unwrap_or_default();
            return fails(("host", wanted, got));
        }
        // Without a path template the index may use a path regex, which is reported with the guards.
        if entry.templates.path.is_some() && !pattern.path.matches(view.path_values(), &mut |_| {}) {
            return fails(("path", entry.template.clone(), view.path.to_owned()));
        }
        if !pattern.methods.contains(view.head.method) {
            return fails(("method", pattern.methods.to_string(), view.head.method.to_string()));
        }
        match failing(pattern, view) {
            Some(guard) => {
                let guard = &pattern.guards[guard];
                let (kind, required) = guard.required(&entry.templates.queries);
                fails((kind, required, guard.actual(view)))
            }
            None => Verdict::Outranked,
        }
    }
}

fn failing(pattern: &Pattern, view: &RequestView<'_>) -> Option<usize> {
    let mut captures = SpanList::new();
    pattern.guards.iter().position(|guard| !guard.holds(view, &mut |span| captures.push(span)))
}
