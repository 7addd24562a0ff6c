//! Known defects of the original programs, whose differences are skipped.

use std::collections::{BTreeMap, BTreeSet};

use http::Uri;
use serde_json::{Map, Value};
use waylay_router::{Miss, Peer, Reason};

use crate::expect::unescaped;
use crate::input::{Case, Dialect, RequestSpec, UrlSpec};
use crate::miss_handlers::is_slash_redirect;
use crate::results::{RequestResult, UrlResult, value};
use crate::server::{Received, receive};
use crate::table::{Node, RouteTree};

/// Name of a defect, and the test whether it explains a mismatch.
type Defect<M> = (&'static str, fn(&M) -> bool);

/// A request whose result differs.
pub(crate) struct Mismatch<'c> {
    pub(crate) tree: &'c RouteTree<'c>,
    pub(crate) spec: &'c RequestSpec,
    pub(crate) received: &'c Received,
    pub(crate) expected: &'c Map<String, Value>,
    pub(crate) got: &'c RequestResult,
    /// Nodes that do not compile.
    pub(crate) invalid: &'c BTreeSet<usize>,
    /// Parts of the result that differ.
    pub(crate) parts: &'c [&'static str],
}

impl Mismatch<'_> {
    /// Returns the defect that explains the difference.
    pub(crate) fn defect(&self) -> Option<&'static str> {
        match self.tree.dialect {
            Dialect::Gorilla => {}
            Dialect::TraefikV3 if self.is_tie() => return Some("a tie goes by the provider"),
            _ => return None,
        }
        let known: &[Defect<Self>] = match self.parts {
            ["vars"] => &[
                ("a prefix overwrites a variable", Self::prefix_overwrites_variable),
                ("an IPv6 host is cut at its colon", Self::cuts_ipv6_host),
            ],
            ["location"] => &[
                ("a redirect loses escapes", Self::has_other_escapes),
                ("a redirect leads to another host", Self::leads_to_other_host),
            ],
            ["trace"] => &[("layers of a route are forgotten", Self::forgets_layers)],
            ["matched", ..] => &[
                ("a colon in a regex makes the port count", Self::compares_port),
                ("anchors in a variable never match", Self::has_anchors),
                ("a failed scope leaves its handler", Self::ignores_later_condition),
            ],
            _ => &[("redirects lead to each other", Self::is_redirect_loop)],
        };
        known.iter().find(|(_, explains)| explains(self)).map(|(name, _)| *name)
    }

    /// Traefik orders routers of equal priority by provider, which a table does not have.
    fn is_tie(&self) -> bool {
        let node = |title: Option<&str>| self.tree.nodes.get(self.node(title)?);
        let priority = |node: &Node<'_>| match (node.spec.priority, &node.spec.rule) {
            (0, Some(rule)) => i32::try_from(rule.len()).ok(),
            (priority, _) => Some(priority),
        };
        let (expected, got) = (node(self.text("matched")), node(self.got.matched.as_deref()));
        let (Some(expected), Some(got), Ok((request, peer))) = (expected, got, self.received) else {
            return false;
        };
        let alone = self.node(self.text("matched")).and_then(|node| self.tree.table_of(node));
        priority(expected) == priority(got) && alone.is_some_and(|table| table.find(request, peer).is_ok())
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.expected.get(key).and_then(Value::as_str)
    }

    fn vars(&self) -> BTreeMap<&str, &str> {
        let vars = self.expected.get("vars").and_then(Value::as_object);
        vars.into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .collect()
    }

    /// Returns the node with this title.
    fn node(&self, title: Option<&str>) -> Option<usize> {
        let title = title?;
        self.tree.nodes.iter().rposition(|node| node.title == title)
    }

    /// In gorilla/mux the variables of a scope's prefix replace those of the route.
    fn prefix_overwrites_variable(&self) -> bool {
        let (Ok((request, peer)), Some(node)) = (self.received, self.node(self.text("matched"))) else {
            return false;
        };
        let mut vars = self.got.vars.clone();
        for scope in self.tree.ancestors(node).skip(1) {
            let Some(table) = self.tree.table_of(scope) else { return false };
            let Ok(found) = table.find(request, peer) else { return false };
            vars.extend(found.captures().map(|capture| (capture.name().to_owned(), value(capture))));
        }
        let expected = self.vars();
        vars.len() == expected.len()
            && vars.iter().all(|(name, value)| expected.get(name.as_str()) == Some(&value.as_str()))
    }

    fn locations(&self) -> Option<(&str, &str)> {
        Some((self.text("location")?, self.got.location.as_deref()?)).filter(|_| self.got.status == 301)
    }

    /// gorilla/mux decodes the path of a redirect, and Go escapes more than necessary, such as `*`.
    fn has_other_escapes(&self) -> bool {
        self.locations().is_some_and(|(expected, got)| {
            let path = |text: &str| unescaped(text.split('?').next().unwrap_or_default());
            path(expected) == path(got)
        })
    }

    /// A redirect of gorilla/mux may start with `//`.
    fn leads_to_other_host(&self) -> bool {
        let without_slashes = |text: &str| text.trim_start_matches('/').to_owned();
        self.locations().is_some_and(|(expected, got)| {
            expected.starts_with("//") && without_slashes(expected) == without_slashes(got)
        })
    }

    /// The target of the expected redirect redirects back.
    fn is_redirect_loop(&self) -> bool {
        let (Some(location), Ok((request, peer))) = (self.text("location"), self.received) else {
            return false;
        };
        let (Ok(target), Some(table)) = (location.parse::<Uri>(), self.tree.table_without(self.invalid))
        else {
            return false;
        };
        let mut next = request.clone();
        *next.uri_mut() = target;
        let back = match table.find(&next, peer) {
            Err(Miss { reason: Reason::Redirect(redirect), .. }) => redirect.target,
            _ => return false,
        };
        let own = request.uri().path_and_query().map(|own| own.as_str());
        self.text("redirect_by") == Some("strict_slash") && own == Some(&back)
    }

    fn host(&self) -> String {
        let target = self.spec.url.parse::<Uri>().ok();
        let target = target.as_ref().and_then(Uri::authority).map(|authority| authority.to_string());
        target.or_else(|| self.spec.host.clone()).unwrap_or_default()
    }

    /// Returns the hosts of a node and of its scopes.
    fn hosts(&self, node: usize) -> impl Iterator<Item = &str> {
        let sets = self.tree.ancestors(node).flat_map(|node| &self.tree.nodes[node].conditions);
        sets.flat_map(|set| set.hosts()).map(String::as_str)
    }

    /// In gorilla/mux a variable captures `[` of `[::1]`.
    fn cuts_ipv6_host(&self) -> bool {
        let expected = self.vars();
        let same = |(name, got): (&String, &String)| {
            let cut = if got.starts_with('[') { got.split(':').next() } else { None };
            expected.get(name.as_str()).is_some_and(|expected| *expected == got || Some(*expected) == cut)
        };
        self.got.vars.len() == expected.len() && self.got.vars.iter().all(same)
    }

    /// Tests whether the host has a port.
    fn has_port(&self) -> bool {
        let host = self.host();
        host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// If the regex of a variable has a colon, gorilla/mux compares the host with its port.
    fn compares_port(&self) -> bool {
        let has_colon = |template: &str| template.matches(':').count() > template.matches('{').count();
        self.has_port() && self.matches_without(|node| self.hosts(node).any(has_colon))
    }

    /// A regex with anchors never matches in gorilla/mux.
    fn has_anchors(&self) -> bool {
        self.matches_without(|node| {
            let own = &self.tree.nodes[node];
            let queries = own.spec.queries.iter().map(|(_, value)| value.as_str());
            let mut texts = queries.chain([own.path.as_str()]).chain(self.hosts(node));
            texts.any(|text| text.contains(":^") || text.contains("$}"))
        })
    }

    /// Tests whether the expected route matches once all nodes with a flaw are left out.
    fn matches_without(&self, has_flaw: impl Fn(usize) -> bool) -> bool {
        let Ok((request, peer)) = self.received else { return false };
        if !self.node(self.got.matched.as_deref()).is_some_and(&has_flaw) {
            return false;
        }
        let flawed = (0..self.tree.nodes.len()).filter(|node| has_flaw(*node));
        let Some(table) = self.tree.table_without(&flawed.chain(self.invalid.iter().copied()).collect())
        else {
            return false;
        };
        let node = match table.find(request, peer) {
            Ok(found) => Some(*found.value()),
            Err(miss) => match &miss.reason {
                Reason::Redirect(to) => to.matched.as_deref().and_then(|to| table.value(to.index()).copied()),
                _ => None,
            },
        };
        let owner = node.and_then(|node| self.tree.handler_of(node));
        owner.map(|owner| self.tree.nodes[owner].title.as_str()) == self.text("matched")
    }

    /// A scope of the expected route has a later condition that does not match.
    fn ignores_later_condition(&self) -> bool {
        let (Ok((request, peer)), Some(node)) = (self.received, self.node(self.text("matched"))) else {
            return false;
        };
        let late =
            self.tree.ancestors(node).skip(1).any(|scope| !self.tree.nodes[scope].spec.after.is_empty());
        late && self.tree.table_of(node).is_some_and(|table| table.find(request, peer).is_err())
    }

    /// The trace is the expected one, except for the layers of the route.
    fn forgets_layers(&self) -> bool {
        let Some(node) = self.node(self.got.matched.as_deref()) else { return false };
        let own = &self.tree.nodes[node].spec.middlewares;
        let expected = self.expected.get("trace").and_then(Value::as_array);
        let expected = expected.into_iter().flatten().filter_map(Value::as_str);
        let got = self.got.trace.iter().map(String::as_str);
        let handler = usize::from(!self.got.trace.is_empty());
        let mut remaining: Vec<&str> = got.collect();
        let end = remaining.len().saturating_sub(handler);
        let Some(start) = end.checked_sub(own.len()).filter(|_| !own.is_empty()) else { return false };
        remaining.drain(start..end);
        expected.eq(remaining)
    }
}

