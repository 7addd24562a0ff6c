//! Naive: a linear scan without any code of the table; it splits, compares and sorts strings.

use std::collections::BTreeSet;

use waylay_router::{MethodMiss, MissingHost, OptionsAnswer, PathForm, PrefixMatch, TrailingSlash};

use crate::conditions::{Seen, holds, host_holds};
use crate::model::{Class, Cond, Level, Piece, ScopeCase, TableCase};
use crate::order::{self, Key};
use crate::requests::TestRequest;
use crate::text::{self, End, PathError, Place, Template, Vars, trim};

/// The result of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Route(usize, Vars),
    /// Status and target, and the route and its variables if only a slash differed.
    Redirect(u16, String, Option<(usize, Vars)>),
    /// Status, the methods or media types that would match, and the scope.
    Miss(u16, BTreeSet<String>, Option<usize>),
}

/// A route with its path, or with the other final slash.
struct Variant<'a> {
    route: usize,
    slash_variant: bool,
    chain: Vec<&'a Level>,
    path: Option<(Vec<Piece>, End)>,
    /// The path with its optional segment and without, if it has one.
    lengths: Vec<Vec<Piece>>,
    key: Key,
}

/// A table prepared for many requests.
pub struct Naive<'a> {
    case: &'a TableCase,
    variants: Vec<Variant<'a>>,
    /// In the order in which they own misses; the number is the index of the scope.
    scopes: Vec<Variant<'a>>,
    hosts: bool,
}

/// The result of a route's conditions, apart from method and media types.
struct Near<'a> {
    variant: &'a Variant<'a>,
    vars: Vars,
    content_type: Option<Vec<&'static str>>,
    accept: Option<Vec<&'static str>>,
}

impl<'a> Naive<'a> {
    /// Tests whether two routes have equal rank: between them the request, or the order of addition, decides.
    pub fn tied(&self, a: usize, b: usize) -> bool {
        let key = |route| self.variants.iter().find(|v| v.route == route && !v.slash_variant).map(|v| &v.key);
        key(a) == key(b)
    }

    /// Tests whether a route would match in a table of its own.
    pub fn would_answer(&self, route: usize, sent: &TestRequest) -> bool {
        self.holds(route, sent, false) || self.holds(route, sent, true)
    }

    /// The same for its path, or for the other final slash.
    pub fn holds(&self, route: usize, sent: &TestRequest, slash_variant: bool) -> bool {
        let Ok(seen) = self.seen(sent) else { return false };
        let mut own =
            self.variants.iter().filter(|own| own.route == route && own.slash_variant == slash_variant);
        own.any(|variant| {
            let near = nearly(self.case, variant, &seen);
            let fits = near.is_some_and(|near| near.content_type.is_none() && near.accept.is_none());
            fits && admits(self.case, &variant.chain, sent.method)
        })
    }

    pub fn new(case: &'a TableCase) -> Self {
        let mut variants = Vec::new();
        for (place, route) in case.routes.iter().enumerate().filter(|(_, route)| !route.build_only) {
            let chain = case.chain(route.scope, &route.own);
            let Some(path) = joined(case, &chain, false) else { continue };
            let slash_variant = other_slash(case, &chain, path.clone());
            for (path, slash_variant) in [(Some(path), false), (slash_variant, true)] {
                let key = order::key(case, place, slash_variant);
                let chain = chain.clone();
                variants.extend(path.map(|path| {
                    let lengths = path.iter().flat_map(|(pieces, _)| text::lengths(pieces)).collect();
                    Variant { route: place, slash_variant, chain, path, lengths, key }
                }));
            }
        }
        variants.sort_by(|a, b| (&a.key, a.route).cmp(&(&b.key, b.route)));
        let mut scopes: Vec<_> = (0..case.scopes.len()).map(|place| around(case, place)).collect();
        scopes.sort_by(|a, b| (&a.key, a.route).cmp(&(&b.key, b.route)));
        Self { case, variants, scopes, hosts: looks_at_hosts(case) }
    }

