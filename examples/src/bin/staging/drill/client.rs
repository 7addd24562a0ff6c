//! Client: sends one attempt over a real socket and classifies its outcome.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower::Service;
use waylay_fault::INJECTED_HEADER;

/// Protocol of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Outcome of an attempt for the client, and its duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) outcome: Outcome,
    pub(crate) duration: Duration,
}

/// How an attempt ended for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A complete response; `mark` is the fault that its header names.
    Response { status: StatusCode, mark: Option<String> },
    /// The connection was closed before a response.
    Closed,
    /// The server reset the stream with this code.
    Reset(u32),
    /// The client reached its timeout.
    TimedOut,
    /// Any other error. No fault of the shop causes it.
    Unexpected(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response { status, mark: None } => write!(f, "{}", status.as_u16()),
            Self::Response { status, mark: Some(fault) } => write!(f, "{} marked {fault}", status.as_u16()),
            Self::Closed => f.write_str("a closed connection"),
            Self::Reset(code) => write!(f, "a stream reset with code {code}"),
            Self::TimedOut => f.write_str("no response in time"),
            Self::Unexpected(text) => f.write_str(text),
        }
    }
}

/// Timeout of an attempt: far above the time of a response on a busy machine, so that only a fault
/// reaches it, and far below the duration of a hang.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A pooled client per protocol; it repeats only requests that were never sent.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http1: legacy::Client<FixedConnector, Full<Bytes>>,
    http2: legacy::Client<FixedConnector, Full<Bytes>>,
}

impl Client {
    /// Creates a client whose connections all go to `address`, whatever the host of a request.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let connector = FixedConnector { address };
        Self {
            http1: legacy::Client::builder(TokioExecutor::new()).build(connector),
            http2: legacy::Client::builder(TokioExecutor::new()).http2_only(true).build(connector),
        }
    }

    /// Sends one attempt and waits for the complete response.
    pub(crate) async fn send(&self, protocol: Protocol, request: Request<Full<Bytes>>) -> Observation {
        let client = match protocol {
            Protocol::Http1 => &self.http1,
            Protocol::Http2 => &self.http2,
        };
        let start = Instant::now();
        let exchange = async {
            let (head, body) = client.request(request).await.map_err(|error| classify(&error))?.into_parts();
            body.collect().await.map_err(|error| classify(&error))?;
            let mark = head
                .headers
                .get(INJECTED_HEADER)
                .map(|mark| String::from_utf8_lossy(mark.as_bytes()).into_owned());
            Ok(Outcome::Response { status: head.status, mark })
        };
        let outcome = match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(result) => result.unwrap_or_else(|outcome| outcome),
            Err(_) => Outcome::TimedOut,
        };
        Observation { outcome, duration: start.elapsed() }
    }
}

/// Classifies an error by its sources.
fn classify(error: &(dyn Error + 'static)) -> Outcome {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<h2::Error>()
            && error.is_reset()
            && error.is_remote()
            && let Some(reason) = error.reason()
        {
            return Outcome::Reset(reason.into());
        }
        let is_closed = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
        };
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)
            || error.downcast_ref::<io::Error>().is_some_and(is_closed)
        {
            return Outcome::Closed;
        }
        text += if text.is_empty() { "" } else { ": " };
        text += &error.to_string();
        next = error.source();
    }
    Outcome::Unexpected(text)
}

/// Connects to one address.
#[derive(Debug, Clone, Copy)]
struct FixedConnector {
    address: SocketAddr,
}

impl Service<Uri> for FixedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let address = self.address;
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}
