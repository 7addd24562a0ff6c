//! The server's side of the story: what its faults did, by attempt.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use waylay_fault::{Deed, Event, Phase, Reporter};

use super::attempt::AttemptId;
use crate::faults::ATTEMPT_ID;

/// One passage of an attempt through a fault; without deeds it was spared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) fault: String,
    pub(crate) deeds: Vec<Deed>,
}

/// Every passage. It listens to the faults themselves and hears nothing from the clients.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    records: Mutex<HashMap<AttemptId, Vec<Record>>>,
}

impl Ledger {
    pub(crate) fn of(&self, attempt: AttemptId) -> Vec<Record> {
        self.records().get(&attempt).cloned().unwrap_or_default()
    }

    fn records(&self) -> MutexGuard<'_, HashMap<AttemptId, Vec<Record>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Ledger {
    fn report(&self, event: &Event<'_>) {
        // How a deed ended says when the server noticed, not what was decided.
        if !matches!(event.phase(), Phase::Started | Phase::Skipped(_)) {
            return;
        }
        let id = event.headers().get(ATTEMPT_ID).and_then(|id| id.to_str().ok()?.parse().ok());
        // A strike without an id is in the fault's own count and will not add up there.
        if let Some(id) = id {
            let record = Record { fault: event.fault().to_owned(), deeds: event.deeds().to_vec() };
            self.records().entry(id).or_default().push(record);
        }
    }
}
