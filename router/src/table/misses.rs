//! What a request gets that no route answers: refusals, redirects, misses.

use std::borrow::Cow;

use http::{Method, StatusCode, Uri};

use super::index::{Best, Near};
use super::lookup::{Place, Table};
use super::seal::Seal;
use crate::captures::Captures;
use crate::miss::{Miss, Reason, Redirect};
use crate::policy::{MethodMiss, OptionsAnswer, PathForm, TrailingSlash};
use crate::template::path::Ending;
use crate::template::piece::Grammar;
use crate::template::slot::escape;
use crate::view::{Read, Unseen, View};

impl<T> Table<T> {
    /// A request that is refused, or sent elsewhere, before any route is looked at.
    #[cold]
    pub(super) fn unseen_miss(unseen: Unseen, uri: &Uri) -> Miss {
        let reason = match unseen {
            Unseen::Bad(bad) => Reason::BadRequest(bad),
            Unseen::Cleaned(path) => Reason::Redirect(Redirect {
                status: StatusCode::MOVED_PERMANENTLY,
                target: relative(&path, uri),
                matched: None,
            }),
        };
        Miss { reason, scope: None }
    }

    /// A match that a final slash keeps from answering.
    #[cold]
    pub(super) fn redirected(
        &self,
        redirect: Redirect,
        place: Place,
        captures: Captures,
        read: Read<'_>,
        uri: &Uri,
    ) -> Miss {
        let found = self.matched(place, captures, read, uri);
        let matched = Some(Box::new(found.into_matched()));
        let reason = Reason::Redirect(Redirect { matched, ..redirect });
        Miss { reason, scope: self.scope(place.route as usize) }
    }

    /// The way to the route's own spelling, if its final slash matters.
    #[cold]
    pub(super) fn slash_redirect(&self, place: Place, uri: &Uri, path: &str) -> Option<Redirect> {
        let gorilla = self.catalog.policy.grammar == Grammar::Gorilla;
        let route = place.route as usize;
        let texts = &self.catalog.routes.get(route)?.texts;
        let asks = texts.trailing_slash == TrailingSlash::Redirect && texts.ending == Ending::Exact;
        // gorilla/mux compares the texts only, also where a variable has taken the slash.
        let wants_slash = texts.path.as_ref()?.text.ends_with('/');
        if !asks || path.ends_with('/') == wants_slash {
            return None;
        }
        // The canonical path, since a client may read `/\host` as another host. gorilla/mux writes the
        // decoded path anew; where that would make data a separator, escapes are kept.
        let own = match self.catalog.policy.path {
            PathForm::Canonical => Cow::Borrowed(path),
            PathForm::Decoded if !uri.path().to_ascii_uppercase().contains("%2F") => Cow::Owned(escape(path)),
            PathForm::Decoded | PathForm::Raw => Cow::Borrowed(uri.path()),
        };
        let own =
            if wants_slash { format!("{own}/") } else { own.strip_suffix('/').unwrap_or(&own).to_owned() };
        let status = if gorilla { StatusCode::MOVED_PERMANENTLY } else { StatusCode::PERMANENT_REDIRECT };
        Some(Redirect { status, target: relative(&own, uri), matched: None })
    }

    /// 405 if some route would match with another method, 415 or 406 with another type, else 404.
    #[cold]
    pub(super) fn miss(&self, seal: Seal, view: &View<'_>) -> Miss {
        let mut deepest = Best::new(&self.scopes, view);
        self.scope_index.find(&mut deepest);
        let scope = deepest.rank().and_then(|rank| self.scope_places.get(rank).copied());
        let policy = &self.catalog.policy;
        let rules = scope.and_then(|scope| self.rules.get(scope.index()));
        let options = rules.map_or(policy.options, |rules| rules.options);
        let method_miss = rules.map_or(policy.method_miss, |rules| rules.method_miss);
        let mut near = Near::new(&self.catalog.patterns, view);
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

/// A path with the request's query: a target on the same host, whatever the path begins with.
fn relative(path: &str, uri: &Uri) -> String {
    let mut target = format!("/{}", path.trim_start_matches('/'));
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    target
}
