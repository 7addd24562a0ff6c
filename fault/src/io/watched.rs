//! WatchedIo: an io that is read ahead, to notice that its peer has left.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An io, and what was read of it while its reader was held.
pub(crate) struct WatchedIo<T> {
    io: T,
    ahead: BytesMut,
    /// The end of the stream, or the error of it, after the bytes.
    end: Option<io::Result<()>>,
}

/// Maximum number of bytes that are read ahead. A peer that has sent more is not noticed.
const MAX_AHEAD: usize = 1 << 20;

const CHUNK: usize = 4096;

impl<T> WatchedIo<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io, ahead: BytesMut::new(), end: None }
    }

    pub(crate) fn get_ref(&self) -> &T {
        &self.io
    }
}

impl<T: AsyncRead + Unpin> WatchedIo<T> {
    /// Ready once the peer has closed the connection, or it failed: by `FIN` or `RST`. The bytes that
    /// arrived before remain for the reader.
    pub(crate) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.end.is_none() {
            if self.ahead.len() >= MAX_AHEAD {
                return Poll::Pending;
            }
            let mut chunk = [0; CHUNK];
            let mut buf = ReadBuf::new(&mut chunk);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf)) {
                Ok(()) if buf.filled().is_empty() => self.end = Some(Ok(())),
                Ok(()) => self.ahead.extend_from_slice(buf.filled()),
                Err(error) => self.end = Some(Err(error)),
            }
        }
        Poll::Ready(())
    }

    fn take_ahead(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead[..length]);
            self.ahead.advance(length);
            return Ok(());
        }
        // The end of a stream is permanent; an error is returned once.
        self.end.replace(Ok(())).unwrap_or(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WatchedIo<T> {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() && self.end.is_none() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        Poll::Ready(self.take_ahead(buf))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WatchedIo<T> {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
