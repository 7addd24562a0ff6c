//! A struct's own route, for requests that no router has matched.

#[cfg(feature = "router")]
use std::sync::OnceLock;

use http::Method;
#[cfg(feature = "router")]
use http::{Request, StatusCode, request::Parts};
#[cfg(feature = "router")]
use waylay_router::{Matched, Peer, Reason, Route, Table};

#[cfg(feature = "router")]
use crate::rejection::Rejection;
use crate::target::Target;

/// A table of one route, built when it is first asked.
#[derive(Debug)]
pub struct Door {
    #[cfg_attr(not(feature = "router"), expect(dead_code, reason = "only our router knows its templates"))]
    target: Target,
    #[cfg(feature = "router")]
    table: OnceLock<Option<Table<()>>>,
}

impl Door {
    /// What generated code says of a struct.
    pub const fn new(method: Method, template: &'static str) -> Self {
        Self {
            target: Target::new(method, template),
            #[cfg(feature = "router")]
            table: OnceLock::new(),
        }
    }
}

#[cfg(feature = "router")]
impl Door {
    /// The values of the route's variables in the request's path.
    ///
    /// # Errors
    ///
    /// The request is for another route: 404, or 405 if only its method is another's.
    pub(crate) fn enter(&self, parts: &Parts) -> Result<Matched, Rejection> {
        let table = self.table.get_or_init(|| {
            let route = Route::any(self.target.template()).method(self.target.method().clone()).value(());
            Table::builder().route(route).build().ok()
        });
        let Some(table) = table else {
            return Err(Rejection::wiring("the template of the struct's own route is none"));
        };
        let mut request = Request::new(());
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        table.find(&request, &Peer::default()).map(|found| found.into_matched()).map_err(|miss| {
            match (&miss.reason, miss.status()) {
                (Reason::BadRequest(_), status) => Rejection::elsewhere(status, None),
                (Reason::MethodNotAllowed(_), status) => {
                    Rejection::elsewhere(status, Some(self.target.method().clone()))
                }
                _ => Rejection::elsewhere(StatusCode::NOT_FOUND, None),
            }
        })
    }
}
