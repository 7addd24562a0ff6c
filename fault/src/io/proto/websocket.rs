//! WebSocketPump: message rules on both directions of a WebSocket; tap.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use bytes::{Buf, Bytes, BytesMut};
use http::Extensions;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::body::stage::{FaultHandle, Pause};
use crate::connection::messages::{MessageFault, MessagePipe, MessageTap, StandbyTap};
use crate::connection::queue::{MAX_QUEUED, PART};
use crate::connection::waker::TaskWakers;
use crate::fault::changes::MessageTaps;
use crate::fault::state::PendingInjection;
use crate::io::proto::frame::WebSocketFraming;
use crate::report::event::Side;

/// Both directions of a WebSocket, between an io and its user.
#[derive(Default)]
pub(crate) struct WebSocketPump {
    incoming: PipeChain,
    outgoing: PipeChain,
    /// The peer has closed.
    is_closed: bool,
    /// Data delayed for the peer was released.
    is_released: bool,
    /// A read error of `read_ahead`, for the next read.
    error: Option<io::Error>,
}

impl WebSocketPump {
    /// Follows both directions for a fault that is off.
    pub(crate) fn watch(&mut self, standby: &Arc<dyn StandbyTap>) {
        for (chain, side) in [(&mut self.incoming, Side::Request), (&mut self.outgoing, Side::Response)] {
            chain.pipes.push(WebSocketPipe::standby(standby.clone(), side));
        }
    }

    /// Adds the rules of a fault after those of outer layers.
    pub(crate) fn add(&mut self, tap: &MessageTap, handle: Box<dyn FaultHandle>) {
        let chain = match tap.side {
            Side::Request => &mut self.incoming,
            Side::Response => &mut self.outgoing,
        };
        chain.pipes.push(WebSocketPipe::new(tap, handle));
    }

    /// Lets incoming bytes pass unchanged from here on.
    pub(crate) fn stop_incoming(&mut self) {
        self.incoming.pipes.clear();
    }

