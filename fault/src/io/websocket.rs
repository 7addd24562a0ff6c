//! WebSocket: an upgraded stream whose messages go through the hands of a fault.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Extensions;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::lanes::Lanes;
use crate::injector::tap::Tap;
use crate::setup::{Active, Promise};

/// The taps on a connection to come, found in the extensions of its upgrade request.
#[derive(Clone, Default)]
pub(crate) struct Taps {
    pub(crate) hands: Vec<(Tap, Active)>,
    pub(crate) promises: Vec<Promise>,
}

impl Taps {
    pub(crate) fn extend(&mut self, more: Self) {
        self.hands.extend(more.hands);
        self.promises.extend(more.promises);
    }
}

/// Lets the messages of a WebSocket go through the hands of the faults that struck its upgrade
/// request, whose extensions are given; without any, the stream is what it was.
///
/// It is called by the server, on the stream that `hyper::upgrade` gave.
///
/// ```
/// # use http::Request;
/// # use hyper_util::rt::TokioIo;
/// # use hyper::body::Incoming;
/// async fn chat(mut request: Request<Incoming>) -> hyper::Result<()> {
///     let upgrade = hyper::upgrade::on(&mut request);
///     let extensions = request.into_parts().0.extensions;
///     let stream = waylay_fault::tap(&extensions, TokioIo::new(upgrade.await?));
///     // A WebSocket library takes it from here.
/// #   drop(stream);
///     Ok(())
/// }
/// ```
pub fn tap<Io>(extensions: &Extensions, io: Io) -> TappedStream<Io> {
    let mut lanes = Lanes::default();
    if let Some(Taps { hands, promises }) = extensions.get() {
        promises.iter().for_each(Promise::keep);
        for (tap, active) in hands {
            lanes.add(tap, Box::new(active.clone()));
        }
    }
    TappedStream { io, lanes }
}

pin_project! {
    /// A stream made by [`tap`].
    pub struct TappedStream<Io> {
        #[pin]
        io: Io,
        lanes: Lanes,
    }
}

impl<Io: AsyncRead> AsyncRead for TappedStream<Io> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        this.lanes.poll_read(this.io, cx, buf)
    }
}

impl<Io: AsyncWrite> AsyncWrite for TappedStream<Io> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        this.lanes.poll_write(this.io, cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        this.lanes.poll_flush(this.io, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        this.lanes.poll_shutdown(this.io, cx)
    }
}

impl<Io: fmt::Debug> fmt::Debug for TappedStream<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TappedStream").field("io", &self.io).finish_non_exhaustive()
    }
}
