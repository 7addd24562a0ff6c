//! A set of route templates, compared with the one that the router matched.

use std::collections::HashSet;

use http::Extensions;

use crate::error::{Findings, Problem};

/// Templates as they were given to the router, such as `/orders/{id}`.
#[derive(Debug, Default)]
pub(crate) struct RouteList(HashSet<String>);

impl RouteList {
    /// Takes the templates; one that no router can hold becomes a finding under `setting[index]`.
    pub(crate) fn check(setting: &str, templates: Vec<String>, findings: &mut Findings) -> Self {
        for (index, template) in templates.iter().enumerate() {
            if !template.starts_with('/') {
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
        matched(extensions).is_some_and(|template| self.0.contains(template))
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
