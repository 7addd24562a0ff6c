//! Injected: header and extension of an injected response.

use std::sync::Arc;

use http::header::{CONNECTION, HeaderName};
use http::{HeaderValue, Response, StatusCode};

use crate::report::event::Action;

/// The response header with the name of the fault: `x-fault-injected`.
pub const INJECTED_HEADER: HeaderName = HeaderName::from_static("x-fault-injected");

/// The fault and its actions, in the extensions of a response.
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Action, Fault, Injected, INJECTED_HEADER, error};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let fault = Fault::new("flaky", error(503)).enabled(true).participation(1.0).build()?;
/// let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::from("real"))));
/// let response = fault.layer().layer(inner).oneshot(Request::new(String::new())).await?;
///
/// assert_eq!(response.headers()[INJECTED_HEADER], "flaky");
/// let injected: &Injected = response.extensions().get().expect("an injected response");
/// assert_eq!((injected.fault(), injected.actions()), ("flaky", &[Action::Error(503)][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injected {
    pub(crate) fault: Arc<str>,
    pub(crate) actions: Arc<[Action]>,
}

impl Injected {
    /// Returns the name of the fault.
    pub fn fault(&self) -> &str {
        &self.fault
    }

    /// Returns the actions in order.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }
}

/// Marks a response as injected.
#[derive(Debug)]
pub(crate) struct Mark {
    /// Absent if the fault is configured without the header.
    pub(crate) header: Option<HeaderValue>,
    /// The connection closes after this response, which HTTP/1 states in a header.
    pub(crate) is_last_response: bool,
    pub(crate) injected: Injected,
}

impl Mark {
    /// Returns the name of the fault.
    pub(crate) fn fault(&self) -> Arc<str> {
        self.injected.fault.clone()
    }

    pub(crate) fn put_on<B>(self, response: &mut Response<B>) {
        // Several faults may wrap one service; each adds its name.
        if let Some(name) = self.header {
            response.headers_mut().append(INJECTED_HEADER, name);
        }
        // An upgraded connection is no longer HTTP.
        if self.is_last_response && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self.injected);
    }
}
