//! Comparison of what a client observed with what the server injected.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use waylay_fault::{Action, Event, Phase, Reporter, SkipReason};

use super::client::{Observation, Outcome, Protocol};
use super::workload::AttemptId;
use crate::faults::ATTEMPT_ID;

/// Actions of a fault on an attempt; without actions the attempt was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) fault: String,
    pub(crate) actions: Vec<Action>,
}

/// Records of all faults, by attempt. It is filled by the faults alone, independent of the clients.
#[derive(Debug, Default)]
pub(crate) struct InjectionLog {
    records: Mutex<HashMap<AttemptId, Vec<Record>>>,
}

impl InjectionLog {
    /// Returns the records of an attempt.
    pub(crate) fn of(&self, attempt: AttemptId) -> Vec<Record> {
        self.records().get(&attempt).cloned().unwrap_or_default()
    }

    fn records(&self) -> MutexGuard<'_, HashMap<AttemptId, Vec<Record>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for InjectionLog {
    fn report(&self, event: &Event<'_>) {
        // The later phases report when an action ended, not what was decided; a fault without a match is that of another
        // route.
        match event.phase() {
            Phase::Skipped(SkipReason::NoMatch) => return,
            Phase::Started | Phase::Skipped(_) => {}
            _ => return,
        }
        let id = event.headers().get(ATTEMPT_ID).and_then(|id| id.to_str().ok()?.parse().ok());
        // An injection without an id is missing here, so the sums of the report will not match.
        if let Some(id) = id {
            let record = Record { fault: event.fault().to_owned(), actions: event.actions().to_vec() };
            self.records().entry(id).or_default().push(record);
        }
    }
}

/// HTTP/2's INTERNAL_ERROR (RFC 9113, section 7), with which hyper resets a stream whose body fails.
const INTERNAL_ERROR: u32 = 2;

/// Expected response of a route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expectation {
    /// Status of the response without a fault.
    pub(crate) success: StatusCode,
    /// Whether the route has an enabled fault.
    pub(crate) has_fault: bool,
    pub(crate) protocol: Protocol,
}

/// Compares both ends of one attempt.
///
/// # Errors
/// A description of the difference.
pub(crate) fn compare(
    expectation: Expectation,
    observation: &Observation,
    records: &[Record],
) -> Result<(), String> {
    let skipped = Record { fault: String::new(), actions: Vec::new() };
    let record = match (expectation.has_fault, records) {
        (false, []) => &skipped,
        (true, [record]) => record,
        (has_fault, records) => {
            let (expected, actual) = (usize::from(has_fault), records.len());
            return Err(format!("the attempt passed {actual} faults on the server instead of {expected}"));
        }
    };
    if agrees(expectation, observation, record) {
        return Ok(());
    }
    let Observation { outcome, duration } = observation;
    Err(match &*record.actions {
        [] => format!("the client saw {outcome} after {duration:.1?}, the server injected nothing"),
        actions => {
            let actions: Vec<_> = actions.iter().map(Action::to_string).collect();
            let (actions, fault) = (actions.join(", "), &record.fault);
            format!("the client saw {outcome} after {duration:.1?}, the server injected {actions} by {fault}")
        }
    })
}

fn agrees(expectation: Expectation, observation: &Observation, record: &Record) -> bool {
    let mut wait = Duration::ZERO;
    let mut end = None;
    for action in &record.actions {
        match action {
            Action::Slow(delay) => wait += *delay,
            Action::Hang(max) => {
                wait += *max;
                end = Some(action);
            }
            _ => end = Some(action),
        }
    }
    if observation.outcome == Outcome::TimedOut {
        // Only a delay can make the client time out.
        return !wait.is_zero();
    }

    let mark = (!record.actions.is_empty()).then_some(record.fault.as_str());
    let responded = |expected: StatusCode| match &observation.outcome {
        Outcome::Response { status, mark: found } => *status == expected && found.as_deref() == mark,
        _ => false,
    };
    let dropped = |code: u32| match expectation.protocol {
        Protocol::Http1 => observation.outcome == Outcome::Closed,
        Protocol::Http2 => observation.outcome == Outcome::Reset(code),
    };
    let ended = match end {
        None => responded(expectation.success),
        Some(Action::Error(status)) => StatusCode::from_u16(*status).is_ok_and(responded),
        Some(Action::EmptyReply | Action::Hang(_)) => dropped(INTERNAL_ERROR),
        Some(Action::StreamReset(code)) => dropped(*code),
        // No fault of the shop has another action.
        Some(_) => false,
    };
    ended && observation.duration >= wait
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(50);
    const EXPECTATION: Expectation =
        Expectation { success: StatusCode::OK, has_fault: true, protocol: Protocol::Http2 };

    fn response(status: u16, mark: Option<&str>) -> Outcome {
        Outcome::Response { status: StatusCode::from_u16(status).unwrap(), mark: mark.map(str::to_owned) }
    }

    fn record(actions: &[Action]) -> Record {
        Record { fault: "flaky".to_owned(), actions: actions.to_vec() }
    }

    /// Each outcome agrees with its own actions only, so the comparison detects every other one.
    #[test]
    fn each_action_differs_from_every_other() {
        let cases = [
            (vec![], response(200, None)),
            (vec![Action::Slow(MOMENT)], response(200, Some("flaky"))),
            (vec![Action::Error(503)], response(503, Some("flaky"))),
            (vec![Action::Slow(MOMENT), Action::Error(500)], response(500, Some("flaky"))),
            (vec![Action::EmptyReply], Outcome::Reset(INTERNAL_ERROR)),
            (vec![Action::StreamReset(7)], Outcome::Reset(7)),
            (vec![Action::Hang(Duration::from_secs(30))], Outcome::TimedOut),
        ];
        for (actions, _) in &cases {
            for (other, outcome) in &cases {
                let waits = actions.iter().any(|action| matches!(action, Action::Slow(_)));
                let agrees = actions == other || (waits && *outcome == Outcome::TimedOut);
                let observation = Observation { outcome: outcome.clone(), duration: MOMENT };
                let result = compare(EXPECTATION, &observation, &[record(actions)]);
                assert_eq!(result.is_ok(), agrees, "{actions:?} {outcome}: {result:?}");
            }
        }
    }

    #[test]
    fn a_wrong_detail_is_a_disagreement() {
        let http1 = Expectation { protocol: Protocol::Http1, ..EXPECTATION };
        let without_fault = Expectation { has_fault: false, ..EXPECTATION };
        let (error, late) = ([record(&[Action::Error(503)])], [record(&[Action::Slow(2 * MOMENT)])]);
        let twice = [record(&[]), record(&[])];
        let rows: [(&str, Expectation, Outcome, &[Record]); 8] = [
            ("another fault's mark", EXPECTATION, response(503, Some("other")), &error),
            ("no mark", EXPECTATION, response(503, None), &error),
            ("too early", EXPECTATION, response(200, Some("flaky")), &late),
            ("a reset is not HTTP/1.1", http1, Outcome::Reset(2), &[record(&[Action::EmptyReply])]),
            ("sent twice by the client library", EXPECTATION, response(200, None), &twice),
            ("never arrived", EXPECTATION, response(200, None), &[]),
            ("a fault on a route without one", without_fault, response(200, None), &[record(&[])]),
            ("unexpected error", EXPECTATION, Outcome::Unexpected("refused".to_owned()), &[record(&[])]),
        ];
        for (name, expectation, outcome, records) in rows {
            let observation = Observation { outcome, duration: MOMENT };
            assert!(compare(expectation, &observation, records).is_err(), "{name}");
        }
    }
}
