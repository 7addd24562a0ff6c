//! Whether one route takes all that another one matches.

use std::sync::Arc;

use crate::language::{Shared, beyond};
use crate::matcher::guard::{Guard, HeaderWant};
use crate::matcher::query::QueryWant;
use crate::meet::{Meetings, Side};
use crate::speech::{host_regex, path_regex};

impl Meetings<'_> {
    /// Whether each request that the inner route matches surely matches the outer one too.
    pub(crate) fn covers(&mut self, outer: Side<'_>, inner: Side<'_>) -> bool {
        let methods = outer.pattern.methods.and(&inner.pattern.methods) == inner.pattern.methods;
        let guards = outer.pattern.guards.iter().filter(|guard| !matches!(guard, Guard::Methods(_)));
        let implied = |guard: &Guard| inner.pattern.guards.iter().any(|own| own.implies(guard));
        methods
            && guards.clone().all(implied)
            && self.covers_path(outer, inner)
            && self.covers_host(outer, inner)
    }

    fn covers_path(&mut self, outer: Side<'_>, inner: Side<'_>) -> bool {
        self.within(
            &path_regex(inner.texts, self.policy.grammar),
            &path_regex(outer.texts, self.policy.grammar),
        )
    }

    fn covers_host(&mut self, outer: Side<'_>, inner: Side<'_>) -> bool {
        let port = |side: Side<'_>| side.pattern.host.as_ref().and_then(|host| host.port());
        if port(outer).is_some() && port(outer) != port(inner) {
            return false;
        }
        let grammar = self.policy.grammar;
        outer.texts.hosts.iter().all(|outer| {
            let outer = host_regex(outer, grammar);
            inner.texts.hosts.iter().any(|inner| self.within(&host_regex(inner, grammar), &outer))
        })
    }

    fn within(&mut self, inner: &str, outer: &str) -> bool {
        inner == outer
            || match (self.language(inner), self.language(outer)) {
                (Some(inner), Some(outer)) => beyond(&inner, &outer) == Shared::Nothing,
                _ => false,
            }
    }
}

impl Guard {
    /// Whether every request that meets it surely meets another one.
    fn implies(&self, other: &Guard) -> bool {
        match (self, other) {
            (Self::Custom(own), Self::Custom(other)) => Arc::ptr_eq(&own.holds, &other.holds),
            // What rules put together is not looked into.
            (Self::Custom(_) | Self::Formula(_), _) | (_, Self::Custom(_) | Self::Formula(_)) => false,
            (Self::Header(own, want), Self::Header(name, HeaderWant::Present)) => {
                own == name && !matches!(want, HeaderWant::Absent)
            }
            (Self::Query(own), Self::Query(other)) if matches!(other.want, QueryWant::Present) => {
                own.key == other.key && !matches!(own.want, QueryWant::Absent)
            }
            (Self::Cookie(own, _), Self::Cookie(name, None)) => own == name,
            _ => format!("{self:?}") == format!("{other:?}"),
        }
    }
}