/// Returns the defect that explains an unexpected URL.
pub(crate) fn defect_of_url(
    case: &Case,
    tree: &RouteTree<'_>,
    build: &UrlSpec,
    expected: &Map<String, Value>,
    got: &UrlResult,
) -> Option<&'static str> {
    if tree.dialect != Dialect::Gorilla {
        return None;
    }
    let text = |key: &str| expected.get(key).and_then(Value::as_str);
    let has_slash = build.vars.values().any(|value| value.contains('/'));
    if text("url_error") == Some("var_mismatch") && case.router.use_encoded_path && has_slash {
        return got.url.is_some().then_some("a slash in a value cannot be escaped");
    }
    let node = tree.nodes.iter().rposition(|node| node.named && node.title == build.name)?;
    (!matches_route(tree, node, text("url")?)).then_some("a URL is built that its route does not match")
}

/// Tests whether a request for a URL matches its route.
fn matches_route(tree: &RouteTree<'_>, node: usize, url: &str) -> bool {
    let slash = if url.starts_with('?') { "/" } else { "" };
    let mut spec = RequestSpec::new("GET", &format!("{slash}{url}"));
    spec.tls = url.starts_with("https:");
    let Ok(Ok((request, _))) = receive(&spec, Dialect::Gorilla) else { return false };
    let Some(table) = tree.table_of(node) else { return false };
    match table.find(&request, &Peer::default()) {
        Ok(_) => true,
        Err(miss) => is_slash_redirect(&miss) || miss.allow().is_some(),
    }
}