    /// Reads on while writes are delayed. Returns whether data or the end arrived.
    pub(crate) fn read_ahead<Io: AsyncRead>(&mut self, mut io: Pin<&mut Io>, cx: &mut Context<'_>) -> bool {
        let mut has_read = false;
        let mut space = [0; PART];
        while !self.is_closed && !self.incoming.is_full() {
            let mut space = ReadBuf::new(&mut space);
            match io.as_mut().poll_read(cx, &mut space) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if !space.filled().is_empty() => self.incoming.push(space.filled()),
                Poll::Ready(end) => {
                    self.error = end.err();
                    self.end();
                }
            }
            has_read = true;
        }
        has_read
    }

    fn end(&mut self) {
        self.is_closed = true;
        self.incoming.finish();
    }

    /// Releases data delayed for a peer that has closed. Returns whether it does so for the first
    /// time.
    pub(crate) fn release_after_close(&mut self) -> bool {
        if !self.is_closed || std::mem::replace(&mut self.is_released, true) {
            return false;
        }
        self.outgoing.pipes.iter_mut().for_each(WebSocketPipe::release);
        true
    }

    pub(crate) fn poll_read<Io: AsyncRead>(
        &mut self,
        mut io: Pin<&mut Io>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.incoming.pipes.is_empty() && self.incoming.ready.is_empty() && !self.is_closed {
            let before = buf.filled().len();
            ready!(io.poll_read(cx, buf))?;
            if buf.filled().len() == before && buf.remaining() > 0 {
                self.end();
            }
            return Poll::Ready(Ok(()));
        }
        let mut space = [0; PART];
        loop {
            // Reading continues during a delay, to notice that the client has left.
            let is_waiting = match self.incoming.poll_ready(cx) {
                Poll::Ready(Some(())) => {
                    let length = self.incoming.ready.len().min(buf.remaining());
                    buf.put_slice(&self.incoming.ready[..length]);
                    self.incoming.ready.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(None) if self.is_closed => {
                    return Poll::Ready(self.error.take().map_or(Ok(()), Err));
                }
                Poll::Ready(None) => false,
                Poll::Pending => true,
            };
            if is_waiting && (self.is_closed || self.incoming.is_full()) {
                return Poll::Pending;
            }
            let mut space = ReadBuf::new(&mut space);
            ready!(io.as_mut().poll_read(cx, &mut space))?;
            if space.filled().is_empty() {
                self.end();
            } else {
                self.incoming.push(space.filled());
            }
        }
    }

    /// Whether nothing is done to the messages.
    pub(crate) fn is_passthrough(&self) -> bool {
        self.incoming.is_passthrough() && self.outgoing.is_passthrough() && self.error.is_none()
    }

    /// Reads, and writes the messages that are due meanwhile.
    pub(crate) fn poll_read_and_drain<Io: AsyncRead + AsyncWrite>(
        &mut self,
        mut io: Pin<&mut Io>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        wakers: &TaskWakers,
    ) -> Poll<io::Result<()>> {
        // A failure is reported to the writer.
        let _ = self.poll_drain(io.as_mut(), cx);
        let read = ready!(self.poll_read(io, cx, buf));
        if self.release_after_close() {
            wakers.wake_all();
        }
        Poll::Ready(read)
    }

    /// Writes or flushes. A server that waits for its message to be sent does not read; so that a
    /// client is noticed that leaves meanwhile, this does.
    pub(crate) fn poll_watched<Io: AsyncRead + AsyncWrite, R>(
        &mut self,
        mut io: Pin<&mut Io>,
        wakers: &Arc<TaskWakers>,
        mut write: impl FnMut(&mut Self, Pin<&mut Io>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        let waker = wakers.waker();
        let cx = &mut Context::from_waker(&waker);
        match write(self, io.as_mut(), cx) {
            Poll::Pending => {
                if self.read_ahead(io.as_mut(), cx) {
                    wakers.wake_all();
                }
                if self.release_after_close() { write(self, io, cx) } else { Poll::Pending }
            }
            poll => poll,
        }
    }

    /// Writes all messages that are due.
    pub(crate) fn poll_drain<Io: AsyncWrite>(
        &mut self,
        mut io: Pin<&mut Io>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while ready!(self.outgoing.poll_ready(cx)).is_some() {
            let written = ready!(io.as_mut().poll_write(cx, &self.outgoing.ready))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outgoing.ready.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_write<Io: AsyncWrite>(
        &mut self,
        mut io: Pin<&mut Io>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.outgoing.pipes.is_empty() {
            return io.poll_write(cx, buf);
        }
        if self.outgoing.is_full() {
            ready!(self.poll_drain(io.as_mut(), cx))?;
        }
        let part = &buf[..buf.len().min(PART)];
        self.outgoing.push(part);
        // A flush writes what cannot be written now.
        if let Poll::Ready(Err(error)) = self.poll_drain(io, cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(part.len()))
    }

    pub(crate) fn poll_flush<Io: AsyncWrite>(
        &mut self,
        mut io: Pin<&mut Io>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(io.as_mut(), cx))?;
        io.poll_flush(cx)
    }

    pub(crate) fn poll_shutdown<Io: AsyncWrite>(
        &mut self,
        mut io: Pin<&mut Io>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.outgoing.finish();
        ready!(self.poll_drain(io.as_mut(), cx))?;
        io.poll_shutdown(cx)
    }
}

/// One direction: its pipes in order, and the output of the last.
#[derive(Default)]
struct PipeChain {
    pipes: Vec<WebSocketPipe>,
    ready: BytesMut,
    /// No more bytes are pushed.
    finished: bool,
}

impl PipeChain {
    fn is_passthrough(&self) -> bool {
        self.pipes.is_empty() && self.ready.is_empty()
    }

    /// Pushes bytes into the first pipe.
    fn push(&mut self, data: &[u8]) {
        match self.pipes.first_mut() {
            Some(pipe) => pipe.push(data),
            None => self.ready.extend_from_slice(data),
        }
    }

    fn finish(&mut self) {
        self.finished = true;
        if let Some(pipe) = self.pipes.first_mut() {
            pipe.pipe.flush();
        }
    }

    /// Moves messages through the pipes until output is ready; `None`: nothing is left.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        if !self.ready.is_empty() {
            return Poll::Ready(Some(()));
        }
        let mut is_waiting = false;
        for index in 0..self.pipes.len() {
            loop {
                match self.pipes[index].poll_next(cx) {
                    Poll::Pending => {
                        is_waiting = true;
                        break;
                    }
                    Poll::Ready(None) => {
                        // The next pipe still receives what the one before releases at the end.
                        if let Some(pipe) =
                            self.pipes.get_mut(index + 1).filter(|_| self.finished && !is_waiting)
                        {
                            pipe.pipe.flush();
                        }
                        break;
                    }
                    Poll::Ready(Some(bytes)) => match self.pipes.get_mut(index + 1) {
                        Some(pipe) => pipe.push(&bytes),
                        None => {
                            self.ready = bytes.into();
                            return Poll::Ready(Some(()));
                        }
                    },
                }
            }
        }
        if is_waiting { Poll::Pending } else { Poll::Ready(None) }
    }

    /// Tests whether its queues hold all that they may, together.
    fn is_full(&self) -> bool {
        let held: usize = self.pipes.iter().map(|pipe| pipe.pipe.held()).sum();
        self.ready.len() + held >= MAX_QUEUED
    }
}

