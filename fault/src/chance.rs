//! Chance: one keyed decision a request, and the draws that follow from it.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use rand_core::TryRng;
use siphasher::sip::SipHasher24;

use crate::normal;

/// What a decision is keyed by; equal keys decide alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Key<'a> {
    /// The number of the request among those that reached the draw of this fault, from 0.
    Counter(u64),
    /// The bytes of a header's value.
    Header(&'a [u8]),
    /// The trace id of a W3C `traceparent`.
    TraceId([u8; 16]),
}

/// The dice of one fault: its seed and its name, from which every decision follows.
///
/// The algorithm is written out in [`decision`](crate::decision) and is part of this crate's
/// promise: equal seed, name, key and attempt decide alike on every replica and in every version.
///
/// ```
/// use waylay_fault::{Dice, Key};
///
/// let dice = Dice::new(7, "flaky-orders");
/// let first = dice.roll(Key::Header(b"request-41"), b"");
/// let again = dice.roll(Key::Header(b"request-41"), b"");
/// let retry = dice.roll(Key::Header(b"request-41"), b"2");
/// assert_eq!(first.hash(), again.hash());
/// assert_ne!(first.hash(), retry.hash());
/// assert!(first.fires(1.0) && !first.fires(0.0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dice {
    seed: u64,
    stream: u64,
}

impl Dice {
    /// The dice of the fault `name` under `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        Self { seed, stream: sip(seed, 0, name.as_bytes()) }
    }

    /// The seed they were made with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Decides for one key and one attempt (empty where attempts are not told apart).
    pub fn roll(&self, key: Key<'_>, attempt: &[u8]) -> Draws {
        let mut hasher = SipHasher24::new_with_keys(self.seed, self.stream);
        let counter;
        let (tag, bytes): (u8, &[u8]) = match &key {
            Key::Counter(number) => {
                counter = number.to_le_bytes();
                (0, &counter)
            }
            Key::Header(value) => (1, value),
            Key::TraceId(id) => (2, id),
        };
        hasher.write(&[tag]);
        // The length keeps `ab` + attempt `c` apart from `a` + attempt `bc`.
        hasher.write(&(bytes.len() as u64).to_le_bytes());
        hasher.write(bytes);
        hasher.write(attempt);
        Draws { node: hasher.finish(), next: 0 }
    }
}

/// A fresh seed, different in every process.
pub(crate) fn fresh_seed() -> u64 {
    // The keys of the standard hash maps are random per process, which saves a dependency.
    RandomState::new().hash_one("waylay-fault seed")
}

/// The draws of one request at one place of the fault's tree.
///
/// Each place has its own draws, so what one link of a chain draws never shifts what another does.
/// It is a [`rand_core::Rng`] as well, so any distribution of `rand_distr` can sample from it
/// (see [`Delay::with`](crate::Delay::with)).
///
/// ```
/// use rand_core::Rng;
/// use waylay_fault::{Dice, Key};
///
/// let mut draws = Dice::new(7, "slow-cart").roll(Key::Counter(0), b"");
/// let share = draws.share();
/// assert!((0.0..1.0).contains(&share));
/// assert_ne!(draws.next_u64(), draws.next_u64());
/// ```
#[derive(Clone)]
pub struct Draws {
    node: u64,
    next: u64,
}

impl Draws {
    /// The hash that these draws follow from.
    pub fn hash(&self) -> u64 {
        self.node
    }

    /// Whether a fault of this participation strikes: never at 0, always at 1.
    pub fn fires(&self, participation: f64) -> bool {
        share(self.node) < participation
    }

    /// The draws of the `index`-th child of this place in the tree.
    #[must_use]
    pub fn child(&self, index: u64) -> Self {
        Self { node: sip(self.node, 1, &index.to_le_bytes()), next: 0 }
    }

    /// The next draw as a number in `0.0..1.0`.
    pub fn share(&mut self) -> f64 {
        share(self.draw())
    }

    /// The next draw as a number of the standard normal distribution.
    pub fn normal(&mut self) -> f64 {
        // Half a step off the grid: the quantile has no value at 0 and 1.
        normal::quantile(((self.draw() >> 11) as f64 + 0.5) * STEP)
    }

    fn draw(&mut self) -> u64 {
        let value = sip(self.node, 0, &self.next.to_le_bytes());
        self.next = self.next.wrapping_add(1);
        value
    }
}

impl TryRng for Draws {
    type Error = rand_core::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.draw() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.draw())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.draw().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl fmt::Debug for Draws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draws({:016x}, next {})", self.node, self.next)
    }
}

/// 2^-53, the step between the 53-bit shares.
const STEP: f64 = 1.0 / (1_u64 << 53) as f64;

fn share(hash: u64) -> f64 {
    (hash >> 11) as f64 * STEP
}

fn sip(key0: u64, key1: u64, message: &[u8]) -> u64 {
    SipHasher24::new_with_keys(key0, key1).hash(message)
}
