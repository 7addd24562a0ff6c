//! RouteList and RuleList (features `axum`, `router`).

#[cfg(any(feature = "axum", feature = "router"))]
use std::collections::HashSet;

#[cfg(any(feature = "axum", feature = "router"))]
use http::Extensions;
#[cfg(feature = "router")]
use http::Request;
#[cfg(feature = "router")]
use waylay_router::{ConnectionInfo, Peer, Policy, Precedence, Route, Table};

#[cfg(any(feature = "axum", feature = "router"))]
use crate::config::error::{ErrorCollector, FaultErrorKind};
#[cfg(feature = "router")]
use crate::connection::handle;

/// Templates as given to the router, such as `/orders/{id}`, and names of routes.
#[cfg(any(feature = "axum", feature = "router"))]
#[derive(Debug, Default)]
pub(crate) struct RouteList(HashSet<String>);

#[cfg(any(feature = "axum", feature = "router"))]
impl RouteList {
    /// Takes the templates; each one that no router accepts is reported under `setting[index]`.
    pub(crate) fn check(setting: &str, templates: Vec<String>, errors: &mut ErrorCollector) -> Self {
        for (index, template) in templates.iter().enumerate() {
            // A route's name never begins with a slash; only waylay-router has names.
            let is_name = cfg!(feature = "router") && !template.is_empty();
            if !template.starts_with('/') && !is_name {
                let why = "it does not begin with `/`".to_owned();
                errors.add(format!("{setting}[{index}]"), template, FaultErrorKind::Pattern(why));
            }
        }
        Self(templates.into_iter().collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, extensions: &Extensions) -> bool {
        matched(extensions).is_some_and(|template| self.0.contains(template))
            || self.contains_name(extensions)
    }

    /// Tests whether the list contains the name of the matched route.
    fn contains_name(&self, extensions: &Extensions) -> bool {
        #[cfg(feature = "router")]
        {
            let matched = extensions.get::<waylay_router::Matched>();
            matched.and_then(|matched| matched.name()).is_some_and(|name| self.0.contains(name))
        }
        #[cfg(not(feature = "router"))]
        {
            let _ = extensions;
            false
        }
    }
}

/// Returns the matched template; that of the inner router takes precedence.
#[cfg(any(feature = "axum", feature = "router"))]
fn matched(extensions: &Extensions) -> Option<&str> {
    #[cfg(feature = "router")]
    if let Some(matched) = extensions.get::<waylay_router::Matched>() {
        return Some(matched.template());
    }
    #[cfg(feature = "axum")]
    if let Some(path) = extensions.get::<axum::extract::MatchedPath>() {
        return Some(path.as_str());
    }
    None
}

/// Rules, each as a table of one route.
#[cfg(feature = "router")]
#[derive(Debug, Default)]
pub(crate) struct RuleList(Vec<Table<()>>);

#[cfg(feature = "router")]
impl RuleList {
    /// Parses the rules; each invalid one is reported under `setting[index]`.
    pub(crate) fn check(setting: &str, rules: Vec<String>, errors: &mut ErrorCollector) -> Self {
        let mut list = Vec::with_capacity(rules.len());
        // A table of one route needs no ranking.
        let policy = Policy::default().precedence(Precedence::RegistrationOrder);
        for (index, rule) in rules.into_iter().enumerate() {
            match Table::builder().policy(policy).route(Route::rule(rule.as_str()).value(())).build() {
                Ok(table) => list.push(table),
                Err(found) => {
                    let texts: Vec<String> = found.iter().map(|error| error.kind.to_string()).collect();
                    errors.add(format!("{setting}[{index}]"), rule, FaultErrorKind::Rule(texts.join("\n")));
                }
            }
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tests whether a rule matches.
    pub(crate) fn contains<B>(&self, request: &Request<B>) -> bool {
        let extensions = request.extensions();
        let mut peer = extensions.get::<Peer>().cloned().unwrap_or_default();
        peer.addr = handle::client_address(extensions).map(|client| (client, 0).into());
        if let Some(behind) = extensions.get::<ConnectionInfo>() {
            peer.scheme.clone_from(&behind.scheme);
        }
        self.0.iter().any(|table| table.find(request, &peer).is_ok())
    }
}