    fn seen<'s>(&self, sent: &'s TestRequest) -> Result<Seen<'s>, PathError> {
        let rules = &self.case.rules;
        let path = text::path(&sent.path, rules)?;
        let whole = text::text(&path);
        let strict = rules.missing_host == MissingHost::Reject;
        let mut host = None;
        if strict || self.hosts {
            host = sent.host_read(rules.gorilla).map_err(|()| PathError::Rejected)?;
        }
        if strict && host.is_none() {
            return Err(PathError::Rejected);
        }
        Ok(Seen { sent, path, whole, host })
    }

    pub fn answer(&self, sent: &TestRequest) -> Answer {
        let case = self.case;
        let seen = match self.seen(sent) {
            Ok(seen) => seen,
            Err(PathError::Rejected) => return Answer::Miss(400, BTreeSet::new(), None),
            Err(PathError::Cleaned(path)) => return Answer::Redirect(301, target(&path, sent), None),
        };
        let near = self.within_reach(&seen).into_iter();
        let near: Vec<_> = near.filter_map(|variant| nearly(case, variant, &seen)).collect();
        let fits = |near: &&Near<'_>| {
            let admitted = admits(case, &near.variant.chain, sent.method);
            admitted && near.content_type.is_none() && near.accept.is_none()
        };
        // They are in rank order.
        let Some(best) = near.iter().find(fits) else { return self.miss(&near, &seen) };
        let (route, vars) = (best.variant.route, best.vars.clone());
        match slash(case, best.variant, &seen) {
            None => Answer::Route(route, vars),
            Some(to) => Answer::Redirect(if case.rules.gorilla { 301 } else { 308 }, to, Some((route, vars))),
        }
    }
}

impl Naive<'_> {
    /// Returns the captures of a route, independent of other routes.
    pub fn reads(&self, route: usize, sent: &TestRequest) -> Option<Vars> {
        let seen = self.seen(sent).ok()?;
        let variant =
            self.variants.iter().find(|variant| variant.route == route && !variant.slash_variant)?;
        nearly(self.case, variant, &seen).map(|near| near.vars)
    }
}

/// Returns a scope as if it were a route.
fn around(case: &TableCase, place: usize) -> Variant<'_> {
    let scope = &case.scopes[place];
    let chain = case.chain(scope.parent, &scope.own);
    let path = joined(case, &chain, true).flatten();
    let lengths = path.iter().map(|(pieces, _)| pieces.clone()).collect();
    Variant { route: place, slash_variant: false, chain, path, lengths, key: order::scope_key(case, place) }
}

fn nearly<'a>(case: &TableCase, variant: &'a Variant<'a>, seen: &Seen<'_>) -> Option<Near<'a>> {
    let (mut wrong_type, mut wrong_accept) = (false, false);
    let mut vars = variant.lies_at(case, seen)?;
    all_hold(case, &variant.chain, seen, &mut vars, &mut |cond| match cond {
        Cond::ContentType(_) => wrong_type = true,
        Cond::Accept(_) => wrong_accept = true,
        _ => {}
    })?;
    vars.sort();
    let conds = || variant.chain.iter().flat_map(|level| &level.conds);
    let types = conds().filter_map(|cond| if let Cond::ContentType(any) = cond { Some(any) } else { None });
    let accepts = conds().filter_map(|cond| if let Cond::Accept(any) = cond { Some(any) } else { None });
    let (types, accepts): (Vec<_>, Vec<_>) = (types.collect(), accepts.collect());
    let content_type = wrong_type.then(|| in_all(&types));
    // A body has one type, and it is in all lists; a client may accept several.
    if content_type.as_ref().is_some_and(Vec::is_empty) {
        return None;
    }
    let accept = wrong_accept.then(|| match in_all(&accepts) {
        none if none.is_empty() => accepts.iter().flat_map(|list| list.iter().copied()).collect(),
        some => some,
    });
    Some(Near { variant, vars, content_type, accept })
}

