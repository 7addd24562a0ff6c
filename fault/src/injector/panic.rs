//! InjectedPanic: a panic in the task of the handler.

use std::fmt;
use std::sync::Arc;

use crate::config::error::ErrorCollector;
use crate::injector::key::RequestKeys;
use crate::injector::steps::{Step, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig};
use crate::random::draws::Draws;
use crate::report::event::Action;

/// Panics in the task of the handler, as a handler with a bug does.
///
/// The payload is an [`InjectedPanic`], by which a hook or a layer that catches panics tells it from a
/// genuine one. Without such a layer HTTP/1 closes the connection without a response, and HTTP/2
/// resets the stream. Under tower-http's `CatchPanicLayer` around the fault the client gets its 500,
/// which has no [mark](crate::Injected) of the fault; `CatchPanicLayer::custom` may look at the
/// payload. Within the fault's layer no catch-panic layer meets it. The panic hook runs as always.
///
/// Injected by layers of services and clients only. Under `panic = "abort"` it would end the process;
/// there it is skipped as [`NotDeliverable`](crate::SkipReason::NotDeliverable).
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Fault, InjectedPanic, panic};
///
/// # std::panic::set_hook(Box::new(|_| {}));
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let fault = Fault::new("buggy", panic("index out of bounds")).enabled(true).participation(1.0).build()?;
/// let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new())));
/// let call = fault.layer().layer(inner).oneshot(Request::new(String::new()));
///
/// let payload = tokio::spawn(call).await.unwrap_err().into_panic();
/// let injected = payload.downcast_ref::<InjectedPanic>().expect("it is the fault's");
/// assert_eq!(injected.to_string(), "fault buggy panics: index out of bounds");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn panic(message: impl Into<String>) -> Injector {
    Injector::new(PanicConfig(message.into().into()))
}

/// The payload of an injected panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectedPanic {
    pub(crate) fault: Arc<str>,
    pub(crate) message: Arc<str>,
}

impl InjectedPanic {
    /// Returns the name of the fault.
    pub fn fault(&self) -> &str {
        &self.fault
    }

    /// Returns the message that the fault was given.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for InjectedPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {} panics: {}", self.fault, self.message)
    }
}

#[derive(Debug)]
struct PanicConfig(Arc<str>);

impl InjectorConfig for PanicConfig {
    fn check(self: Box<Self>, _: &str, _: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        Some(self)
    }
}

impl CompiledInjector for PanicConfig {
    fn plan(&self, _: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        steps.push(Step::Panic(self.0.clone()), Action::Panic);
    }
}
