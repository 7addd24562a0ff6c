//! BodyError: the failure of a body, by its service or by a fault.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::config::one_line::OneLine;

/// The failure of a body: the service's own, or [injected](RejectError).
///
/// ```
/// use http::{Request, Response};
/// use http_body_util::BodyExt;
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Fault, Reject, reject};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let fault = Fault::new("dead", reject(Reject::EmptyReply)).enabled(true).participation(1.0).build()?;
/// let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::from("real"))));
/// let response = fault.layer().layer(inner).oneshot(Request::new(String::new())).await?;
///
/// let error = response.into_body().collect().await.unwrap_err();
/// assert_eq!(error.reject().map(|reject| reject.to_string()).as_deref(), Some("fault dead rejected the request"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BodyError(Cause);

#[derive(Debug)]
enum Cause {
    Service(Box<dyn Error + Send + Sync>),
    Reject(RejectError),
}

impl BodyError {
    pub(crate) fn service(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Cause::Service(error.into()))
    }

    pub(crate) fn injected(error: RejectError) -> Self {
        Self(Cause::Reject(error))
    }

    /// Returns the injected error, if it is one.
    pub fn reject(&self) -> Option<&RejectError> {
        match &self.0 {
            Cause::Service(_) => None,
            Cause::Reject(error) => Some(error),
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body failed")
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Cause::Service(error) => Some(&**error),
            Cause::Reject(error) => Some(error),
        }
    }
}

/// A fault ended the exchange before or within the response.
///
/// With the feature `http2` and a chosen code its source is the `h2::Error`, from which hyper takes
/// the code of the stream reset.
#[derive(Debug)]
pub struct RejectError {
    fault: Arc<str>,
    what: &'static str,
    #[cfg(feature = "http2")]
    reset: Option<h2::Error>,
}

impl RejectError {
    pub(crate) fn new(fault: Arc<str>, code: Option<u32>) -> Self {
        Self::because(fault, "rejected the request", code)
    }

    pub(crate) fn truncated(fault: Arc<str>, code: Option<u32>) -> Self {
        Self::because(fault, "truncated the body", code)
    }

    #[cfg_attr(not(feature = "http2"), allow(unused_variables, reason = "codes need h2's own error type"))]
    fn because(fault: Arc<str>, what: &'static str, code: Option<u32>) -> Self {
        Self {
            fault,
            what,
            #[cfg(feature = "http2")]
            reset: code.map(|code| h2::Reason::from(code).into()),
        }
    }

    /// Returns the name of the fault.
    pub fn fault(&self) -> &str {
        &self.fault
    }
}

impl fmt::Display for RejectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {} {}", OneLine(&self.fault), self.what)
    }
}

impl Error for RejectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        #[cfg(feature = "http2")]
        if let Some(reset) = &self.reset {
            return Some(reset);
        }
        None
    }
}
