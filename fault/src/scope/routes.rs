//! A set of route templates, compared with the one that the router matched.

use std::collections::HashSet;

use http::Extensions;

use crate::error::{Findings, Problem};

/// Templates as they were given to the router, such as `/orders/{id}`, and names of routes.
#[derive(Debug, Default)]
pub(crate) struct RouteList(HashSet<String>);

impl RouteList {
    /// Takes the templates; one that no router can hold becomes a finding under `setting[index]`.
    pub(crate) fn check(setting: &str, templates: Vec<String>, findings: &mut Findings) -> Self {
        for (index, template) in templates.iter().enumerate() {
            // A route's name never begins with a slash; only waylay-router has names.
            let named = cfg!(feature = "router") && !template.is_empty();
            if !template.starts_with('/') && !named {
                let why = "it does not begin with `/`".to_owned();
                findings.add(format!("{setting}[{index}]"), template, Problem::Pattern(why));
            }
        }
        Self(templates.into_iter().collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, extensions: &Extensions) -> bool {
        matched(extensions).is_some_and(|template| self.0.contains(template)) || self.names(extensions)
    }

    /// Whether it holds the name of the matched route.
    fn names(&self, extensions: &Extensions) -> bool {
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

/// The template that a router left behind; the inner router's word goes first.
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
