//! Group, CountWindow and Decisions: which selected requests are injected.

use std::fmt;
use std::sync::{Arc, PoisonError};

use http::Extensions;

use crate::config::sync::{AtomicU64, Ordering, RwLock};
use crate::random::draws::{Key, Sampler, pick_weighted, random_seed};

/// Faults of which at most one is injected into a request: for each request the group picks one of
/// its members by weight.
///
/// The pick is drawn by the key of the first member that selected the request, under the seed and
/// name of the group, and holds for all members. A member that joins later changes the picks of
/// later requests, and so does one that leaves, when the last of its clones, layers and controls is
/// dropped. The next member takes its position, so that a fault that is dropped and built again
/// leaves the picks unchanged.
///
/// ```
/// use waylay_fault::{Delay, Fault, Group, error, slow};
///
/// let cart = Group::new("cart").seed(7);
/// let slow = Fault::new("slow-cart", slow(Delay::fixed("1s"))).group(&cart, 3.0).build()?;
/// let flaky = Fault::new("flaky-cart", error(503)).group(&cart, 1.0).build()?;
/// # let _ = (slow, flaky);
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Clone)]
pub struct Group(Arc<Members>);

struct Members {
    sampler: Sampler,
    name: String,
    /// By position; 0 if it is vacant.
    weights: RwLock<Vec<f64>>,
}

impl Group {
    /// Returns a group of this name, without members.
    pub fn new(name: impl Into<String>) -> Self {
        Self::of(name.into(), random_seed())
    }

    /// Sets the seed: equal seed, name and keys give equal picks. Returns a group without members.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self::of(self.0.name.clone(), seed)
    }

    fn of(name: String, seed: u64) -> Self {
        let sampler = Sampler::new(seed, &name);
        Self(Arc::new(Members { sampler, name, weights: RwLock::default() }))
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The sum of the members' weights.
    pub(crate) fn total(&self) -> f64 {
        self.0.weights.read().unwrap_or_else(PoisonError::into_inner).iter().sum()
    }

    pub(crate) fn join(&self, weight: f64) -> GroupMember {
        let mut weights = self.0.weights.write().unwrap_or_else(PoisonError::into_inner);
        let number = weights.iter().position(|slot| *slot == VACANT).unwrap_or(weights.len());
        match weights.get_mut(number) {
            Some(vacant) => *vacant = weight,
            None => weights.push(weight),
        }
        GroupMember { group: self.clone(), number }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Group").field(&self.0.name).finish()
    }
}

/// The membership of one fault in its group.
#[derive(Debug)]
pub(crate) struct GroupMember {
    group: Group,
    number: usize,
}

/// The weight of a vacant position, which no member has.
const VACANT: f64 = 0.0;

impl Drop for GroupMember {
    fn drop(&mut self) {
        let mut weights = self.group.0.weights.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = weights.get_mut(self.number) {
            *slot = VACANT;
        }
    }
}

impl GroupMember {
    /// Returns the identity of the group.
    pub(crate) fn group(&self) -> usize {
        Arc::as_ptr(&self.group.0) as usize
    }

    /// Returns the name of the group.
    pub(crate) fn group_name(&self) -> &str {
        self.group.name()
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Returns the picked member for the request of this key.
    pub(crate) fn pick(&self, key: Key<'_>, attempt: &[u8]) -> usize {
        let mut draws = self.group.0.sampler.draw(key, attempt);
        let weights = self.group.0.weights.read().unwrap_or_else(PoisonError::into_inner);
        let total: f64 = weights.iter().sum();
        pick_weighted(weights.iter().copied(), draws.uniform() * total)
    }
}

/// The faults that have decided about this request and attempt, and the picks of their groups.
#[derive(Debug, Clone, Default)]
pub(crate) struct Decisions {
    /// Stored separately: most requests pass one fault, and need no list.
    first: Option<(usize, u64)>,
    decided: Vec<(usize, u64)>,
    picks: Vec<(usize, u64, usize)>,
}

impl Decisions {
    /// Records that this fault has decided. A layer that is passed twice would otherwise select a
    /// share of `2p - p²` (envoyproxy/envoy 9597).
    pub(crate) fn decide(extensions: &mut Extensions, fault: usize, attempt: u64) {
        let decisions = extensions.get_or_insert_default::<Self>();
        match decisions.first {
            None => decisions.first = Some((fault, attempt)),
            Some(_) => decisions.decided.push((fault, attempt)),
        }
    }