/// The rules of one fault in one direction of a WebSocket.
struct WebSocketPipe {
    pipe: MessagePipe<WebSocketFraming>,
    /// Sent when the direction is stopped.
    close: Bytes,
    /// `None` while the fault is not enabled yet.
    handle: Option<Box<dyn FaultHandle>>,
    standby: Option<(Arc<dyn StandbyTap>, Side)>,
    /// A fault that was off after it was enabled stays off for this direction: the frames that passed
    /// were not read.
    is_off: bool,
}

impl WebSocketPipe {
    fn new(tap: &MessageTap, handle: Box<dyn FaultHandle>) -> Self {
        let mut pipe = Self {
            pipe: MessagePipe::new(WebSocketFraming::default(), None),
            close: Bytes::new(),
            handle: None,
            standby: None,
            is_off: false,
        };
        pipe.inject(tap, handle);
        pipe
    }

    fn standby(standby: Arc<dyn StandbyTap>, side: Side) -> Self {
        Self {
            pipe: MessagePipe::new(WebSocketFraming::default(), None),
            close: Bytes::new(),
            handle: None,
            standby: Some((standby, side)),
            is_off: false,
        }
    }

    fn inject(&mut self, tap: &MessageTap, handle: Box<dyn FaultHandle>) {
        self.pipe.inject(MessageFault::new(tap.rules.clone(), tap.draws.clone()));
        self.close = tap.close.frame(tap.side);
        self.handle = Some(handle);
    }

    /// Takes the rules of a fault that was enabled.
    fn join(&mut self) {
        let Some((standby, side)) = &self.standby else { return };
        match standby.join(*side) {
            None => {}
            Some(None) => self.leave(),
            Some(Some((tap, handle))) => {
                self.standby = None;
                self.inject(&tap, handle);
            }
        }
    }

    /// Passes everything from now on.
    fn leave(&mut self) {
        if self.standby.take().is_some() {
            self.pipe.leave();
        }
        self.is_off = true;
    }

    fn push(&mut self, data: &[u8]) {
        self.join();
        self.is_off |= self.handle.as_ref().is_some_and(|handle| handle.is_off());
        if self.is_off {
            self.pipe.push_unchanged(data);
        } else if self.pipe.push(data) {
            self.pipe.append(&self.close);
        }
    }

    /// Sends all queued and later messages unchanged and without delay, since the receiver has left.
    fn release(&mut self) {
        self.leave();
        self.pipe.release();
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Self { pipe, handle, .. } = self;
        match handle {
            Some(handle) => pipe.poll_next(cx, handle.is_off(), |time| handle.pause(time)),
            // Nothing is delayed.
            None => pipe.poll_next(cx, true, |_| Pause::new(std::future::ready(None))),
        }
    }
}

/// Applies the message rules of the faults that were injected into an upgrade request, whose
/// extensions are given; without any, the stream is unchanged.
///
/// Called by the server, with the stream of `hyper::upgrade`.
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
    let mut pipes = WebSocketPump::default();
    if let Some(MessageTaps { taps, pending, standby }) = extensions.get() {
        pending.iter().for_each(PendingInjection::confirm);
        for (tap, active) in taps {
            pipes.add(tap, Box::new(active.clone()));
        }
        standby.iter().for_each(|standby| pipes.watch(standby));
    }
    TappedStream { io, pipes, wakers: Arc::default() }
}

pin_project! {
    /// A stream made by [`tap`].
    pub struct TappedStream<Io> {
        #[pin]
        io: Io,
        pipes: WebSocketPump,
        wakers: Arc<TaskWakers>,
    }
}

impl<Io: AsyncRead + AsyncWrite> AsyncRead for TappedStream<Io> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        if this.pipes.is_passthrough() {
            return this.io.poll_read(cx, buf);
        }
        this.wakers.register_reader(cx.waker());
        let waker = this.wakers.waker();
        this.pipes.poll_read_and_drain(this.io, &mut Context::from_waker(&waker), buf, this.wakers)
    }
}

impl<Io: AsyncRead + AsyncWrite> AsyncWrite for TappedStream<Io> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        if this.pipes.is_passthrough() {
            return this.io.poll_write(cx, buf);
        }
        this.wakers.register_writer(cx.waker());
        this.pipes.poll_watched(this.io, this.wakers, |pump, io, cx| pump.poll_write(io, cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        if this.pipes.is_passthrough() {
            return this.io.poll_flush(cx);
        }
        this.wakers.register_writer(cx.waker());
        this.pipes.poll_watched(this.io, this.wakers, WebSocketPump::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        this.wakers.register_writer(cx.waker());
        this.pipes.poll_watched(this.io, this.wakers, WebSocketPump::poll_shutdown)
    }
}

impl<Io: fmt::Debug> fmt::Debug for TappedStream<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TappedStream").field("io", &self.io).finish_non_exhaustive()
    }
}
