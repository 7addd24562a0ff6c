//! Misses of a table: rejections, redirects, and the status if no route matches.

use std::borrow::Cow;

use http::{Method, StatusCode, Uri};
use waylay_template::Syntax;

use crate::request::path::location;
use crate::request::policy::{MethodMiss, OptionsAnswer, PathForm, TrailingSlash};
use crate::request::view::{NormalizedRequest, RequestView, ViewError};
use crate::table::index::BestMatch;
use crate::table::lookup::{RankEntry, Table};
use crate::table::miss::{Miss, Reason, Redirect};
use crate::table::routes::ScopeId;
use crate::table::visitors::{NearMisses, SearchLimit};
use crate::template::captures::Captures;
use crate::template::encoding::escape;
use crate::template::path::PathEnd;

impl<T> Table<T> {
    /// Returns the miss of a request that is rejected or redirected before any route is tested.
    #[cold]
    pub(crate) fn view_error_miss(error: ViewError, uri: &Uri) -> Miss {
        let reason = match error {
            ViewError::Bad(bad) => return Miss::rejection(bad),
            ViewError::Cleaned(path) => Reason::Redirect(Redirect {
                status: StatusCode::MOVED_PERMANENTLY,
                target: location(&path, uri.query()),
                matched: None,
            }),
        };
        Miss { reason, scope: None }
    }

    /// Returns the miss of a route that matches with the other final slash.
    #[cold]
    pub(crate) fn redirected(
        &self,
        redirect: Redirect,
        entry: RankEntry,
        captures: Captures,
        read: NormalizedRequest<'_>,
        uri: &Uri,
    ) -> Miss {
        let found = self.matched(entry, captures, read, uri);
        let matched = Some(Box::new(found.into_matched()));
        let reason = Reason::Redirect(Redirect { matched, ..redirect });
        Miss { reason, scope: self.scope(entry.route as usize) }
    }

    /// Returns the redirect to the route's own path, if its final slash matters.
    #[cold]
    pub(crate) fn slash_redirect(&self, entry: RankEntry, uri: &Uri, path: &str) -> Option<Redirect> {
        let gorilla = self.catalog.policy.syntax == Syntax::Gorilla;
        let route = entry.route as usize;
        let route = self.catalog.routes.get(route)?;
        let pattern = self.catalog.pattern(route.entry());
        let asks = pattern.trailing_slash == TrailingSlash::Redirect && pattern.path.end() == PathEnd::Exact;
        // gorilla/mux compares only the texts, even where a variable has captured the slash.
        let wants_slash = route.path_text()?.ends_with('/');
        if !asks || path.ends_with('/') == wants_slash {
            return None;
        }
        // gorilla/mux encodes the decoded path again; where that would turn data into a separator, escapes are
        // kept.
        let own = match self.catalog.policy.path {
            PathForm::Canonical => Cow::Borrowed(path),
            PathForm::Decoded if !uri.path().to_ascii_uppercase().contains("%2F") => Cow::Owned(escape(path)),
            PathForm::Decoded | PathForm::Raw => Cow::Borrowed(uri.path()),
        };
        let own =
            if wants_slash { format!("{own}/") } else { own.strip_suffix('/').unwrap_or(&own).to_owned() };
        let status = if gorilla { StatusCode::MOVED_PERMANENTLY } else { StatusCode::PERMANENT_REDIRECT };
        let target = location(&own, uri.query());
        // Under gorilla/mux's rule a variable may have captured the slash: `/` for `/{rest:.*}`.
        (target != location(uri.path(), uri.query())).then_some(Redirect { status, target, matched: None })
    }

    /// Returns the deepest scope whose conditions hold.
    fn deepest_scope(&self, view: &RequestView<'_>) -> Option<ScopeId> {
        let mut deepest = BestMatch::new(&self.scopes, view);
        self.scope_index.find(&mut deepest);
        deepest.rank().and_then(|rank| self.scope_ranks.get(rank).copied())
    }

    /// 405 if some route would match with another method, 415 or 406 with another type, else 404.
    #[cold]
    pub(crate) fn miss(&self, seal: SearchLimit, view: &RequestView<'_>) -> Miss {
        let scope = if self.scopes.is_empty() { None } else { self.deepest_scope(view) };
        let policy = &self.catalog.policy;
        let rules = scope.and_then(|scope| self.rules.get(scope.index()));
        let options = rules.map_or(policy.options, |rules| rules.options);
        let method_miss = rules.map_or(policy.method_miss, |rules| rules.method_miss);
        let mut near = NearMisses::new(&self.catalog.patterns, view);
        self.search_sealed(seal, view, &mut near);
        let reason = match near.reason() {
            Some(Reason::MethodNotAllowed(mut methods))
                if view.head.method == Method::OPTIONS && options == OptionsAnswer::Automatic =>
            {
                methods.insert(Method::OPTIONS);
                Reason::Options(methods)
            }
            Some(Reason::MethodNotAllowed(_)) if method_miss == MethodMiss::NotFound => Reason::NotFound,
            near => near.unwrap_or(Reason::NotFound),
        };
        Miss { reason, scope }
    }
}
