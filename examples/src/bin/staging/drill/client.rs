//! A client over real sockets that gives up on time and says exactly what it saw.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower::Service;
use waylay_fault::MARK;

use super::sighting::{Protocol, Seen, Sighting};

/// How long an attempt may take. Far above what an answer takes on the busiest machine, so that
/// only a fault makes it run out; far below what a hang holds.
const PATIENCE: Duration = Duration::from_secs(2);

/// A pooled client of each protocol, which sends nothing twice by itself but what was never sent.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http1: legacy::Client<Dial, Full<Bytes>>,
    http2: legacy::Client<Dial, Full<Bytes>>,
}

impl Client {
    /// A client whose every connection goes to `address`, whatever host a request names.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let dial = Dial { address };
        Self {
            http1: legacy::Client::builder(TokioExecutor::new()).build(dial),
            http2: legacy::Client::builder(TokioExecutor::new()).http2_only(true).build(dial),
        }
    }

    /// Sends one attempt and waits for its whole answer.
    pub(crate) async fn send(&self, protocol: Protocol, request: Request<Full<Bytes>>) -> Sighting {
        let client = match protocol {
            Protocol::Http1 => &self.http1,
            Protocol::Http2 => &self.http2,
        };
        let start = Instant::now();
        let answer = async {
            let (head, body) = client.request(request).await.map_err(|error| broken(&error))?.into_parts();
            body.collect().await.map_err(|error| broken(&error))?;
            let mark =
                head.headers.get(MARK).map(|mark| String::from_utf8_lossy(mark.as_bytes()).into_owned());
            Ok(Seen::Answer { status: head.status, mark })
        };
        let seen = match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer.unwrap_or_else(|broken| broken),
            Err(_) => Seen::TimedOut,
        };
        Sighting { seen, took: start.elapsed() }
    }
}

/// Tells by which end of the exchange an error came about.
fn broken(error: &(dyn Error + 'static)) -> Seen {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<h2::Error>()
            && error.is_reset()
            && error.is_remote()
            && let Some(reason) = error.reason()
        {
            return Seen::Reset(reason.into());
        }
        let is_cut = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
        };
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)
            || error.downcast_ref::<io::Error>().is_some_and(is_cut)
        {
            return Seen::Closed;
        }
        text += if text.is_empty() { "" } else { ": " };
        text += &error.to_string();
        next = error.source();
    }
    Seen::Odd(text)
}

/// Connects to one address.
#[derive(Debug, Clone, Copy)]
struct Dial {
    address: SocketAddr,
}

impl Service<Uri> for Dial {
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
