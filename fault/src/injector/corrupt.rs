//! Corrupt: corrupted bodies.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use rand_core::Rng;

use crate::body::stage::{Polled, Stage, StageInput};
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::connection::command::ChunkError;
use crate::injector::key::RequestKeys;
use crate::injector::steps::{Change, ConnectionStep, Step, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::Draws;
use crate::random::math;
use crate::report::event::{Action, Side};

/// A corruption of the bytes of a body, or of their framing. None changes the length of the body.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Corruption {
    /// Flips one bit of each byte with this probability, from 0 to 1.
    BitFlips(f64),
    /// Replaces one byte of the JSON syntax with `;`: the first `:`, `,`, `}` or `]` outside of a
    /// string, or the first byte of a text that is not an object or array. No JSON parser accepts
    /// the result.
    Json,
    /// Replaces the first letter, digit or non-ASCII byte with `0xff`, which is not UTF-8.
    Utf8,
    /// Breaks the framing of a response body, which is sent chunked for this. Only for HTTP/1.1,
    /// and only if the connection has a [handle](crate::FaultListener) and its stream is not
    /// encrypted; otherwise it is not deliverable.
    ChunkFraming(ChunkError),
}

/// Corrupts a body; its length, head and trailers stay the same.
///
/// ```
/// use waylay_fault::{Corruption, Fault, Side, corrupt};
///
/// Fault::new("noisy-line", corrupt(Corruption::BitFlips(0.0001))).build()?;
/// Fault::new("bad-json", corrupt(Corruption::Json).on(Side::Request)).build()?;
/// assert!(Fault::new("too-noisy", corrupt(Corruption::BitFlips(2.0))).build().is_err());
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn corrupt(how: Corruption) -> Corrupt {
    Corrupt { how, side: Side::default() }
}

/// A corruption, made by [`corrupt`].
#[derive(Debug, Clone)]
pub struct Corrupt {
    how: Corruption,
    side: Side,
}

impl Corrupt {
    /// Selects the body of the request or the response (the default).
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }
}

impl From<Corrupt> for Injector {
    fn from(corrupt: Corrupt) -> Self {
        Self::new(corrupt)
    }
}

impl InjectorConfig for Corrupt {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        match self.how {
            Corruption::BitFlips(share) if !(0.0..=1.0).contains(&share) => {
                errors.add(child_setting(at, "corrupt.bit_flips"), share, FaultErrorKind::Fraction);
                None
            }
            Corruption::ChunkFraming(_) if self.side == Side::Request => {
                errors.add(
                    child_setting(at, "corrupt.chunk_framing"),
                    "Request",
                    FaultErrorKind::RequestChunks,
                );
                None
            }
            _ => Some(self),
        }
    }
}

impl CompiledInjector for Corrupt {
    fn plan(&self, draws: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        let stage = match self.how {
            Corruption::BitFlips(share) => CorruptStage::Flips(BitFlipper::new(share, draws)),
            Corruption::Json => CorruptStage::Json(JsonScanner::Before),
            Corruption::Utf8 => CorruptStage::Utf8 { done: false },
            Corruption::ChunkFraming(how) => {
                return steps
                    .push(Step::Connection(ConnectionStep::ChunkFraming(how)), Action::Corrupt(self.side));
            }
        };
        steps.change(self.side, Change::Body(Box::new(stage)), Action::Corrupt(self.side));
    }

    fn changes_request(&self) -> bool {
        self.side == Side::Request
    }
}

#[derive(Debug)]
enum CorruptStage {
    Flips(BitFlipper),
    Json(JsonScanner),
    Utf8 { done: bool },
}

