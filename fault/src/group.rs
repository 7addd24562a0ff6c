//! Groups: of several faults at most one strikes a request.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::chance::{Dice, Key, fresh_seed, pick};

/// Faults that never strike the same request: for each request the group picks one of its
/// members by weight, and only that one may strike it.
///
/// The pick is drawn by the key of the first member that the request's draw chose, under the seed
/// and name of the group, and holds for all members. A member that joins later changes the picks
/// of the requests after it, and so does one that leaves: a fault does once the last of its clones,
/// layers and controls is gone. Who comes next takes its place, so that a fault that is dropped and
/// built anew finds the picks as they were.
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
    dice: Dice,
    name: String,
    /// By seats; nothing where nobody sits.
    weights: RwLock<Vec<f64>>,
}

impl Group {
    /// A group of this name, without members.
    pub fn new(name: impl Into<String>) -> Self {
        Self::of(name.into(), fresh_seed())
    }

    /// Fixes the dice: equal seed, name and keys pick alike. It begins a group without members.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self::of(self.0.name.clone(), seed)
    }

    fn of(name: String, seed: u64) -> Self {
        let dice = Dice::new(seed, &name);
        Self(Arc::new(Members { dice, name, weights: RwLock::default() }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn join(&self, weight: f64) -> Seat {
        let mut weights = self.0.weights.write().unwrap_or_else(PoisonError::into_inner);
        let number = weights.iter().position(|taken| *taken == FREE).unwrap_or(weights.len());
        match weights.get_mut(number) {
            Some(free) => *free = weight,
            None => weights.push(weight),
        }
        Seat { group: self.clone(), number }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Group").field(&self.0.name).finish()
    }
}

/// The place of one fault in its group.
#[derive(Debug)]
pub(crate) struct Seat {
    group: Group,
    number: usize,
}

/// The weight of nobody, which is no member's.
const FREE: f64 = 0.0;

impl Drop for Seat {
    fn drop(&mut self) {
        let mut weights = self.group.0.weights.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = weights.get_mut(self.number) {
            *taken = FREE;
        }
    }
}

impl Seat {
    /// What tells groups apart.
    pub(crate) fn group(&self) -> usize {
        Arc::as_ptr(&self.group.0) as usize
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// The member that may strike the request of this key.
    pub(crate) fn pick(&self, key: Key<'_>, attempt: &[u8]) -> usize {
        let mut draws = self.group.0.dice.roll(key, attempt);
        let weights = self.group.0.weights.read().unwrap_or_else(PoisonError::into_inner);
        let total: f64 = weights.iter().sum();
        pick(weights.iter().copied(), draws.share() * total)
    }
}
