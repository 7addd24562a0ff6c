//! WebSocket: an upgraded stream whose messages go through the hands of a fault.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::Extensions;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{Frames, Piece};
use crate::injector::deal::{Dealer, Dealt};
use crate::injector::tap::{CloseCode, Tap};
use crate::pause::Pause;
use crate::report::Side;
use crate::setup::Active;
use crate::stage::Host;

/// The taps on a connection to come, found in the extensions of its upgrade request.
#[derive(Clone, Default)]
pub(crate) struct Taps(pub(crate) Vec<(Tap, Active)>);

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
    let lanes = |side| {
        let taps = extensions.get::<Taps>().map(|taps| &taps.0[..]).unwrap_or_default();
        let taps = taps.iter().filter(move |(tap, _)| tap.side == side);
        taps.map(|(tap, active)| Lane::new(tap, active.clone())).collect()
    };
    TappedStream {
        io,
        incoming: Way { lanes: lanes(Side::Request), ready: Bytes::new() },
        outgoing: Way { lanes: lanes(Side::Response), ready: Bytes::new() },
        ended: false,
    }
}

pin_project! {
    /// A stream made by [`tap`].
    pub struct TappedStream<Io> {
        #[pin]
        io: Io,
        incoming: Way,
        outgoing: Way,
        // The other end has nothing more to say.
        ended: bool,
    }
}

/// One direction: the lanes that its bytes go through, and what came out of the last.
struct Way {
    lanes: Vec<Lane>,
    ready: Bytes,
}

impl Way {
    /// Puts bytes into the first lane.
    fn push(&mut self, data: &[u8]) {
        if let Some(lane) = self.lanes.first_mut() {
            lane.push(data);
        }
    }

    /// Nothing more will be pushed.
    fn finish(&mut self) {
        if let Some(lane) = self.lanes.first_mut() {
            lane.let_go();
        }
    }

    /// Brings on what can be brought on, until something is ready; `None`: nothing is left.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        if !self.ready.is_empty() {
            return Poll::Ready(Some(()));
        }
        let mut waits = false;
        for index in 0..self.lanes.len() {
            loop {
                match self.lanes[index].poll_next(cx) {
                    Poll::Pending => {
                        waits = true;
                        break;
                    }
                    Poll::Ready(None) => break,
                    Poll::Ready(Some(bytes)) => match self.lanes.get_mut(index + 1) {
                        Some(lane) => lane.push(&bytes),
                        None => {
                            self.ready = bytes;
                            return Poll::Ready(Some(()));
                        }
                    },
                }
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(None) }
    }

    fn is_full(&self) -> bool {
        self.lanes.iter().any(|lane| lane.waiting > MOST_WAITING)
    }
}

/// A writer is held back when more than this waits for its turn.
const MOST_WAITING: usize = 1 << 20;

/// One fault's hand in one direction.
struct Lane {
    frames: Frames,
    dealer: Dealer<Bytes>,
    out: VecDeque<Dealt<Bytes>>,
    waiting: usize,
    pause: Option<Pause>,
    close: CloseCode,
    side: Side,
    stopped: bool,
    host: Active,
    /// Off once, it is off for good: the frames that went by were not looked at.
    loose: bool,
}

impl Lane {
    fn new(tap: &Tap, host: Active) -> Self {
        Self {
            frames: Frames::default(),
            dealer: Dealer::new(tap.rules.clone(), tap.draws.clone()),
            out: VecDeque::new(),
            waiting: 0,
            pause: None,
            close: tap.close,
            side: tap.side,
            stopped: false,
            host,
            loose: false,
        }
    }