fn in_all(lists: &[&Vec<&'static str>]) -> Vec<&'static str> {
    let named = lists.iter().flat_map(|list| list.iter().copied());
    named.filter(|media| lists.iter().all(|list| list.contains(media))).collect()
}

impl Variant<'_> {
    /// Returns the variables of path and hosts, if these match.
    fn lies_at(&self, case: &TableCase, seen: &Seen<'_>) -> Option<Vars> {
        let mut vars = Vars::new();
        if let Some((_, end)) = &self.path {
            let held = |pieces: &Vec<Piece>| {
                let template = Template { pieces, place: Place::Path, end: *end, rules: &case.rules };
                template.holds(&seen.path, &mut vars)
            };
            self.lengths.iter().any(held).then_some(())?;
        }
        for host in self.chain.iter().flat_map(|level| &level.hosts) {
            host_holds(case, host, seen, &mut vars)?;
        }
        Some(vars)
    }
}

/// Tests everything except path, hosts and methods; failing media types are returned.
fn all_hold<'a>(
    case: &TableCase,
    chain: &[&'a Level],
    seen: &Seen<'_>,
    vars: &mut Vars,
    lacks: &mut dyn FnMut(&'a Cond),
) -> Option<()> {
    for cond in chain.iter().flat_map(|level| &level.conds) {
        match cond {
            Cond::ContentType(any) if !seen.sent.carries(any) => lacks(cond),
            Cond::Accept(any) if !seen.sent.accepts(any) => lacks(cond),
            cond => holds(case, cond, seen, vars).then_some(())?,
        }
    }
    Some(())
}

/// Returns the prefixes of the scopes without their final slashes, then the route's path; `None` if it can
/// never match, and no template if there is none.
#[expect(clippy::option_option, reason = "the inner one is a path that every request has")]
pub fn joined(case: &TableCase, chain: &[&Level], scope: bool) -> Option<Option<(Vec<Piece>, End)>> {
    let open = match case.rules.prefixes {
        PrefixMatch::Segments => End::Segments,
        PrefixMatch::Raw => End::Raw,
        other => panic!("the oracle does not know {other:?}"),
    };
    let mut whole: Option<Vec<Piece>> = None;
    let mut end = open;
    for (place, level) in chain.iter().enumerate() {
        let Some((own, prefix)) = &level.path else { continue };
        let own_end = place + 1 == chain.len() && !prefix && !scope;
        if own_end {
            end = End::Exact;
        }
        match &mut whole {
            // gorilla/mux requires the parent's final slash, which an empty path does not have.
            Some(before) if case.rules.gorilla && own.is_empty() && ends_in_slash(before) => {
                if own_end {
                    return None;
                }
            }
            Some(before) => {
                trim(before);
                before.extend(own.iter().cloned());
            }
            None => whole = Some(own.clone()),
        }
    }
    if let (Some(whole), End::Segments) = (&mut whole, end) {
        trim(whole);
    }
    Some(whole.map(|whole| (whole, end)))
}

pub fn ends_in_slash(pieces: &[Piece]) -> bool {
    matches!(pieces.last(), Some(Piece::Text(text)) if text.ends_with('/'))
}

fn rule(case: &TableCase, chain: &[&Level]) -> TrailingSlash {
    let rules = chain.iter().rev().flat_map(|level| &level.conds);
    let own = rules.filter_map(|cond| if let Cond::Slash(rule) = cond { Some(*rule) } else { None });
    own.into_iter().next().unwrap_or(case.rules.slash)
}

#[expect(clippy::option_option, reason = "as above")]
fn other_slash(
    case: &TableCase,
    chain: &[&Level],
    path: Option<(Vec<Piece>, End)>,
) -> Option<Option<(Vec<Piece>, End)>> {
    let (mut pieces, end) = path?;
    let root = matches!(&pieces[..], [Piece::Text(text)] if text == "/");
    let open = matches!(pieces.last(), None | Some(Piece::Var(_, Class::Tail)));
    if rule(case, chain) == TrailingSlash::Strict || end != End::Exact || root || open {
        return None;
    }
    match pieces.last_mut() {
        Some(Piece::Text(text)) if text.ends_with('/') => drop(text.pop()),
        _ => pieces.push(Piece::Text("/".to_owned())),
    }
    Some(Some((pieces, end)))
}

/// Returns the target of a path that differs from the template by its final slash.
fn slash(case: &TableCase, best: &Variant<'_>, seen: &Seen<'_>) -> Option<String> {
    let (pieces, end) = best.path.as_ref()?;
    let expected = ends_in_slash(pieces) != best.slash_variant;
    let asks = rule(case, &best.chain) == TrailingSlash::Redirect && *end == End::Exact;
    // Natively a path that matches is final; gorilla/mux compares the slashes only.
    if !(best.slash_variant || case.rules.gorilla) || !asks || expected == seen.whole.ends_with('/') {
        return None;
    }
    let raw = &seen.sent.path;
    let mut own = match case.rules.form {
        PathForm::Canonical => seen.whole.clone(),
        PathForm::Decoded if !raw.contains("%2F") && !raw.contains("%2f") => text::escape(&seen.whole),
        PathForm::Decoded | PathForm::Raw => raw.clone(),
        other => panic!("the oracle does not know {other:?}"),
    };
    if expected {
        own.push('/');
    } else if own.ends_with('/') {
        own.pop();
    }
    // A redirect to the same path would have no end.
    Some(target(&own, seen.sent)).filter(|to| *to != target(raw, seen.sent))
}

fn target(path: &str, sent: &TestRequest) -> String {
    let query = sent.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    // Escapes stay; every other byte that a path does not have is escaped.
    let mut parts = path.trim_start_matches('/').split('%');
    let mut escaped = text::escape(parts.next().unwrap_or_default());
    for part in parts {
        let is_escape = part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
        escaped += if is_escape { "%" } else { "%25" };
        escaped += &text::escape(part);
    }
    format!("/{escaped}{query}")
}

impl Naive<'_> {
    fn miss(&self, near: &[Near<'_>], seen: &Seen<'_>) -> Answer {
        let case = self.case;
        let mut by_method = [BTreeSet::new(), BTreeSet::new()];
        let (mut content_types, mut accepts) = (BTreeSet::new(), BTreeSet::new());
        for near in near {
            if !admits(case, &near.variant.chain, seen.sent.method) {
                by_method[usize::from(near.content_type.is_some() || near.accept.is_some())]
                    .extend(allowed(case, &near.variant.chain));
            } else if let Some(any) = &near.content_type {
                content_types.extend(any.iter().map(|one| (*one).to_owned()));
            } else {
                accepts.extend(near.accept.iter().flatten().map(|one| (*one).to_owned()));
            }
        }
        let [methods, others] = by_method;
        let (status, set) = match [methods, content_types, accepts, others] {
            [methods, ..] if !methods.is_empty() => (405, methods),
            [_, media, ..] if !media.is_empty() => (415, media),
            [_, _, media, _] if !media.is_empty() => (406, media),
            [.., methods] if !methods.is_empty() => (405, methods),
            _ => (404, BTreeSet::new()),
        };
        let scope = self.scope(seen, |_| true);
        // A scope inherits from its outer scope, and that from the policy.
        let mut around = std::iter::successors(scope, |scope| case.scopes[*scope].parent);
        let options = around.clone().find_map(|scope| case.scopes[scope].options);
        let hidden = around.find_map(|scope| case.scopes[scope].method_miss);
        let (status, set) = match status {
            405 if seen.sent.method == "OPTIONS"
                && options.unwrap_or(case.rules.options) == OptionsAnswer::Automatic =>
            {
                (204, set.into_iter().chain(["OPTIONS".to_owned()]).collect())
            }
            405 if hidden.unwrap_or(case.rules.method_miss) == MethodMiss::NotFound => (404, BTreeSet::new()),
            _ => (status, set),
        };
        Answer::Miss(status, set, scope)
    }
}

impl Naive<'_> {
    /// Returns the deepest of some scopes whose conditions hold, ties by rank.
    fn scope(&self, seen: &Seen<'_>, of: impl Fn(&ScopeCase) -> bool) -> Option<usize> {
        let case = self.case;
        let inside = |scope: &&Variant<'_>| {
            let near = nearly(case, scope, seen);
            let fits = near.is_some_and(|near| near.content_type.is_none() && near.accept.is_none());
            fits && admits(case, &scope.chain, seen.sent.method)
        };
        let mut scopes = self.scopes.iter().filter(|scope| of(&case.scopes[scope.route]));
        scopes.find(inside).map(|scope| scope.route)
    }

    /// Returns the routes that seals leave: those in the deepest sealed scope of the request, and none less
    /// specific in host or path than a matching sealed route.
    fn within_reach<'n>(&'n self, seen: &Seen<'_>) -> Vec<&'n Variant<'n>> {
        let case = self.case;
        let sealed = self.scope(seen, |scope| scope.own.sealed);
        let around = |route: usize| {
            std::iter::successors(case.routes[route].scope, |scope| case.scopes[*scope].parent)
        };
        let seals = self
            .variants
            .iter()
            .filter(|variant| !variant.slash_variant && case.routes[variant.route].own.sealed);
        let mut seals = seals.filter(|variant| variant.lies_at(case, seen).is_some());
        let reach = |variant: &Variant<'_>| {
            (variant.key.0, variant.key.1, variant.key.2.clone(), variant.key.3, variant.key.4.clone())
        };
        let limit = seals.next().map(reach);
        let near = self
            .variants
            .iter()
            .filter(|variant| limit.as_ref().is_none_or(|limit| reach(variant) <= *limit));
        near.filter(|variant| sealed.is_none_or(|scope| around(variant.route).any(|own| own == scope)))
            .collect()
    }
}

/// Tests whether each level allows the method; GET includes HEAD, except in gorilla/mux.
fn admits(case: &TableCase, chain: &[&Level], method: &str) -> bool {
    chain.iter().all(|level| {
        let names = |method| level.methods.contains(&method);
        level.methods.is_empty() || names(method) || (!case.rules.gorilla && method == "HEAD" && names("GET"))
    })
}

pub fn allowed(case: &TableCase, chain: &[&Level]) -> Vec<String> {
    let known = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "PURGE", "LINK"];
    let admitted = known.iter().filter(|method| admits(case, chain, method));
    admitted.map(|method| (*method).to_owned()).collect()
}

fn looks_at_hosts(case: &TableCase) -> bool {
    let active = case.routes.iter().filter(|route| !route.build_only);
    let routes = active.map(|route| case.chain(route.scope, &route.own));
    let scopes = case.scopes.iter().map(|scope| vec![&scope.own]);
    routes.chain(scopes).flatten().any(|level| !level.hosts.is_empty())
}
