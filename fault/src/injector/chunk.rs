//! What can be wrong with the framing of a body that is sent in chunks.

use std::task::Context;

use http_body::SizeHint;

use crate::stage::{Below, Polled, Stage};

/// How the chunks of a response are framed wrongly (RFC 9112, section 7.1). All else of the
/// response stays as it is, and the connection stays open unless it is said otherwise.
///
/// ```
/// use waylay_fault::{Chunk, Corruption, Fault, corrupt};
///
/// Fault::new("bad-chunks", corrupt(Corruption::Chunk(Chunk::Size))).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Chunk {
    /// The first chunk's size is `zz`, which is no number.
    Size,
    /// The first chunk has one byte more than its size says. An empty body has none.
    Longer,
    /// The first chunk has one byte less than its size says. An empty body has none.
    Shorter,
    /// The last chunk's size is `zz`, once all data have come.
    Last,
    /// The last chunk never comes: once all data have, the connection is closed.
    NoLast,
}

/// Hides the length of a body, so that HTTP/1.1 sends it in chunks.
#[derive(Debug)]
pub(crate) struct InChunks;

impl Stage for InChunks {
    fn poll_frame(&mut self, cx: &mut Context<'_>, below: &mut Below<'_>) -> Polled {
        below.poll_frame(cx)
    }

    fn size_hint(&self, _: SizeHint) -> SizeHint {
        SizeHint::default()
    }

    fn is_end(&self, _: bool) -> bool {
        false
    }

    fn resizes(&self) -> bool {
        true
    }
}
