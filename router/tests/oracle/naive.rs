//! A linear scan that shares no line with the table: strings split, compared, sorted.

use std::collections::BTreeSet;

use waylay_router::{MethodMiss, MissingHost, OptionsAnswer, PathForm, PrefixMatch, TrailingSlash};

use crate::ask::Asked;
use crate::conds::{Seen, holds, host_holds};
use crate::model::{Class, Cond, Level, Piece, ScopeCase, TableCase};
use crate::order::{self, Key};
use crate::text::{self, End, Place, Template, Unread, Vars, trim};

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Route(usize, Vars),
    /// Status and target, and the route and its variables if only a slash was wrong.
    Redirect(u16, String, Option<(usize, Vars)>),
    /// Status, the methods or media types that would do, and the scope.
    Miss(u16, BTreeSet<String>, Option<usize>),
}

/// A route with the path as it is written, or with the other final slash.
struct Variant<'a> {
    route: usize,
    detour: bool,
    chain: Vec<&'a Level>,
    path: Option<(Vec<Piece>, End)>,
    /// The path with its optional segment and without, if it has one.
    lengths: Vec<Vec<Piece>>,
    key: Key,
}

/// A table made ready to be asked often.
pub struct Naive<'a> {
    case: &'a TableCase,
    variants: Vec<Variant<'a>>,
    /// In the order in which they own misses; the number is the scope's.
    scopes: Vec<Variant<'a>>,
    hosts: bool,
}

/// What holds of a route, apart from method and media types.
struct Near<'a> {
    variant: &'a Variant<'a>,
    vars: Vars,
    content_type: Option<&'a [&'static str]>,
    accept: Option<&'a [&'static str]>,
}

impl<'a> Naive<'a> {
    /// Whether two routes are of one rank: between them the request, or the order of writing, decides.
    pub fn tied(&self, a: usize, b: usize) -> bool {
        let key = |route| self.variants.iter().find(|v| v.route == route && !v.detour).map(|v| &v.key);
        key(a) == key(b)
    }

    /// Whether a route would answer, were it alone.
    pub fn would_answer(&self, route: usize, asked: &Asked) -> bool {
        self.holds(route, asked, false) || self.holds(route, asked, true)
    }

    /// The same for the path as it is written, or with the other final slash.
    pub fn holds(&self, route: usize, asked: &Asked, detour: bool) -> bool {
        let Ok(seen) = self.seen(asked) else { return false };
        let mut own = self.variants.iter().filter(|own| own.route == route && own.detour == detour);
        own.any(|variant| {
            let near = nearly(self.case, variant, &seen);
            let fits = near.is_some_and(|near| near.content_type.is_none() && near.accept.is_none());
            fits && admits(self.case, &variant.chain, asked.method)
        })
    }

    pub fn new(case: &'a TableCase) -> Self {
        let mut variants = Vec::new();
        for (place, route) in case.routes.iter().enumerate().filter(|(_, route)| !route.build_only) {
            let chain = case.chain(route.scope, &route.own);
            let Some(path) = joined(case, &chain, false) else { continue };
            let detour = other_slash(case, &chain, path.clone());
            for (path, detour) in [(Some(path), false), (detour, true)] {
                let key = order::key(case, place, detour);
                let chain = chain.clone();
                variants.extend(path.map(|path| {
                    let lengths = path.iter().flat_map(|(pieces, _)| text::lengths(pieces)).collect();
                    Variant { route: place, detour, chain, path, lengths, key }
                }));
            }
        }
        variants.sort_by(|a, b| (&a.key, a.route).cmp(&(&b.key, b.route)));
        let mut scopes: Vec<_> = (0..case.scopes.len()).map(|place| around(case, place)).collect();
        scopes.sort_by(|a, b| (&a.key, a.route).cmp(&(&b.key, b.route)));
        Self { case, variants, scopes, hosts: looks_at_hosts(case) }
    }

