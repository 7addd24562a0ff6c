//! The defects of the originals that are not copied: where an answer differs exactly as one of them says, the
//! original is wrong and the difference is passed over. Each is told from table and request.

use std::collections::{BTreeMap, BTreeSet};

use http::Uri;
use serde_json::{Map, Value};
use waylay_router::{Miss, Peer, Reason};

use crate::answer::{Answer, value};
use crate::arrival::{Arrived, arrive};
use crate::case::{Asked, Build, Case, Dialect};
use crate::claims::slashed;
use crate::expect::unescaped;
use crate::plan::{Item, Plan};
use crate::reverse::BuildAnswer;

/// A defect's name, and whether it explains a difference.
type Known<D> = (&'static str, fn(&D) -> bool);

/// What is known of a request whose answer differs.
pub(crate) struct Differing<'c> {
    pub(crate) plan: &'c Plan<'c>,
    pub(crate) asked: &'c Asked,
    pub(crate) arrived: &'c Arrived,
    pub(crate) wanted: &'c Map<String, Value>,
    pub(crate) got: &'c Answer,
    /// The items that do not compile.
    pub(crate) dead: &'c BTreeSet<usize>,
    /// What of it differs.
    pub(crate) parts: &'c [&'static str],
}

impl Differing<'_> {
    /// The defect that explains the difference, if there is one.
    pub(crate) fn defect(&self) -> Option<&'static str> {
        match self.plan.dialect {
            Dialect::Gorilla => {}
            Dialect::TraefikV3 if self.tied() => return Some("a tie goes by the provider"),
            _ => return None,
        }
        let known: &[Known<Self>] = match self.parts {
            ["vars"] => &[
                ("a prefix overwrites a variable", Self::overwritten),
                ("an IPv6 host is cut at its colon", Self::cut_host),
            ],
            ["location"] => &[
                ("a redirect loses escapes", Self::unescaped),
                ("a redirect leads to another host", Self::elsewhere),
            ],
            ["trace"] => &[("layers of a route are forgotten", Self::forgotten)],
            ["matched", ..] => &[
                ("a colon in a regex makes the port count", Self::port_counts),
                ("anchors in a variable never match", Self::anchored),
                ("a failed scope leaves its handler", Self::left_behind),
            ],
            _ => &[("redirects lead to each other", Self::endless)],
        };
        known.iter().find(|(_, shows)| shows(self)).map(|(name, _)| *name)
    }

    /// Routers of one priority go by their provider, which a table does not have.
    fn tied(&self) -> bool {
        let item = |title: Option<&str>| self.plan.items.get(self.item(title)?);
        let priority = |item: &Item<'_>| match (item.entry.priority, &item.entry.rule) {
            (0, Some(rule)) => i32::try_from(rule.len()).ok(),
            (priority, _) => Some(priority),
        };
        let (wanted, got) = (item(self.text("matched")), item(self.got.matched.as_deref()));
        let (Some(wanted), Some(got), Ok((request, peer))) = (wanted, got, self.arrived) else {
            return false;
        };
        let alone = self.item(self.text("matched")).and_then(|item| self.plan.alone(item));
        priority(wanted) == priority(got) && alone.is_some_and(|table| table.find(request, peer).is_ok())
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.wanted.get(key).and_then(Value::as_str)
    }

    fn vars(&self) -> BTreeMap<&str, &str> {
        let vars = self.wanted.get("vars").and_then(Value::as_object);
        vars.into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .collect()
    }

    /// The item that a title names.
    fn item(&self, title: Option<&str>) -> Option<usize> {
        let title = title?;
        self.plan.items.iter().rposition(|item| item.title == title)
    }

    /// Each scope around a route writes what its own prefix takes over what the route has taken.
    fn overwritten(&self) -> bool {
        let (Ok((request, peer)), Some(item)) = (self.arrived, self.item(self.text("matched"))) else {
            return false;
        };
        let mut vars = self.got.vars.clone();
        for scope in self.plan.line(item).skip(1) {
            let Some(table) = self.plan.alone(scope) else { return false };
            let Ok(found) = table.find(request, peer) else { return false };
            vars.extend(found.captures().map(|capture| (capture.name().to_owned(), value(capture))));
        }
        let wanted = self.vars();
        vars.len() == wanted.len()
            && vars.iter().all(|(name, value)| wanted.get(name.as_str()) == Some(&value.as_str()))
    }

    fn locations(&self) -> Option<(&str, &str)> {
        Some((self.text("location")?, self.got.location.as_deref()?)).filter(|_| self.got.status == 301)
    }

    fn unescaped(&self) -> bool {
        self.locations().is_some_and(|(wanted, got)| {
            let path = |text: &str| unescaped(text.split('?').next().unwrap_or_default());
            path(wanted) == path(got)
        })
    }

    fn elsewhere(&self) -> bool {
        let shorter = |text: &str| text.trim_start_matches('/').to_owned();
        self.locations()
            .is_some_and(|(wanted, got)| wanted.starts_with("//") && shorter(wanted) == shorter(got))
    }

    /// Where the expected redirect leads, there is one that leads back.
    fn endless(&self) -> bool {
        let (Some(location), Ok((request, peer))) = (self.text("location"), self.arrived) else {
            return false;
        };
        let (Ok(target), Some(table)) = (location.parse::<Uri>(), self.plan.without(self.dead)) else {
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
        let target = self.asked.url.parse::<Uri>().ok();
        let target = target.as_ref().and_then(Uri::authority).map(|authority| authority.to_string());
        target.or_else(|| self.asked.host.clone()).unwrap_or_default()
    }

    /// Whether a route asks for a host, or a scope around it.
    fn hosts(&self, item: usize) -> impl Iterator<Item = &str> {
        let levels = self.plan.line(item).flat_map(|item| &self.plan.items[item].levels);
        levels.flat_map(|level| level.hosts()).map(String::as_str)
    }

    /// What a variable took of `[::1]` is `[`.
    fn cut_host(&self) -> bool {
        let wanted = self.vars();
        let same = |(name, got): (&String, &String)| {
            let cut = if got.starts_with('[') { got.split(':').next() } else { None };
            wanted.get(name.as_str()).is_some_and(|wanted| *wanted == got || Some(*wanted) == cut)
        };
        self.got.vars.len() == wanted.len() && self.got.vars.iter().all(same)
    }

    /// Whether the host names a port.
    fn has_port(&self) -> bool {
        let host = self.host();
        host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Where a variable's regex has a colon, the host is compared with its port.
    fn port_counts(&self) -> bool {
        let coloned = |template: &str| template.matches(':').count() > template.matches('{').count();
        self.has_port() && self.answered_without(|item| self.hosts(item).any(coloned))
    }

    fn anchored(&self) -> bool {
        self.answered_without(|item| {
            let own = &self.plan.items[item];
            let queries = own.entry.queries.iter().map(|(_, value)| value.as_str());
            let mut texts = queries.chain([own.path.as_str()]).chain(self.hosts(item));
            texts.any(|text| text.contains(":^") || text.contains("$}"))
        })
    }

    /// Whether the expected route answers where all those are left out that have a flaw.
    fn answered_without(&self, flawed: impl Fn(usize) -> bool) -> bool {
        let Ok((request, peer)) = self.arrived else { return false };
        if !self.item(self.got.matched.as_deref()).is_some_and(&flawed) {
            return false;
        }
        let flawed = (0..self.plan.items.len()).filter(|item| flawed(*item));
        let Some(table) = self.plan.without(&flawed.chain(self.dead.iter().copied()).collect()) else {
            return false;
        };
        let item = match table.find(request, peer) {
            Ok(found) => Some(*found.value()),
            Err(miss) => match &miss.reason {
                Reason::Redirect(to) => to.matched.as_deref().and_then(|to| table.value(to.place()).copied()),
                _ => None,
            },
        };
        let owner = item.and_then(|item| self.plan.answers(item));
        owner.map(|owner| self.plan.items[owner].title.as_str()) == self.text("matched")
    }

    /// The scope around the expected route has a condition that came after it and does not hold.
    fn left_behind(&self) -> bool {
        let (Ok((request, peer)), Some(item)) = (self.arrived, self.item(self.text("matched"))) else {
            return false;
        };
        let late = self.plan.line(item).skip(1).any(|scope| !self.plan.items[scope].entry.after.is_empty());
        late && self.plan.alone(item).is_some_and(|table| table.find(request, peer).is_err())
    }

    /// The way is the expected one, but for the layers of the route itself.
    fn forgotten(&self) -> bool {
        let Some(item) = self.item(self.got.matched.as_deref()) else { return false };
        let own = &self.plan.items[item].entry.middlewares;
        let wanted = self.wanted.get("trace").and_then(Value::as_array);
        let wanted = wanted.into_iter().flatten().filter_map(Value::as_str);
        let got = self.got.trace.iter().map(String::as_str);
        let handler = usize::from(!self.got.trace.is_empty());
        let mut left: Vec<&str> = got.collect();
        let end = left.len().saturating_sub(handler);
        let Some(start) = end.checked_sub(own.len()).filter(|_| !own.is_empty()) else { return false };
        left.drain(start..end);
        wanted.eq(left)
    }
}

/// The defect that explains a URL other than expected.
pub(crate) fn of_build(
    case: &Case,
    plan: &Plan<'_>,
    build: &Build,
    wanted: &Map<String, Value>,
    got: &BuildAnswer,
) -> Option<&'static str> {
    if plan.dialect != Dialect::Gorilla {
        return None;
    }
    let text = |key: &str| wanted.get(key).and_then(Value::as_str);
    let slashed = build.vars.values().any(|value| value.contains('/'));
    if text("url_error") == Some("var_mismatch") && case.router.use_encoded_path && slashed {
        return got.url.is_some().then_some("a slash in a value cannot be escaped");
    }
    let item = plan.items.iter().rposition(|item| item.named && item.title == build.name)?;
    (!fits(plan, item, text("url")?)).then_some("a URL is built that its route does not match")
}

/// Whether a URL, asked for, comes to its route.
fn fits(plan: &Plan<'_>, item: usize, url: &str) -> bool {
    let slash = if url.starts_with('?') { "/" } else { "" };
    let asked = Asked {
        method: "GET".to_owned(),
        url: format!("{slash}{url}"),
        host: None,
        headers: BTreeMap::new(),
        tls: url.starts_with("https:"),
        remote: None,
        raw_query: None,
    };
    let Ok(Ok((request, _))) = arrive(&asked, Dialect::Gorilla) else { return false };
    let Some(table) = plan.alone(item) else { return false };
    match table.find(&request, &Peer::default()) {
        Ok(_) => true,
        Err(miss) => slashed(&miss) || miss.allow().is_some(),
    }
}
