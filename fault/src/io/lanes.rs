//! Lanes: both directions of a WebSocket, with the hands of faults in them, over its io.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::lane::Lane;
use crate::injector::tap::Tap;
use crate::report::Side;
use crate::stage::Host;

/// What goes on between an io and who speaks by it.
#[derive(Default)]
pub(crate) struct Lanes {
    incoming: Way,
    outgoing: Way,
    /// The other end has nothing more to say.
    ended: bool,
    /// Nothing is held back from it any longer.
    left: bool,
    /// What listening met with, for the next who reads.
    failed: Option<io::Error>,
}

impl Lanes {
    /// Behind those of faults that lie further out.
    pub(crate) fn add(&mut self, tap: &Tap, host: Box<dyn Host>) {
        let way = match tap.side {
            Side::Request => &mut self.incoming,
            Side::Response => &mut self.outgoing,
        };
        way.lanes.push(Lane::new(tap, host));
    }

    /// Lets what comes in go by from here on.
    pub(crate) fn spare_incoming(&mut self) {
        self.incoming.lanes.clear();
    }

    /// Reads on while what is said is held back, in the name of who will read. Whether something
    /// came of it.
    pub(crate) fn listen<Io: AsyncRead>(&mut self, mut io: Pin<&mut Io>, cx: &mut Context<'_>) -> bool {
        let mut heard = false;
        let mut space = [0; 8192];
        while !self.ended && !self.incoming.is_full() {
            let mut space = ReadBuf::new(&mut space);
            match io.as_mut().poll_read(cx, &mut space) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if !space.filled().is_empty() => self.incoming.push(space.filled()),
                Poll::Ready(end) => {
                    self.failed = end.err();
                    self.end();
                }
            }
            heard = true;
        }
        heard
    }

    fn end(&mut self) {
        self.ended = true;
        self.incoming.finish();
    }

    /// Lets go of what is held back from an other end that has left. Whether that was news.
    pub(crate) fn let_leave(&mut self) -> bool {
        if !self.ended || std::mem::replace(&mut self.left, true) {
            return false;
        }
        self.outgoing.lanes.iter_mut().for_each(Lane::release);
        true
    }

    pub(crate) fn poll_read<Io: AsyncRead>(
        &mut self,
        mut io: Pin<&mut Io>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.incoming.lanes.is_empty() && self.incoming.ready.is_empty() && !self.ended {
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
            let waits = match self.incoming.poll_ready(cx) {
                Poll::Ready(Some(())) => {
                    let length = self.incoming.ready.len().min(buf.remaining());
                    buf.put_slice(&self.incoming.ready[..length]);
                    self.incoming.ready.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(None) if self.ended => {
                    return Poll::Ready(self.failed.take().map_or(Ok(()), Err));
                }
                Poll::Ready(None) => false,
                Poll::Pending => true,
            };
            if waits && (self.ended || self.incoming.is_full()) {
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
        if self.outgoing.lanes.is_empty() {
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
struct Way {
    lanes: Vec<Lane>,
    ready: BytesMut,
    /// Nothing more will be pushed.
    finished: bool,
}

impl Way {
    /// Puts bytes into the first lane.
    fn push(&mut self, data: &[u8]) {
        match self.lanes.first_mut() {
            Some(lane) => lane.push(data),
            None => self.ready.extend_from_slice(data),
        }
    }

    fn finish(&mut self) {
        self.finished = true;
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
                    Poll::Ready(None) => {
                        // What one holds back at the end, the next has yet to get.
                        if let Some(lane) = self.lanes.get_mut(index + 1).filter(|_| self.finished && !waits)
                        {
                            lane.let_go();
                        }
                        break;
                    }
                    Poll::Ready(Some(bytes)) => match self.lanes.get_mut(index + 1) {
                        Some(lane) => lane.push(&bytes),
                        None => {
                            self.ready = bytes.into();
                            return Poll::Ready(Some(()));
                        }
                    },
                }
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(None) }
    }

    fn is_full(&self) -> bool {
        self.ready.len() > MOST_WAITING || self.lanes.iter().any(|lane| lane.waiting > MOST_WAITING)
    }
}

/// A writer is held back when more than this waits for its turn.
const MOST_WAITING: usize = 1 << 20;