impl CorruptStage {
    /// Corrupts one chunk.
    fn change(&mut self, data: Bytes) -> Bytes {
        match self {
            Self::Flips(flips) => flips.change(data),
            Self::Json(json) => match data.iter().position(|byte| json.is_target(*byte)) {
                Some(at) => with(data, at, b';'),
                None => data,
            },
            Self::Utf8 { done: true } => data,
            Self::Utf8 { done } => {
                match data.iter().position(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()) {
                    Some(at) => {
                        *done = true;
                        with(data, at, 0xff)
                    }
                    None => data,
                }
            }
        }
    }
}

fn with(data: Bytes, at: usize, byte: u8) -> Bytes {
    let mut data = BytesMut::from(&data[..]);
    data[at] = byte;
    data.freeze()
}

impl Stage for CorruptStage {
    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        let frame = ready!(input.poll_frame(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) if !input.is_off() => Some(Ok(match frame.into_data() {
                Ok(data) => Frame::data(self.change(data)),
                Err(trailers) => trailers,
            })),
            other => other,
        })
    }
}

/// Flips bits; the gaps between them are drawn, not each byte.
#[derive(Debug)]
struct BitFlipper {
    /// Logarithm of `1 - share`; its negative is the rate of the gaps' exponential distribution.
    log: f64,
    draws: Draws,
    /// Number of bytes before the next flip.
    gap: u64,
}

impl BitFlipper {
    fn new(share: f64, draws: Draws) -> Self {
        // The logarithm is defined for normal numbers: at a share of 1 every gap is zero.
        let log = if share < 1.0 { math::ln(1.0 - share) } else { f64::NEG_INFINITY };
        let mut flips = Self { log, draws, gap: 0 };
        flips.gap = flips.next_gap();
        flips
    }

    /// Draws from a geometric distribution: the whole part of an exponential.
    fn next_gap(&mut self) -> u64 {
        // A share that rounds to zero never flips.
        if self.log == 0.0 { u64::MAX } else { (self.draws.exponential() / -self.log) as u64 }
    }

    fn change(&mut self, data: Bytes) -> Bytes {
        if self.gap >= data.len() as u64 {
            self.gap = self.gap.saturating_sub(data.len() as u64);
            return data;
        }
        let mut data = BytesMut::from(&data[..]);
        let mut at = 0_u64;
        while let Some(byte) =
            usize::try_from(at.saturating_add(self.gap)).ok().and_then(|at| data.get_mut(at))
        {
            *byte ^= 1 << (self.draws.next_u64() % 8);
            at += self.gap + 1;
            self.gap = self.next_gap();
        }
        self.gap = at.saturating_add(self.gap).saturating_sub(data.len() as u64);
        data.freeze()
    }
}

/// The position in a JSON text.
#[derive(Debug)]
enum JsonScanner {
    /// Only white space so far.
    Before,
    Outside,
    Inside {
        escaped: bool,
    },
    Done,
}

impl JsonScanner {
    /// Tests whether this is the byte to replace.
    fn is_target(&mut self, byte: u8) -> bool {
        let (next, is_target) = match (&*self, byte) {
            (Self::Before, b' ' | b'\t' | b'\r' | b'\n') => (Self::Before, false),
            (Self::Before, b'{' | b'[') => (Self::Outside, false),
            (Self::Before, _) | (Self::Outside, b':' | b',' | b'}' | b']') => (Self::Done, true),
            (Self::Outside, b'"') | (Self::Inside { escaped: true }, _) => {
                (Self::Inside { escaped: false }, false)
            }
            (Self::Inside { .. }, b'\\') => (Self::Inside { escaped: true }, false),
            (Self::Inside { .. }, b'"') | (Self::Outside, _) => (Self::Outside, false),
            (Self::Inside { .. }, _) => (Self::Inside { escaped: false }, false),
            (Self::Done, _) => (Self::Done, false),
        };
        *self = next;
        is_target
    }
}

/// Hides the length of a body, so that HTTP/1.1 sends it chunked.
#[derive(Debug)]
pub(crate) struct ChunkedStage;

impl Stage for ChunkedStage {
    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        input.poll_frame(cx)
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