    fn push(&mut self, data: &[u8]) {
        if self.stopped {
            return;
        }
        self.frames.push(data);
        if self.loose || self.host.off() {
            self.loose = true;
            return self.let_go();
        }
        let from = self.out.len();
        while !self.dealer.stops() {
            match self.frames.next() {
                None => return self.count(from),
                Some(Piece::Message(message)) => self.dealer.deal(message, &mut self.out),
                Some(Piece::Control(message)) => {
                    // A close is the last that a direction says.
                    if message.first().is_some_and(|first| first & 0x0f == 8) {
                        self.dealer.flush(&mut self.out);
                    }
                    self.out.push_back(Dealt { wait: Duration::ZERO, message });
                }
                Some(Piece::Other(message)) => self.out.push_back(Dealt { wait: Duration::ZERO, message }),
            }
        }
        self.dealer.flush(&mut self.out);
        self.out.push_back(Dealt { wait: Duration::ZERO, message: self.close.frame(self.side) });
        self.stopped = true;
        self.count(from);
    }

    /// Hands out what is held back, as it is.
    fn let_go(&mut self) {
        // After its last word a direction has nothing more to say.
        if self.stopped {
            return;
        }
        let from = self.out.len();
        self.dealer.flush(&mut self.out);
        let rest = self.frames.rest();
        if !rest.is_empty() {
            self.out.push_back(Dealt { wait: Duration::ZERO, message: rest });
        }
        self.count(from);
    }

    fn count(&mut self, from: usize) {
        self.waiting += self.out.iter().skip(from).map(|dealt| dealt.message.len()).sum::<usize>();
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(pause) = &mut self.pause {
                // Called off or over, the message goes on.
                let _ = ready!(pause.poll(cx));
                self.pause = None;
            }
            let Some(next) = self.out.front_mut() else { return Poll::Ready(None) };
            let wait = std::mem::take(&mut next.wait);
            if !wait.is_zero() && !self.host.off() {
                self.pause = Some(self.host.pause(wait));
                continue;
            }
            let message = self.out.pop_front().map(|dealt| dealt.message);
            self.waiting -= message.as_ref().map_or(0, Bytes::len);
            return Poll::Ready(message);
        }
    }
}

impl<Io: AsyncRead> AsyncRead for TappedStream<Io> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        if this.incoming.lanes.is_empty() {
            return this.io.poll_read(cx, buf);
        }
        let mut space = [0; 8192];
        loop {
            // What waits does not keep us from reading on: a client that leaves is to be noticed.
            let waits = match this.incoming.poll_ready(cx) {
                Poll::Ready(Some(())) => {
                    let length = this.incoming.ready.len().min(buf.remaining());
                    buf.put_slice(&this.incoming.ready[..length]);
                    this.incoming.ready.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(None) if *this.ended => return Poll::Ready(Ok(())),
                Poll::Ready(None) => false,
                Poll::Pending => true,
            };
            if waits && (*this.ended || this.incoming.is_full()) {
                return Poll::Pending;
            }
            let mut space = ReadBuf::new(&mut space);
            ready!(this.io.as_mut().poll_read(cx, &mut space))?;
            if space.filled().is_empty() {
                *this.ended = true;
                this.incoming.finish();
            } else {
                this.incoming.push(space.filled());
            }
        }
    }
}

impl<Io: AsyncWrite> TappedStream<Io> {
    /// Writes all whose time has come.
    fn poll_drain(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        while ready!(this.outgoing.poll_ready(cx)).is_some() {
            let written = ready!(this.io.as_mut().poll_write(cx, &this.outgoing.ready))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.outgoing.ready.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite> AsyncWrite for TappedStream<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.outgoing.lanes.is_empty() {
            return self.project().io.poll_write(cx, buf);
        }
        if self.outgoing.is_full() {
            ready!(self.as_mut().poll_drain(cx))?;
        }
        self.as_mut().project().outgoing.push(buf);
        // What cannot be written now, a flush will.
        if let Poll::Ready(Err(error)) = self.poll_drain(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_drain(cx))?;
        self.project().io.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_mut().project().outgoing.finish();
        ready!(self.as_mut().poll_drain(cx))?;
        self.project().io.poll_shutdown(cx)
    }
}

impl<Io: fmt::Debug> fmt::Debug for TappedStream<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TappedStream").field("io", &self.io).finish_non_exhaustive()
    }
}
