//! Tickets: short-lived secrets that open one event stream without a header.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::access::token::{Token, random_text};

/// The tickets that were issued and are still valid.
///
/// A browser's `EventSource` sends no `authorization`, and a token does not belong into a URL, which logs keep. A
/// ticket does no harm there: it is over soon, and opens the event stream only.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<VecDeque<(Token, Instant)>>);

/// Time within which a ticket opens a stream.
pub(crate) const TICKET_TIME: Duration = Duration::from_secs(30);

/// Tickets that are valid at once; the oldest is dropped first.
const MAX_TICKETS: usize = 256;

impl Tickets {
    /// Issues a ticket.
    pub(crate) fn issue(&self) -> Result<String, getrandom::Error> {
        let text = random_text::<24>()?;
        let Ok(ticket) = Token::new(text.clone()) else { return Err(getrandom::Error::UNEXPECTED) };
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tickets.len() >= MAX_TICKETS {
            tickets.pop_front();
        }
        tickets.push_back((ticket, Instant::now() + TICKET_TIME));
        Ok(text)
    }

    /// Tests whether the text is a valid ticket. A stream that broke early is opened again with the same one.
    pub(crate) fn admits(&self, text: &str) -> bool {
        let now = Instant::now();
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|(_, end)| *end > now);
        // All are compared, so that the time does not depend on which one it is.
        tickets.iter().fold(false, |is_known, (ticket, _)| ticket.is(text) | is_known)
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets(…)")
    }
}