    fn seen<'s>(&self, asked: &'s Asked) -> Result<Seen<'s>, Unread> {
        let rules = &self.case.rules;
        let path = text::path(&asked.path, rules)?;
        let whole = text::text(&path);
        let strict = rules.missing_host == MissingHost::Reject;
        let mut host = None;
        if strict || self.hosts {
            host = asked.host_read(rules.gorilla).map_err(|()| Unread::Refused)?;
        }
        if strict && host.is_none() {
            return Err(Unread::Refused);
        }
        Ok(Seen { asked, path, whole, host })
    }

    pub fn answer(&self, asked: &Asked) -> Answer {
        let case = self.case;
        let seen = match self.seen(asked) {
            Ok(seen) => seen,
            Err(Unread::Refused) => return Answer::Miss(400, BTreeSet::new(), None),
            Err(Unread::Cleaned(path)) => return Answer::Redirect(301, target(&path, asked), None),
        };
        let near = self.within_reach(&seen).into_iter();
        let near: Vec<_> = near.filter_map(|variant| nearly(case, variant, &seen)).collect();
        let fits = |near: &&Near<'_>| {
            let admitted = admits(case, &near.variant.chain, asked.method);
            admitted && near.content_type.is_none() && near.accept.is_none()
        };
        // They stand in the order in which they win.
        let Some(best) = near.iter().find(fits) else { return self.miss(&near, &seen) };
        let (route, vars) = (best.variant.route, best.vars.clone());
        match slash(case, best.variant, &seen) {
            None => Answer::Route(route, vars),
            Some(to) => Answer::Redirect(if case.rules.gorilla { 301 } else { 308 }, to, Some((route, vars))),
        }
    }
}

impl Naive<'_> {
    /// What a route takes from a request, whatever other routes there are.
    pub fn reads(&self, route: usize, asked: &Asked) -> Option<Vars> {
        let seen = self.seen(asked).ok()?;
        let variant = self.variants.iter().find(|variant| variant.route == route && !variant.detour)?;
        nearly(self.case, variant, &seen).map(|near| near.vars)
    }
}

/// A scope as if it were a route.
fn around(case: &TableCase, place: usize) -> Variant<'_> {
    let scope = &case.scopes[place];
    let chain = case.chain(scope.parent, &scope.own);
    let path = joined(case, &chain, true).flatten();
    let lengths = path.iter().map(|(pieces, _)| pieces.clone()).collect();
    Variant { route: place, detour: false, chain, path, lengths, key: order::scope_key(case, place) }
}

fn nearly<'a>(case: &TableCase, variant: &'a Variant<'a>, seen: &Seen<'_>) -> Option<Near<'a>> {
    let (mut content_type, mut accept) = (None, None);
    let mut vars = variant.lies_at(case, seen)?;
    all_hold(case, &variant.chain, seen, &mut vars, &mut |cond| match cond {
        Cond::ContentType(any) => content_type = Some(&any[..]),
        Cond::Accept(any) => accept = Some(&any[..]),
        _ => {}
    })?;
    vars.sort();
    Some(Near { variant, vars, content_type, accept })
}

impl Variant<'_> {
    /// The variables of path and hosts, if these hold.
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