    /// Tests whether this fault has decided before.
    pub(crate) fn has_decided(extensions: &Extensions, fault: usize, attempt: u64) -> bool {
        let this = (fault, attempt);
        let Some(decisions) = extensions.get::<Self>() else { return false };
        decisions.first == Some(this) || decisions.decided.contains(&this)
    }

    /// Returns the member that this group has picked, or picks now.
    pub(crate) fn pick(
        extensions: &mut Extensions,
        group: usize,
        attempt: u64,
        pick: impl FnOnce() -> usize,
    ) -> usize {
        let decisions = extensions.get_or_insert_default::<Self>();
        let known = decisions.picks.iter().find(|(of, at, _)| (*of, *at) == (group, attempt));
        if let Some((_, _, chosen)) = known {
            return *chosen;
        }
        let chosen = pick();
        decisions.picks.push((group, attempt, chosen));
        chosen
    }
}

/// Skips the first `skip` requests; of the rest each `every`-th is injected, beginning with the
/// first, up to `limit`.
#[derive(Debug)]
pub(crate) struct CountWindow {
    skip: AtomicU64,
    /// At least 1.
    every: AtomicU64,
    /// `u64::MAX` for none.
    limit: AtomicU64,
    selected: Arc<AtomicU64>,
}

/// Which of the selected requests of a fault are injected, by their number:
/// [`Control::set_count_limits`](crate::Control::set_count_limits).
///
/// ```
/// use waylay_fault::CountLimits;
///
/// let limits = CountLimits { skip: 10, limit: Some(500), ..CountLimits::default() };
/// assert_eq!(limits.every, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountLimits {
    /// Requests that pass first: [`FaultBuilder::skip`](crate::FaultBuilder::skip).
    pub skip: u64,
    /// Of those after them, each of this number is injected:
    /// [`FaultBuilder::every`](crate::FaultBuilder::every). 0 is taken as 1.
    pub every: u64,
    /// Injections at most: [`FaultBuilder::limit`](crate::FaultBuilder::limit).
    pub limit: Option<u64>,
}

impl Default for CountLimits {
    fn default() -> Self {
        Self { skip: 0, every: 1, limit: None }
    }
}

impl CountWindow {
    pub(crate) fn new(skip: u64, every: u64, limit: u64, selected: Arc<AtomicU64>) -> Self {
        let every = AtomicU64::new(every.max(1));
        Self { skip: AtomicU64::new(skip), every, limit: AtomicU64::new(limit), selected }
    }

    pub(crate) fn limits(&self) -> CountLimits {
        CountLimits {
            skip: self.skip.load(Ordering::Relaxed),
            every: self.every.load(Ordering::Relaxed),
            limit: Some(self.limit.load(Ordering::Relaxed)).filter(|limit| *limit != u64::MAX),
        }
    }

    /// Sets other limits for the requests to come; those before keep their numbers.
    pub(crate) fn set(&self, limits: CountLimits) {
        self.skip.store(limits.skip, Ordering::Relaxed);
        self.every.store(limits.every.max(1), Ordering::Relaxed);
        self.limit.store(limits.limit.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Counts from 0 again.
    pub(crate) fn reset(&self) {
        self.selected.store(0, Ordering::Relaxed);
    }

    /// Selected requests so far; they are counted only under limits.
    pub(crate) fn count(&self) -> u64 {
        self.selected.load(Ordering::Relaxed)
    }

    /// The counter itself, for a fault that goes on with it.
    pub(crate) fn selected(&self) -> Arc<AtomicU64> {
        self.selected.clone()
    }

    /// Counts a selected request, and tests whether it is injected.
    pub(crate) fn admit(&self, is_preview: bool) -> bool {
        let CountLimits { skip, every, limit } = self.limits();
        // Without limits the counter's cache line is not touched.
        if (skip, every, limit) == (0, 1, None) {
            return true;
        }
        let number = self.selected.fetch_add(u64::from(!is_preview), Ordering::Relaxed).checked_sub(skip);
        number.is_some_and(|number| {
            number.is_multiple_of(every) && limit.is_none_or(|limit| number / every < limit)
        })
    }
}
