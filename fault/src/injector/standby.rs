//! StandbyStage: follows the messages of a body until its fault is enabled.

use std::fmt;
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use http_body::SizeHint;

use crate::body::stage::{FaultHandle, Polled, Stage, StageInput};
use crate::connection::messages::Framing;
use crate::injector::message_stage::{BodyFraming, GrpcFraming, SseFraming};

/// A fault that is off while a body begins, and may be enabled before it ends.
pub(crate) trait StandbyBody: Send + Sync {
    /// Returns the stages for a body with this head once the fault is enabled; `Some(None)` if the fault
    /// does not change the body.
    fn join(&self, headers: &HeaderMap) -> Option<Option<JoinedBody>>;
}

/// Stages of a fault for the rest of a body, and its handle.
pub(crate) type JoinedBody = (Vec<Box<dyn Stage>>, Box<dyn FaultHandle>);

/// Passes a body unchanged, and changes the rest of it once the fault is enabled.
pub(crate) struct StandbyStage {
    headers: HeaderMap,
    framing: Box<dyn Framing + Send + Sync>,
    standby: Box<dyn StandbyBody>,
    state: State,
}

enum State {
    Off,
    /// The fault was enabled, and does not change this body.
    Passing,
    Joined {
        stages: Vec<Box<dyn Stage>>,
        handle: Box<dyn FaultHandle>,
        is_cancelled: bool,
    },
}

impl StandbyStage {
    /// Returns the stage, if a body with this head has messages.
    pub(crate) fn new(headers: &HeaderMap, standby: impl FnOnce() -> Box<dyn StandbyBody>) -> Option<Self> {
        let framing: Box<dyn Framing + Send + Sync> = if SseFraming::applies_to(headers) {
            Box::new(SseFraming::default())
        } else if GrpcFraming::applies_to(headers) {
            Box::new(GrpcFraming::default())
        } else {
            return None;
        };
        Some(Self { headers: headers.clone(), framing, standby: standby(), state: State::Off })
    }

    /// Joins once the fault is enabled.
    fn join(&mut self) {
        if !matches!(self.state, State::Off) {
            return;
        }
        let Some(joined) = self.standby.join(&self.headers) else { return };
        let partial = self.framing.rest();
        self.state = match joined {
            None => State::Passing,
            Some((mut stages, handle)) => {
                stages.iter_mut().for_each(|stage| stage.resume(&partial));
                State::Joined { stages, handle, is_cancelled: false }
            }
        };
    }
}

impl Stage for StandbyStage {
    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        self.join();
        match &mut self.state {
            State::Passing => input.poll_frame(cx),
            State::Off => {
                let frame = ready!(input.poll_frame(cx));
                if let Some(Ok(frame)) = &frame
                    && let Some(data) = frame.data_ref()
                {
                    self.framing.push(data);
                    while self.framing.next().is_some() {}
                }
                Poll::Ready(frame)
            }
            State::Joined { stages, handle, is_cancelled } => {
                if !*is_cancelled && handle.is_off() {
                    *is_cancelled = true;
                    handle.done(true);
                }
                let frame = ready!(input.poll_stages(cx, stages, &**handle, *is_cancelled));
                if !matches!(frame, Some(Ok(_))) {
                    handle.done(false);
                }
                Poll::Ready(frame)
            }
        }
    }

    fn begin(&mut self, length: Option<u64>) {
        // Its length is stated in the head, and must stay as it is.
        if length.is_some() {
            self.state = State::Passing;
        }
    }

    fn size_hint(&self, input: SizeHint) -> SizeHint {
        match self.state {
            State::Off | State::Passing => input,
            State::Joined { .. } => SizeHint::default(),
        }
    }

    fn is_end(&self, input: bool) -> bool {
        match &self.state {
            State::Off | State::Passing => input,
            State::Joined { stages, .. } => stages.iter().fold(input, |end, stage| stage.is_end(end)),
        }
    }
}

impl fmt::Debug for StandbyStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandbyStage").field("framing", &self.framing).finish_non_exhaustive()
    }
}