/// Whether all but path, hosts and methods holds; media types that fail are only told.
fn all_hold<'a>(
    case: &TableCase,
    chain: &[&'a Level],
    seen: &Seen<'_>,
    vars: &mut Vars,
    lacks: &mut dyn FnMut(&'a Cond),
) -> Option<()> {
    for cond in chain.iter().flat_map(|level| &level.conds) {
        match cond {
            Cond::ContentType(any) if !seen.asked.carries(any) => lacks(cond),
            Cond::Accept(any) if !seen.asked.accepts(any) => lacks(cond),
            cond => holds(case, cond, seen, vars).then_some(())?,
        }
    }
    Some(())
}

/// The prefixes of the scopes without their final slashes, then the own path; nothing if it can never
/// match, and no template if there is none.
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
            // What gorilla/mux asks of the parent, a final slash, an empty path does not have.
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

/// Where a path goes that differs from the template by its final slash.
fn slash(case: &TableCase, best: &Variant<'_>, seen: &Seen<'_>) -> Option<String> {
    let (pieces, end) = best.path.as_ref()?;
    let wanted = ends_in_slash(pieces) != best.detour;
    let asks = rule(case, &best.chain) == TrailingSlash::Redirect && *end == End::Exact;
    // Ours looks at a path that matches as it is no further; gorilla/mux compares the slashes only.
    if !(best.detour || case.rules.gorilla) || !asks || wanted == seen.whole.ends_with('/') {
        return None;
    }
    let raw = &seen.asked.path;
    let mut own = match case.rules.form {
        PathForm::Canonical => seen.whole.clone(),
        PathForm::Decoded if !raw.contains("%2F") && !raw.contains("%2f") => text::escape(&seen.whole),
        PathForm::Decoded | PathForm::Raw => raw.clone(),
        other => panic!("the oracle does not know {other:?}"),
    };
    if wanted {
        own.push('/');
    } else if own.ends_with('/') {
        own.pop();
    }
    Some(target(&own, seen.asked))
}

fn target(path: &str, asked: &Asked) -> String {
    let query = asked.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    format!("/{}{query}", path.trim_start_matches('/'))
}

impl Naive<'_> {
    fn miss(&self, near: &[Near<'_>], seen: &Seen<'_>) -> Answer {
        let case = self.case;
        let mut by_method = [BTreeSet::new(), BTreeSet::new()];
        let (mut content_types, mut accepts) = (BTreeSet::new(), BTreeSet::new());
        for near in near {
            let media = [near.content_type, near.accept];
            if !admits(case, &near.variant.chain, seen.asked.method) {
                by_method[usize::from(media != [None, None])].extend(allowed(case, &near.variant.chain));
            } else if let Some(any) = near.content_type {
                content_types.extend(any.iter().map(|one| (*one).to_owned()));
            } else {
                accepts.extend(near.accept.into_iter().flatten().map(|one| (*one).to_owned()));
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
        // What a scope does not say, the one around it does, and the policy at last.
        let mut around = std::iter::successors(scope, |scope| case.scopes[*scope].parent);
        let options = around.clone().find_map(|scope| case.scopes[scope].options);
        let hidden = around.find_map(|scope| case.scopes[scope].method_miss);
        let (status, set) = match status {
            405 if seen.asked.method == "OPTIONS"
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
    /// The deepest of some scopes whose conditions hold, ties by rank.
    fn scope(&self, seen: &Seen<'_>, of: impl Fn(&ScopeCase) -> bool) -> Option<usize> {
        let case = self.case;
        let inside = |scope: &&Variant<'_>| {
            let near = nearly(case, scope, seen);
            let fits = near.is_some_and(|near| near.content_type.is_none() && near.accept.is_none());
            fits && admits(case, &scope.chain, seen.asked.method)
        };
        let mut scopes = self.scopes.iter().filter(|scope| of(&case.scopes[scope.route]));
        scopes.find(inside).map(|scope| scope.route)
    }

    /// The routes that seals leave: those in the deepest sealed scope around the request, and none less
    /// specific in host or path than a sealed route that lies there.
    fn within_reach<'n>(&'n self, seen: &Seen<'_>) -> Vec<&'n Variant<'n>> {
        let case = self.case;
        let sealed = self.scope(seen, |scope| scope.own.sealed);
        let around = |route: usize| {
            std::iter::successors(case.routes[route].scope, |scope| case.scopes[*scope].parent)
        };
        let seals =
            self.variants.iter().filter(|variant| !variant.detour && case.routes[variant.route].own.sealed);
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

/// Whether each level names the method; GET brings HEAD along, but not in gorilla/mux.
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
