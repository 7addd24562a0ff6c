//! One request, tried until it is answered or given up.

use http_body_util::Full;

use super::attempt::AttemptId;
use super::client::Client;
use super::errand::{ERRANDS, Errand};
use super::sighting::{Protocol, Seen, Sighting};
use crate::faults::{ATTEMPT_ID, REQUEST_ID};

/// How often a request is sent before the client gives up.
pub(crate) const ATTEMPTS: usize = 4;

/// A request and all that was seen of it.
#[derive(Debug)]
pub(crate) struct Pursuit {
    pub(crate) request: u32,
    pub(crate) errand: &'static Errand,
    pub(crate) protocol: Protocol,
    /// By attempt, from the first.
    pub(crate) sightings: Vec<Sighting>,
}

impl Pursuit {
    /// Sends the request of this number, and again at once: a drill that paused between attempts,
    /// as a client in earnest does, would test the same and take longer.
    pub(crate) async fn run(client: &Client, request: u32) -> Result<Self, http::Error> {
        let turn = request as usize;
        let errand = &ERRANDS[turn % ERRANDS.len()];
        let protocol =
            if (turn / ERRANDS.len()).is_multiple_of(2) { Protocol::Http1 } else { Protocol::Http2 };
        let mut pursuit = Self { request, errand, protocol, sightings: Vec::new() };
        while pursuit.sightings.len() < ATTEMPTS && !pursuit.is_answered() {
            let attempt = pursuit.id(pursuit.sightings.len());
            let (draft, body) = errand.draft(request);
            let draft = draft.header(REQUEST_ID, request).header(ATTEMPT_ID, attempt.to_string());
            let sighting = client.send(protocol, draft.body(Full::from(body))?).await;
            pursuit.sightings.push(sighting);
        }
        Ok(pursuit)
    }

    /// Whether the route itself answered in the end, late or not.
    pub(crate) fn is_answered(&self) -> bool {
        let natural = self.errand.natural;
        self.sightings
            .last()
            .is_some_and(|sighting| matches!(sighting.seen, Seen::Answer { status, .. } if status == natural))
    }

    /// Every attempt and what was seen of it.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = (AttemptId, &Sighting)> {
        self.sightings.iter().enumerate().map(|(index, sighting)| (self.id(index), sighting))
    }

    fn id(&self, index: usize) -> AttemptId {
        AttemptId { request: self.request, attempt: index as u32 + 1 }
    }
}
