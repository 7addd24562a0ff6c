//! The plan for one request: a fault's tree, drawn down to a list of steps.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::call::Inject;
use super::ending::Ending;
use super::toxic::{Direction, Kind};
use crate::chance::Draws;
use crate::report::Deed;

/// The steps to take, in order. The last one answers, or the request goes on to the service.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// One for each step.
    pub(crate) deeds: Vec<Deed>,
}

pub(crate) enum Step {
    Wait(Duration),
    Hang(Duration),
    Ask(Arc<dyn Inject>, Draws),
    Answer(Arc<Answer>),
    /// Without an answer.
    Reject(Ending),
    /// Something is done to the connection; the request goes on.
    Wire(Wire),
}

/// What a step does to the connection.
pub(crate) enum Wire {
    /// The client is told to go.
    Drain,
    /// Its bytes are tampered with from now on.
    Toxic { kind: Kind<Duration>, direction: Direction, draws: Draws },
}

/// A whole answer, ready to be sent any number of times.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: Bytes,
}

impl Plan {
    pub(crate) fn then(&mut self, step: Step, deed: Deed) {
        self.steps.push(step);
        self.deeds.push(deed);
    }

    /// Whether the last step answers by itself, so that nothing can follow it.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Hang(_) | Step::Answer(_) | Step::Reject(_)))
    }

    /// Whether a custom injector takes part.
    pub(crate) fn asks(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Ask(..)))
    }
}
