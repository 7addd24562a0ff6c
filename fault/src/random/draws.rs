//! Sampler and Draws: reproducible draws from a keyed hash (SipHash).

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;

use rand_core::TryRng;
use siphasher::sip::SipHasher24;

use crate::random::math;

/// The key of a decision; equal keys give equal decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Key<'a> {
    /// Number of the request among those that reached the draw of this fault, from 0.
    Counter(u64),
    /// Bytes of a header's value.
    Header(&'a [u8]),
    /// Trace id of a W3C `traceparent`.
    TraceId([u8; 16]),
    /// Address of the client; an IPv4 address mapped into IPv6 counts as the IPv4 address.
    Client(IpAddr),
    /// Number of the connection among those of this process.
    Connection(u64),
}

/// The seed and the name of one fault, from which every decision follows.
///
/// The algorithm is specified in [`decision`](crate::decision) and covered by semantic versioning:
/// equal seed, name, key and attempt give equal decisions on every replica and in every version.
///
/// ```
/// use waylay_fault::{Sampler, Key};
///
/// let sampler = Sampler::new(7, "flaky-orders");
/// let first = sampler.draw(Key::Header(b"request-41"), b"");
/// let again = sampler.draw(Key::Header(b"request-41"), b"");
/// let retry = sampler.draw(Key::Header(b"request-41"), b"2");
/// assert_eq!(first.hash(), again.hash());
/// assert_ne!(first.hash(), retry.hash());
/// assert!(first.is_selected(1.0) && !first.is_selected(0.0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampler {
    seed: u64,
    stream: u64,
}

impl Sampler {
    /// Returns the sampler of the fault `name` under `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        Self { seed, stream: sip(seed, 0, name.as_bytes()) }
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Draws for one key and one attempt (empty if attempts are not distinguished).
    pub fn draw(&self, key: Key<'_>, attempt: &[u8]) -> Draws {
        let (number, four, sixteen);
        let (tag, bytes): (u8, &[u8]) = match &key {
            Key::Counter(count) | Key::Connection(count) => {
                number = count.to_le_bytes();
                (if matches!(key, Key::Counter(_)) { 0 } else { 4 }, &number)
            }
            Key::Header(value) => (1, value),
            Key::TraceId(id) => (2, id),
            Key::Client(address) => match address.to_canonical() {
                IpAddr::V4(address) => {
                    four = address.octets();
                    (3, &four)
                }
                IpAddr::V6(address) => {
                    sixteen = address.octets();
                    (3, &sixteen)
                }
            },
        };
        // The length separates `ab` with attempt `c` from `a` with attempt `bc`.
        let length = (bytes.len() as u64).to_le_bytes();
        let parts = [&[tag][..], &length, bytes, attempt];
        let hasher = SipHasher24::new_with_keys(self.seed, self.stream);
        let mut room = [0; 64];
        // One contiguous message is hashed several times as fast.
        let node = match join(parts, &mut room) {
            Some(message) => hasher.hash(message),
            None => {
                let mut hasher = hasher;
                parts.into_iter().for_each(|part| hasher.write(part));
                hasher.finish()
            }
        };
        Draws { node, next: 0 }
    }
}

/// Returns a random seed, different in every process.
pub(crate) fn random_seed() -> u64 {
    // The standard hash maps have random keys per process, which saves a dependency.
    RandomState::new().hash_one("waylay-fault seed")
}

/// The draws of one request at one node of the injector tree.
///
/// Each node has its own draws, so that the draws of one link of a chain do not shift those of
/// another. It implements [`rand_core::Rng`], so any distribution of `rand_distr` can sample from
/// it (see [`Delay::custom`](crate::Delay::custom)).
///
/// ```
/// use rand_core::Rng;
/// use waylay_fault::{Sampler, Key};
///
/// let mut draws = Sampler::new(7, "slow-cart").draw(Key::Counter(0), b"");
/// let share = draws.uniform();
/// assert!((0.0..1.0).contains(&share));
/// assert_ne!(draws.next_u64(), draws.next_u64());
/// ```
#[derive(Clone)]
pub struct Draws {
    node: u64,
    next: u64,
}

impl Draws {
    /// Returns the hash from which these draws follow.
    pub fn hash(&self) -> u64 {
        self.node
    }

    /// Tests whether a fault of this participation selects the request: never at 0, always at 1.
    pub fn is_selected(&self, participation: f64) -> bool {
        share(self.node) < participation
    }

    /// Returns the draws of the `index`-th child of this node.
    #[must_use]
    pub fn child(&self, index: u64) -> Self {
        Self { node: sip(self.node, 1, &index.to_le_bytes()), next: 0 }
    }

    /// Returns the next draw as a number in `0.0..1.0`.
    pub fn uniform(&mut self) -> f64 {
        share(self.next_hash())
    }

    /// Returns the next draw as a number of the standard normal distribution.
    pub fn normal(&mut self) -> f64 {
        math::quantile(self.open_uniform())
    }

    /// Returns the next draw as a number of the exponential distribution with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -math::ln(self.open_uniform())
    }

    /// Half a step off the grid: the quantile functions have no value at 0 and 1.
    fn open_uniform(&mut self) -> f64 {
        ((self.next_hash() >> 11) as f64 + 0.5) * STEP
    }

    fn next_hash(&mut self) -> u64 {
        let value = sip(self.node, 0, &self.next.to_le_bytes());
        self.next = self.next.wrapping_add(1);
        value
    }
}

impl TryRng for Draws {
    type Error = rand_core::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.next_hash() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.next_hash())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_hash().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl fmt::Debug for Draws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draws({:016x}, next {})", self.node, self.next)
    }
}

/// 2^-53, the step between 53-bit numbers.
const STEP: f64 = 1.0 / (1_u64 << 53) as f64;

/// Returns the index of the weight that contains this point of their sum. If rounding leaves a rest
/// after the last one, it is the last weight above 0.
pub(crate) fn pick_weighted(weights: impl Iterator<Item = f64>, mut left: f64) -> usize {
    let mut picked = 0;
    for (index, weight) in weights.enumerate().filter(|(_, weight)| *weight > 0.0) {
        picked = index;
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    picked
}

/// Hashes bytes to an identifier within this process.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    if bytes.is_empty() { 0 } else { sip(0, 0, bytes) }
}

/// Concatenates the parts, if they fit.
fn join<'a>(parts: [&[u8]; 4], room: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut end = 0;
    for part in parts {
        room.get_mut(end..end + part.len())?.copy_from_slice(part);
        end += part.len();
    }
    room.get(..end)
}

fn share(hash: u64) -> f64 {
    (hash >> 11) as f64 * STEP
}

fn sip(key0: u64, key1: u64, message: &[u8]) -> u64 {
    SipHasher24::new_with_keys(key0, key1).hash(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_of_zero_is_never_picked() {
        let tenths = [&[0.0][..], &[0.1; 10], &[0.0]].concat();
        let pick_weighted =
            |share: f64| pick_weighted(tenths.iter().copied(), share * tenths.iter().sum::<f64>());
        assert_eq!([pick_weighted(0.0), pick_weighted(0.55), pick_weighted(1.0_f64.next_down())], [1, 6, 10]);
    }
}
