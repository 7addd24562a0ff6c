//! Both directions with toxics.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::connection::handle::Leash;
use crate::io::toxic::{End, Load, Pipe, Stage};

/// What is read at once.
const CHUNK: usize = 16 * 1024;

/// The way of bytes, seen from the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// Pipes of both ways, and who holds the toxics in them.
#[derive(Default)]
pub(crate) struct Flow {
    reading: Pipe,
    writing: Pipe,
    leashes: Vec<Held>,
    next: u64,
    scratch: Vec<u8>,
    /// Came out of the pipe, but did not fit into the reader's buffer.
    left: Bytes,
    /// Came out of the pipe, but was not written yet.
    rest: Bytes,
    unflushed: bool,
    at_eof: bool,
    shutting: bool,
}

struct Held {
    number: u64,
    place: Arc<str>,
    leash: Box<dyn Leash>,
    off: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Flow {
    /// Whether the toxic of this place lies in it.
    pub(crate) fn has(&self, place: &Arc<str>) -> bool {
        self.leashes.iter().any(|held| Arc::ptr_eq(&held.place, place))
    }

    pub(crate) fn add(&mut self, way: Way, place: Arc<str>, stage: Stage, leash: Box<dyn Leash>) {
        self.next += 1;
        match way {
            Way::In => self.reading.add(self.next, stage),
            Way::Out => self.writing.add(self.next, stage),
        }
        self.leashes.push(Held { number: self.next, place, off: leash.off(), leash });
    }

    /// The name of the fault that would have ended it.
    pub(crate) fn by(&self) -> Arc<str> {
        self.leashes.last().map_or_else(|| "gone".into(), |held| held.leash.name())
    }

    /// Takes away the toxics of faults that are off.
    pub(crate) fn poll_call_off(&mut self, cx: &mut Context<'_>) {
        let Self { leashes, reading, writing, .. } = self;
        leashes.retain_mut(|held| {
            if held.off.as_mut().poll(cx).is_pending() {
                return true;
            }
            let now = Instant::now();
            reading.remove(held.number, now);
            writing.remove(held.number, now);
            false
        });
    }

    /// Whether nothing is tampered with any longer.
    pub(crate) fn is_over(&self) -> bool {
        self.reading.is_idle()
            && self.writing.is_idle()
            && self.left.is_empty()
            && self.rest.is_empty()
            && !self.unflushed
            && !self.shutting
    }

    /// Reads through the pipe. `Some`: a toxic ends the connection.
    pub(crate) fn poll_read<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<Option<End>>> {
        loop {
            if !self.left.is_empty() || buf.remaining() == 0 {
                let part = self.left.split_to(self.left.len().min(buf.remaining()));
                buf.put_slice(&part);
                return Poll::Ready(Ok(None));
            }
            if self.reading.is_idle() {
                return Pin::new(io).poll_read(cx, buf).map_ok(|()| None);
            }
            self.take_in(io, cx)?;
            match ready!(self.reading.poll_pop(cx)) {
                Some(Load::Data(data)) => self.left = data,
                Some(Load::End(End::Eof)) => return Poll::Ready(Ok(None)),
                Some(Load::End(end)) => return Poll::Ready(Ok(Some(end))),
                None if self.at_eof => return Poll::Ready(Ok(None)),
                // The io had nothing, and will wake us.
                None => return Poll::Pending,
            }
        }
    }

    /// Takes bytes for the pipe, if it has room, and says how many.
    pub(crate) fn take(&mut self, data: &[u8]) -> Option<usize> {
        if !self.writing.has_room() {
            return None;
        }
        let part = &data[..data.len().min(CHUNK)];
        self.writing.push(Bytes::copy_from_slice(part), Instant::now());
        Some(part.len())
    }

    /// Whether what is written may as well go round it.
    pub(crate) fn writes_plainly(&self) -> bool {
        self.writing.is_idle() && self.rest.is_empty()
    }

    /// Whether what waits to be written will not move by itself.
    pub(crate) fn is_stuck(&self) -> bool {
        self.writing.is_stuck()
    }

    /// No more will be written.
    pub(crate) fn shut(&mut self) {
        if !self.shutting {
            self.shutting = true;
            self.writing.push_eof(Instant::now());
        }
    }

    /// Moves on what is due. Ready when all is out. `Some`: a toxic ends the connection.
    pub(crate) fn poll_drain<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<End>>> {
        loop {
            while !self.rest.is_empty() {
                let written = ready!(Pin::new(&mut *io).poll_write(cx, &self.rest))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.rest.advance(written);
                self.unflushed = true;
            }
            let load = self.writing.poll_pop(cx);
            if self.unflushed && !matches!(load, Poll::Ready(Some(Load::Data(_)))) {
                // Else what is due would lie in the io's own buffer until the next is.
                self.unflushed = Pin::new(&mut *io).poll_flush(cx)?.is_pending();
            }
            match ready!(load) {
                Some(Load::Data(data)) => self.rest = data,
                Some(Load::End(End::Eof)) => {}
                Some(Load::End(end)) => return Poll::Ready(Ok(Some(end))),
                None if self.unflushed => return Poll::Pending,
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    fn take_in<T: AsyncRead + Unpin>(&mut self, io: &mut T, cx: &mut Context<'_>) -> io::Result<()> {
        self.scratch.resize(CHUNK, 0);
        while !self.at_eof && self.reading.has_room() {
            let mut chunk = ReadBuf::new(&mut self.scratch);
            match Pin::new(&mut *io).poll_read(cx, &mut chunk) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(())) if chunk.filled().is_empty() => {
                    self.at_eof = true;
                    self.reading.push_eof(Instant::now());
                }
                Poll::Ready(Ok(())) => {
                    self.reading.push(Bytes::copy_from_slice(chunk.filled()), Instant::now());
                }
            }
        }
        Ok(())
    }
}
