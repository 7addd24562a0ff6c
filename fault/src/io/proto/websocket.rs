//! WebSocket messages through message rules; tap.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use bytes::{Buf, Bytes, BytesMut};
use http::Extensions;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::body::stage::FaultHandle;
use crate::connection::messages::{MessageFault, MessagePipe, MessageTap};
use crate::connection::waker::TaskWakers;
use crate::fault::changes::MessageTaps;
use crate::fault::state::PendingInjection;
use crate::io::proto::frame::WebSocketFraming;
use crate::report::event::Side;

/// What goes on between an io and who speaks by it.
#[derive(Default)]
pub(crate) struct WebSocketPump {
    incoming: PipeChain,
    outgoing: PipeChain,
    /// The other end has nothing more to say.
    is_closed: bool,
    /// Nothing is held back from it any longer.
    is_released: bool,
    /// What listening met with, for the next who reads.
    error: Option<io::Error>,
}

impl WebSocketPump {
    /// Behind those of faults that lie further out.
    pub(crate) fn add(&mut self, tap: &MessageTap, handle: Box<dyn FaultHandle>) {
        let chain = match tap.side {
            Side::Request => &mut self.incoming,
            Side::Response => &mut self.outgoing,
        };
        chain.pipes.push(WebSocketPipe::new(tap, handle));
    }

    /// Lets what comes in go by from here on.
    pub(crate) fn stop_incoming(&mut self) {
        self.incoming.pipes.clear();
    }

    /// Reads on while what is said is held back, in the name of who will read. Whether something
    /// came of it.
    pub(crate) fn read_ahead<Io: AsyncRead>(&mut self, mut io: Pin<&mut Io>, cx: &mut Context<'_>) -> bool {
        let mut has_read = false;
        let mut space = [0; 8192];
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

    /// Lets go of what is held back from an other end that has left. Whether that was news.
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
        let mut space = [0; 8192];
        loop {
            // What waits does not keep us from reading on: a client that leaves is to be noticed.
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

    /// Writes all whose time has come.
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
        self.outgoing.push(buf);
        // What cannot be written now, a flush will.
        if let Poll::Ready(Err(error)) = self.poll_drain(io, cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(buf.len()))
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

/// One direction: the lanes that its bytes go through, and what came out of the last.
#[derive(Default)]
struct PipeChain {
    pipes: Vec<WebSocketPipe>,
    ready: BytesMut,
    /// Nothing more will be pushed.
    finished: bool,
}

impl PipeChain {
    fn is_passthrough(&self) -> bool {
        self.pipes.is_empty() && self.ready.is_empty()
    }

    /// Puts bytes into the first lane.
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

    /// Brings on what can be brought on, until something is ready; `None`: nothing is left.
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
                        // What one holds back at the end, the next has yet to get.
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

    fn is_full(&self) -> bool {
        self.ready.len() > MAX_WAITING || self.pipes.iter().any(|pipe| pipe.pipe.waiting() > MAX_WAITING)
    }
}

/// A writer is held back when more than this waits for its turn.
const MAX_WAITING: usize = 1 << 20;

/// The rules of one fault in one direction of a WebSocket.
struct WebSocketPipe {
    pipe: MessagePipe<WebSocketFraming>,
    /// Sent when the direction is stopped.
    close: Bytes,
    handle: Box<dyn FaultHandle>,
    /// A fault that was off stays off for this direction: the frames that passed were not read.
    is_off: bool,
}

impl WebSocketPipe {
    fn new(tap: &MessageTap, handle: Box<dyn FaultHandle>) -> Self {
        let fault = MessageFault::new(tap.rules.clone(), tap.draws.clone());
        let pipe = MessagePipe::new(WebSocketFraming::default(), fault);
        Self { pipe, close: tap.close.frame(tap.side), handle, is_off: false }
    }

    fn push(&mut self, data: &[u8]) {
        self.is_off |= self.handle.is_off();
        if self.is_off {
            self.pipe.push_unchanged(data);
        } else if self.pipe.push(data) {
            self.pipe.append(self.close.clone());
        }
    }

    /// Sends everything at once, and all that follows unchanged: the receiver has left.
    fn release(&mut self) {
        self.is_off = true;
        self.pipe.release();
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Self { pipe, handle, .. } = self;
        pipe.poll_next(cx, handle.is_off(), |time| handle.pause(time))
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
    let mut pipes = WebSocketPump::default();
    if let Some(MessageTaps { taps, pending }) = extensions.get() {
        pending.iter().for_each(PendingInjection::confirm);
        for (tap, active) in taps {
            pipes.add(tap, Box::new(active.clone()));
        }
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
