//! Path variables from waylay-router, or from the struct's own route.

use http::request::Parts;
use http::{Request, StatusCode};
use waylay_router::{Matched, Peer, Reason, Route, Table};

use crate::descriptor::route::OwnRoute;
use crate::error::rejection::Rejection;
use crate::field::slots::Slots;
use crate::field::value::Value;

/// Matches the request with the struct's own route.
///
/// # Errors
///
/// The request does not match: 404, or 405 if only the method differs.
pub(crate) fn match_request(own_route: &OwnRoute, parts: &Parts) -> Result<Matched, Rejection> {
    let target = own_route.target();
    let table = own_route.table().get_or_init(|| {
        let route = Route::any(target.template()).method(target.method().clone()).value(());
        Table::builder().route(route).build().ok()
    });
    let Some(table) = table else {
        return Err(Rejection::misconfigured("the path template of the struct's route is invalid"));
    };
    let mut request = Request::new(());
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    table.find(&request, &Peer::default()).map(|found| found.into_matched()).map_err(|miss| {
        match (&miss.reason, miss.status()) {
            (Reason::BadRequest(_), status) => Rejection::wrong_route(status, None),
            (Reason::MethodNotAllowed(_), status) => {
                Rejection::wrong_route(status, Some(target.method().clone()))
            }
            _ => Rejection::wrong_route(StatusCode::NOT_FOUND, None),
        }
    })
}

/// Adds the variables of waylay-router's match to the slots; returns whether a router has matched.
///
/// `is_filled`: another router has matched before, whose values stay.
pub(crate) fn fill<F: for<'r> Slots<'r>>(slots: &mut F, parts: &Parts, is_filled: bool) -> bool {
    if let Some(matched) = parts.extensions.get::<Matched>() {
        push_captures(matched, slots, is_filled);
        return true;
    }
    is_filled || fill_by_own_route(slots, parts)
}

/// As [`fill`], by the struct's own route: a middleware may have built a new request without the extensions of the
/// router.
#[cold]
fn fill_by_own_route<F: for<'r> Slots<'r>>(slots: &mut F, parts: &Parts) -> bool {
    let matched = F::own_route().and_then(|own_route| match_request(own_route, parts).ok());
    if let Some(matched) = &matched {
        push_captures(matched, slots, false);
    }
    matched.is_some()
}

/// Adds every variable of a match to the slots.
pub(crate) fn push_captures<F: for<'r> Slots<'r>>(matched: &Matched, slots: &mut F, again: bool) {
    for capture in matched.captures() {
        match capture.decode() {
            Ok(text) => slots.path(capture.name(), Value::Text(&text), again),
            Err(_) => slots.path(capture.name(), Value::NotUtf8, again),
        }
        if F::HEAD.raw_path {
            slots.raw_path(capture.name(), Value::Text(capture.raw()));
        }
    }
}
