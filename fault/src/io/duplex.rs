//! ToxicDuplex: both directions of a stream with their toxics.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::body::stage::{FaultHandle, WhenOff};
use crate::io::toxic::{End, Payload, ToxicQueue, ToxicStage};

/// Longest read at once.
const CHUNK: usize = 16 * 1024;

/// A half of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Read,
    Write,
}

/// The queues of both halves, and the handles of their toxics.
#[derive(Default)]
pub(crate) struct ToxicDuplex {
    reading: ToxicQueue,
    writing: ToxicQueue,
    handles: Vec<HeldToxic>,
    next: u64,
    scratch: Vec<u8>,
    /// Taken from the queue, but did not fit into the reader's buffer.
    unread: Bytes,
    /// Taken from the queue, but not written yet.
    unwritten: Bytes,
    unflushed: bool,
    is_eof: bool,
    is_shutting_down: bool,
}

struct HeldToxic {
    number: u64,
    injector: Arc<str>,
    handle: Box<dyn FaultHandle>,
    off: WhenOff,
}

impl ToxicDuplex {
    /// Tests whether the toxic of this injector is present.
    pub(crate) fn has(&self, injector: &Arc<str>) -> bool {
        self.handles.iter().any(|toxic| Arc::ptr_eq(&toxic.injector, injector))
    }

    pub(crate) fn add(
        &mut self,
        half: Half,
        injector: Arc<str>,
        stage: ToxicStage,
        handle: Box<dyn FaultHandle>,
    ) {
        self.next += 1;
        match half {
            Half::Read => self.reading.add(self.next, stage),
            Half::Write => self.writing.add(self.next, stage),
        }
        self.handles.push(HeldToxic { number: self.next, injector, off: handle.when_off(), handle });
    }

    /// Returns the name of the fault that ends the connection.
    pub(crate) fn fault_name(&self) -> Arc<str> {
        self.handles.last().map_or_else(|| "gone".into(), |toxic| toxic.handle.name())
    }

    /// Removes the toxics of faults that are off.
    pub(crate) fn poll_cancelled(&mut self, cx: &mut Context<'_>) {
        let Self { handles, reading, writing, .. } = self;
        handles.retain_mut(|toxic| {
            if toxic.off.as_mut().poll(cx).is_pending() {
                return true;
            }
            let now = Instant::now();
            reading.remove(toxic.number, now);
            writing.remove(toxic.number, now);
            false
        });
    }

    /// Tests whether no toxic and no queued data are left.
    pub(crate) fn is_idle(&self) -> bool {
        self.reading.is_idle()
            && self.writing.is_idle()
            && self.unread.is_empty()
            && self.unwritten.is_empty()
            && !self.unflushed
            && !self.is_shutting_down
    }

    /// Reads through the queue. `Some`: a toxic ends the connection.
    pub(crate) fn poll_read<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<Option<End>>> {
        loop {
            if !self.unread.is_empty() || buf.remaining() == 0 {
                let part = self.unread.split_to(self.unread.len().min(buf.remaining()));
                buf.put_slice(&part);
                return Poll::Ready(Ok(None));
            }
            if self.reading.is_idle() {
                return Pin::new(io).poll_read(cx, buf).map_ok(|()| None);
            }
            self.fill_reading(io, cx)?;
            match ready!(self.reading.poll_pop(cx)) {
                Some(Payload::Data(data)) => self.unread = data,
                Some(Payload::End(End::Eof)) => return Poll::Ready(Ok(None)),
                Some(Payload::End(end)) => return Poll::Ready(Ok(Some(end))),
                None if self.is_eof => return Poll::Ready(Ok(None)),
                // The io had no data, and wakes the task.
                None => return Poll::Pending,
            }
        }
    }

    /// Takes bytes into the queue, if it has room, and returns their number.
    pub(crate) fn push_written(&mut self, data: &[u8]) -> Option<usize> {
        if !self.writing.has_room() {
            return None;
        }
        let part = &data[..data.len().min(CHUNK)];
        self.writing.push(Bytes::copy_from_slice(part), Instant::now());
        Some(part.len())
    }

    /// Tests whether writes may bypass the queue.
    pub(crate) fn is_write_idle(&self) -> bool {
        self.writing.is_idle() && self.unwritten.is_empty()
    }

    /// Tests whether the queued data is held until the fault is off.
    pub(crate) fn is_stuck(&self) -> bool {
        self.writing.is_stuck()
    }

    /// Queues the end of the written data.
    pub(crate) fn push_shutdown(&mut self) {
        if !self.is_shutting_down {
            self.is_shutting_down = true;
            self.writing.push_eof(Instant::now());
        }
    }

    /// Writes what is due. Ready when the queue is empty. `Some`: a toxic ends the connection.
    pub(crate) fn poll_drain<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<End>>> {
        loop {
            while !self.unwritten.is_empty() {
                let written = ready!(Pin::new(&mut *io).poll_write(cx, &self.unwritten))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.unwritten.advance(written);
                self.unflushed = true;
            }
            let payload = self.writing.poll_pop(cx);
            if self.unflushed && !matches!(payload, Poll::Ready(Some(Payload::Data(_)))) {
                // Otherwise the data would stay in the io's own buffer until more is due.
                self.unflushed = Pin::new(&mut *io).poll_flush(cx)?.is_pending();
            }
            match ready!(payload) {
                Some(Payload::Data(data)) => self.unwritten = data,
                Some(Payload::End(End::Eof)) => {}
                Some(Payload::End(end)) => return Poll::Ready(Ok(Some(end))),
                None if self.unflushed => return Poll::Pending,
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    fn fill_reading<T: AsyncRead + Unpin>(&mut self, io: &mut T, cx: &mut Context<'_>) -> io::Result<()> {
        self.scratch.resize(CHUNK, 0);
        while !self.is_eof && self.reading.has_room() {
            let mut chunk = ReadBuf::new(&mut self.scratch);
            match Pin::new(&mut *io).poll_read(cx, &mut chunk) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(())) if chunk.filled().is_empty() => {
                    self.is_eof = true;
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
