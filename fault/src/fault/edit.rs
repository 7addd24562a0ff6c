//! Changes of one fault of a FaultSet, while the others run on.

use crate::fault::builder::FaultBuilder;
use crate::fault::set::{FaultSet, NextMember, Snapshot};
use crate::fault::set_error::SetError;
use crate::report::event::FaultPlacement;

impl FaultSet {
    /// Puts a fault of the server side into the set: in the place of the one of its name, or after the others.
    ///
    /// The others are not touched: their connections, delays and counters go on.
    ///
    /// ```
    /// use waylay_fault::{Fault, FaultSet, error};
    ///
    /// let set = FaultSet::new();
    /// set.insert(Fault::new("flaky", error(503)).participation(0.1))?;
    /// set.insert(Fault::new("worse", error(500)).participation(0.1))?;
    /// set.insert(Fault::new("flaky", error(503)).participation(0.5))?;
    /// assert_eq!(set.counts().len(), 2);
    /// assert!(set.remove("flaky") && !set.remove("flaky"));
    /// # Ok::<(), waylay_fault::SetError>(())
    /// ```
    ///
    /// # Errors
    /// The fault has wrong settings; the set stays as it was.
    pub fn insert(&self, fault: FaultBuilder) -> Result<(), SetError> {
        self.insert_at(FaultPlacement::Server, fault)
    }

    /// Puts a fault into the set as [`insert`](Self::insert) does, with its placement.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_at(&self, placement: FaultPlacement, fault: FaultBuilder) -> Result<(), SetError> {
        self.swap(
            |old| {
                let name = fault.name().to_owned();
                let mut new = Some(NextMember::New { placement, builder: Box::new(fault), spec: None });
                let mut next = Vec::with_capacity(old.members.len() + 1);
                for member in &old.members {
                    if member.fault.name() == name {
                        next.extend(new.take());
                    } else {
                        next.push(NextMember::Same(member.clone()));
                    }
                }
                next.extend(new);
                next
            },
            None,
            None,
        )
    }

    /// Removes the fault of this name, and returns whether there was one. The others are not touched.
    pub fn remove(&self, name: &str) -> bool {
        let mut was_there = false;
        let kept = |old: &Snapshot| {
            let kept = old.members.iter().filter(|member| member.fault.name() != name);
            let next: Vec<_> = kept.map(|member| NextMember::Same(member.clone())).collect();
            was_there = next.len() < old.members.len();
            next
        };
        // The kept faults were built before, so that none of them can be wrong.
        let _ = self.swap(kept, None, None);
        was_there
    }
}
