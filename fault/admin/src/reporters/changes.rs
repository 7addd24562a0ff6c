//! Changes: what happens to a set of faults, as regions and points of time.

use std::time::SystemTime;

use waylay_fault::{FaultSet, SetEvent, SetOverview};

/// A region of time that is open until something ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    /// Faults are active.
    Plan,
    /// Every fault of the process is halted.
    Halt,
}

impl Region {
    pub(crate) const ALL: [Self; 2] = [Self::Plan, Self::Halt];
}

/// One change of what is annotated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// A region begins, in the place of the one of its kind before.
    Begin(Region, Note),
    /// A region ends, if it has begun.
    End(Region, SystemTime),
    /// Something happened, and lasted no time.
    Point(Note),
}

/// The content of an annotation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Note {
    pub(crate) time: SystemTime,
    /// The kind of change, by which annotations are filtered.
    pub(crate) tag: &'static str,
    pub(crate) text: String,
}

impl Note {
    fn new(time: SystemTime, tag: &'static str, text: impl ToString) -> Self {
        Self { time, tag, text: text.to_string() }
    }
}

/// The names of faults in one text.
const MAX_NAMES: usize = 20;

/// Returns the changes that an event makes; none if injections go on as before.
pub(crate) fn of_event(set: &FaultSet, event: &SetEvent, time: SystemTime) -> Vec<Change> {
    match event {
        SetEvent::Applied { faults: 0, .. } => vec![Change::End(Region::Plan, time)],
        SetEvent::Applied { revision, .. } => {
            let overview = set.overview();
            // Another set may have taken its place by now.
            let is_current = overview.revision == *revision;
            let details = if is_current { details(set, &overview) } else { String::new() };
            if overview.stop.is_some() {
                // A stop outlives the faults that it stopped.
                let text = format!("{event}{details}; stopped until the set is armed again");
                return vec![Change::End(Region::Plan, time), Change::Point(Note::new(time, "plan", text))];
            }
            vec![Change::Begin(Region::Plan, Note::new(time, "plan", format!("{event}{details}")))]
        }
        SetEvent::Expired => ended(time, "expired", event),
        SetEvent::Stopped(_) => ended(time, "stopped", event),
        SetEvent::Rearmed => {
            let lead = format!("{event}: ");
            active(set, &lead, time).into_iter().collect()
        }
        // What is rejected or cannot be read leaves the running faults as they are.
        _ => Vec::new(),
    }
}

/// Returns the change of a set that is followed from now on, if it holds active faults.
pub(crate) fn of_begin(set: &FaultSet, time: SystemTime) -> Option<Change> {
    active(set, "faults active: ", time)
}

/// Returns the beginning of what is active now, if anything is.
fn active(set: &FaultSet, lead: &str, time: SystemTime) -> Option<Change> {
    let overview = set.overview();
    if overview.faults.is_empty() || overview.is_expired || overview.stop.is_some() {
        return None;
    }
    let text = format!("{lead}revision {}{}", overview.revision, details(set, &overview));
    Some(Change::Begin(Region::Plan, Note::new(time, "plan", text)))
}

/// Returns the change of a halt, or of its end.
pub(crate) fn of_halt(is_halted: bool, time: SystemTime) -> Change {
    if is_halted {
        Change::Begin(Region::Halt, Note::new(time, "halt", "every fault of the process is halted"))
    } else {
        Change::End(Region::Halt, time)
    }
}

fn ended(time: SystemTime, tag: &'static str, event: &SetEvent) -> Vec<Change> {
    vec![Change::End(Region::Plan, time), Change::Point(Note::new(time, tag, event))]
}

/// Returns the plan and the names of the faults, as the end of a text.
fn details(set: &FaultSet, overview: &SetOverview) -> String {
    let plan = set.plan().and_then(|plan| plan.id().map(|id| format!(" of plan {id}"))).unwrap_or_default();
    let names: Vec<_> = overview.faults.iter().take(MAX_NAMES).map(|fault| &*fault.name).collect();
    let dry_run = if overview.guards.is_dry_run { "; dry run, nothing is injected" } else { "" };
    match overview.faults.len().saturating_sub(names.len()) {
        0 => format!("{plan}: {}{dry_run}", names.join(", ")),
        more => format!("{plan}: {} and {more} more{dry_run}", names.join(", ")),
    }
}
