//! A connector whose connections fail as real ones do.

use std::error::Error;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection as Connect};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::connect::{ConnectError, ConnectFuture, stand_in, strike};
use super::line::Connection;
use super::stream::FaultStream;
use crate::fault::Fault;
use crate::injector::ending::Ending;
use crate::reach::Side;
use crate::strike::Rejected;

/// A connector around another, for hyper-util's client and tonic's channel: what its faults do is
/// met by the client as true transport errors, in its own error types.
///
/// Delays come before the connect, a [hang](crate::Reject::hang) is a black hole that ends in a
/// timeout of its own, [`ConnectionRefused`](crate::Reject::ConnectionRefused) fails the connect,
/// other rejects let it come about and fail it after the first bytes, and toxics strike its bytes.
/// The draw is made once for each connection; the lists of a fault see a `CONNECT` to the target.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper_util::client::legacy::{Client, connect::HttpConnector};
/// use hyper_util::rt::TokioExecutor;
/// use waylay_fault::{Fault, FaultConnector, Reject, reject};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let refused = Fault::new("no-stock", reject(Reject::ConnectionRefused)).enabled(true).participation(1.0).build()?;
/// let connector = FaultConnector::new(HttpConnector::new()).fault(&refused);
/// let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
///
/// let error = client.get("http://127.0.0.1:80/".parse()?).await.unwrap_err();
/// assert!(error.is_connect());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FaultConnector<C> {
    inner: C,
    faults: Vec<Fault>,
}

/// What a [`FaultConnector`] connects by.
pub type FaultIo<T> = TokioIo<FaultStream<TokioIo<T>>>;

impl<C> FaultConnector<C> {
    /// Around this connector.
    pub fn new(inner: C) -> Self {
        Self { inner, faults: Vec::new() }
    }

    /// Lets a fault lie in wait for connections.
    #[must_use]
    pub fn fault(mut self, fault: &Fault) -> Self {
        self.faults.push(fault.clone());
        self
    }
}

impl<C> Service<Uri> for FaultConnector<C>
where
    C: Service<Uri> + Clone + Send + 'static,
    C::Response: hyper::rt::Read + hyper::rt::Write + Unpin,
    C::Error: Into<Box<dyn Error + Send + Sync>>,
    C::Future: Send,
{
    type Response = FaultIo<C::Response>;
    type Error = ConnectError;
    type Future = ConnectFuture<Self::Response, ConnectError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(cx).map_err(ConnectError::inner)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        // The one that was made ready goes along; its clone was not, and stays.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let faults = self.faults.clone();
        ConnectFuture::new(async move {
            let connection = Connection::new(None, false);
            let mut armed = None;
            for fault in &faults {
                let mut request = stand_in(&target, Some(&connection));
                let Some(rejected) = strike(fault, Side::Connector, &mut request).await else { continue };
                if matches!(rejected.ending, Ending::Refuse | Ending::TimedOut) {
                    return Err(ConnectError::injected(&rejected));
                }
                armed.get_or_insert(rejected);
            }
            let io = inner.call(target).await.map_err(ConnectError::inner)?;
            let mut stream = FaultStream::of(TokioIo::new(io), connection);
            if let Some(Rejected { ending, mark, .. }) = armed {
                stream.arm(ending, mark.fault());
            }
            Ok(TokioIo::new(stream))
        })
    }
}

impl<T: Connect> Connect for FaultStream<T> {
    fn connected(&self) -> Connected {
        self.get_ref().map_or_else(Connected::new, Connect::connected)
    }
}
