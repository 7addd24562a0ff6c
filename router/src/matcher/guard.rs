//! All conditions but path and method, from cheap to dear.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use http::uri::Scheme;
use regex::Regex;

use super::method::MethodSet;
use super::query::{QueryGuard, QueryWant};
use crate::template::host::HostPattern;
use crate::template::slot::Span;
use crate::view::{Head, View};

/// A user's condition with its name.
#[derive(Clone)]
pub(crate) struct Custom {
    pub(crate) name: String,
    pub(crate) holds: Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>,
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a header must be like; any of several values may be so.
#[derive(Debug, Clone)]
pub(crate) enum HeaderWant {
    Present,
    Exact(String),
    Regex(Regex),
}

/// One condition.
#[derive(Debug, Clone)]
pub(crate) enum Guard {
    /// Extension methods, which share one bit.
    Methods(MethodSet),
    /// The scheme, if it is known.
    Scheme(Vec<Scheme>),
    /// The effective host, where the host index does not decide.
    Host(HostPattern),
    Header(HeaderName, HeaderWant),
    Query(QueryGuard),
    Custom(Custom),
}

impl Guard {
    /// Whether it holds; variables go to `found`.
    pub(crate) fn holds(&self, view: &View<'_>, found: &mut impl FnMut(Span)) -> bool {
        match self {
            Self::Methods(set) => set.contains(view.head.method),
            Self::Scheme(any) => view.scheme().is_some_and(|scheme| any.contains(scheme)),
            Self::Host(pattern) => match &view.host {
                Some(host) => pattern.matches(&host.name, host.port, found),
                None => false,
            },
            Self::Header(name, want) => {
                let mut values = view.head.headers.get_all(name).iter();
                match want {
                    HeaderWant::Present => values.next().is_some(),
                    HeaderWant::Exact(text) => values.any(|value| value == text.as_str()),
                    HeaderWant::Regex(regex) => {
                        values.any(|value| value.to_str().is_ok_and(|v| regex.is_match(v)))
                    }
                }
            }
            Self::Query(query) => query.holds(view, found),
            Self::Custom(custom) => (custom.holds)(&view.head),
        }
    }

    /// Cheaper conditions are tried first.
    pub(crate) fn cost(&self) -> u8 {
        match self {
            Self::Methods(_) => 0,
            Self::Scheme(_) => 1,
            Self::Header(_, HeaderWant::Exact(_) | HeaderWant::Present) => 2,
            Self::Host(_) => 3,
            Self::Query(QueryGuard { want: QueryWant::Exact(_) | QueryWant::Present, .. }) => 4,
            Self::Header(_, HeaderWant::Regex(_)) => 5,
            Self::Query(_) => 6,
            Self::Custom(_) => 7,
        }
    }
}
