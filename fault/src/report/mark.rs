//! Injected: header and extension of an injected response.

use std::sync::Arc;

use http::header::{CONNECTION, HeaderName};
use http::{HeaderValue, Response, StatusCode};

use crate::report::event::Action;

/// The response header with the name of the fault: `x-fault-injected`.
pub const INJECTED_HEADER: HeaderName = HeaderName::from_static("x-fault-injected");

/// The fault and its actions, in the extensions of a response.
///
/// A reject has a response as well: inside the process it is a 500 whose body fails, and layers around
/// the fault see that head, which no client gets. [`is_reject`](Self::is_reject) distinguishes it from
/// the service's own 500, for traces and metrics:
///
/// ```
/// use http::Response;
/// use tracing::Span;
/// use waylay_fault::Injected;
///
/// # mod tracing { pub struct Span; impl Span { pub fn record<T>(&self, _: &str, _: T) {} } }
/// // With tower-http: `TraceLayer::new_for_http().on_response(on_response)`.
/// fn on_response<B>(response: &Response<B>, _latency: std::time::Duration, span: &Span) {
///     let injected = response.extensions().get::<Injected>();
///     if let Some(injected) = injected.filter(|injected| injected.is_reject()) {
///         span.record("rejected_by", injected.fault());
///     } else {
///         span.record("status", response.status().as_u16());
///     }
/// }
/// # on_response(&Response::new(()), Default::default(), &Span);
/// ```
///
/// Several faults around one service each add theirs: [`iter`](Self::iter) returns them all.
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
    pub(crate) is_reject: bool,
    /// The extension of a fault further inside, for the same response.
    pub(crate) inner: Option<Arc<Self>>,
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

    /// Tests whether the response represents a reject, of this fault or of one further inside: its
    /// status is a placeholder, and no client gets the head.
    pub fn is_reject(&self) -> bool {
        self.iter().any(|injected| injected.is_reject)
    }

    /// Marks a response that a program makes of an [injected error](Self::of_error): the extension, and the
    /// header [`INJECTED_HEADER`]. Inserted into the extensions by the program, it marks the response within the
    /// process alone.
    pub fn mark<B>(self, response: &mut Response<B>) {
        let header = HeaderValue::from_str(&self.fault).ok();
        Mark { header, is_last_response: false, injected: self }.put_on(response);
    }

    /// Returns this and what faults further inside did, the outermost first.
    pub fn iter(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |injected| injected.inner.as_deref())
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

    pub(crate) fn put_on<B>(mut self, response: &mut Response<B>) {
        // Several faults may wrap one service; each adds its name.
        if let Some(name) = self.header {
            response.headers_mut().append(INJECTED_HEADER, name);
        }
        // An upgraded connection is no longer HTTP.
        if self.is_last_response && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.injected.inner = response.extensions_mut().remove().map(Arc::new);
        response.extensions_mut().insert(self.injected);
    }
}
