//! Upgrades: which protocols are tunneled, and the tunnel itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{HeaderMap, Method, Request, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use waylay_examples::server::IdleClock;

use crate::forward::list;

/// The protocol that every route tunnels.
const WEBSOCKET: &str = "websocket";

/// Returns the protocols of an upgrade request that its route tunnels; `more` lists others than `websocket`.
///
/// `Upgrade` counts only if `Connection` names it (RFC 9110 §7.8). Any other protocol, such as `h2c`, would
/// carry requests past the routes.
pub(crate) fn requested<B>(request: &Request<B>, more: Option<&str>) -> Option<HeaderValue> {
    let is_named = list(request.headers(), &CONNECTION).any(|option| option.eq_ignore_ascii_case("upgrade"));
    if request.version() != Version::HTTP_11 || *request.method() != Method::GET || !is_named {
        return None;
    }
    let is_tunneled = |protocol: &&str| {
        let mut all = more.into_iter().flat_map(|more| more.split(',')).chain([WEBSOCKET]);
        all.any(|known| known.trim().eq_ignore_ascii_case(protocol))
    };
    let protocols: Vec<&str> = list(request.headers(), &UPGRADE).filter(is_tunneled).collect();
    HeaderValue::from_str(&protocols.join(", ")).ok().filter(|value| !value.is_empty())
}

/// Returns the protocol that an upstream has switched to, if that was requested.
pub(crate) fn accepted(headers: &HeaderMap, requested: Option<&HeaderValue>) -> Option<HeaderValue> {
    let requested = requested?.to_str().ok()?;
    let protocol = headers.get(UPGRADE)?;
    let is_requested =
        |known: &str| protocol.to_str().is_ok_and(|text| text.trim().eq_ignore_ascii_case(known));
    requested.split(", ").any(is_requested).then(|| protocol.clone())
}

/// Copies bytes in both directions until either side ends or nothing has passed for `idle_timeout`.
pub(crate) async fn tunnel(client: OnUpgrade, upstream: OnUpgrade, idle_timeout: Duration) {
    let clock = IdleClock::default();
    let copy = async {
        let (client, upstream) = tokio::try_join!(client, upstream).map_err(io::Error::other)?;
        let mut client = Watched { stream: TokioIo::new(client), clock: clock.clone() };
        let mut upstream = Watched { stream: TokioIo::new(upstream), clock: clock.clone() };
        copy_bidirectional(&mut client, &mut upstream).await
    };
    tokio::select! {
        // The protocol is opaque from here; either side may close the connection.
        _ = copy => {}
        () = clock.expired(idle_timeout) => {
            tracing::info!("a tunnel was closed after {idle_timeout:?} without a byte");
        }
    }
}

/// A stream that restarts a clock whenever bytes arrive.
struct Watched<S> {
    stream: S,
    clock: IdleClock,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.clock.restart();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_protocols_are_tunneled() {
        let upgrade = |more: Option<&str>, connection: &[&str], protocol: &str| {
            let mut request = Request::get("/").header(UPGRADE, protocol);
            for line in connection {
                request = request.header(CONNECTION, *line);
            }
            let value = requested(&request.body(()).unwrap(), more)?;
            Some(value.to_str().unwrap().to_owned())
        };
        for (more, connection, protocol, expected) in [
            (None, &["upgrade"][..], "websocket", Some("websocket")),
            (None, &["keep-alive", "Upgrade"], "WebSocket", Some("WebSocket")),
            (None, &["keep-alive, UPGRADE , x"], "websocket", Some("websocket")),
            (None, &["upgrade"], "h2c, websocket", Some("websocket")),
            (None, &["upgrade"], "h2c", None),
            (None, &["upgraded"], "websocket", None),
            (None, &["close"], "websocket", None),
            (None, &[], "websocket", None),
            (Some("echo, x/1"), &["upgrade"], "x/1", Some("x/1")),
            (Some("echo, x/1"), &["upgrade"], "websocket, echo, h2c", Some("websocket, echo")),
        ] {
            let got = upgrade(more, connection, protocol);
            assert_eq!(got.as_deref(), expected, "{more:?} {connection:?} {protocol}");
        }
        let mut post = Request::post("/").header(UPGRADE, "websocket").header(CONNECTION, "upgrade");
        assert_eq!(requested(&post.body(()).unwrap(), None), None);
        post = Request::get("/").version(Version::HTTP_10).header(UPGRADE, "websocket");
        assert_eq!(requested(&post.header(CONNECTION, "upgrade").body(()).unwrap(), None), None);
    }

    #[test]
    fn an_upstream_switches_to_a_requested_protocol_only() {
        let answer = |requested: Option<&'static str>, protocol: &'static str| {
            let headers = HeaderMap::from_iter([(UPGRADE, HeaderValue::from_static(protocol))]);
            accepted(&headers, requested.map(HeaderValue::from_static).as_ref()).is_some()
        };
        assert!(answer(Some("websocket"), "WebSocket") && answer(Some("echo, websocket"), "websocket"));
        assert!(!answer(None, "websocket") && !answer(Some("websocket"), "h2c"));
        assert!(accepted(&HeaderMap::new(), Some(&HeaderValue::from_static("websocket"))).is_none());
    }
}
