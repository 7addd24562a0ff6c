//! The id of one attempt, by which both ends speak of the same exchange.

use std::fmt;
use std::str::FromStr;

/// Which request, and which try of it: `17.2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AttemptId {
    pub(crate) request: u32,
    pub(crate) attempt: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.request, self.attempt)
    }
}

impl FromStr for AttemptId {
    type Err = NoAttemptId;

    fn from_str(text: &str) -> Result<Self, NoAttemptId> {
        let (request, attempt) = text.split_once('.').ok_or(NoAttemptId)?;
        let number = |text: &str| text.parse().map_err(|_| NoAttemptId);
        Ok(Self { request: number(request)?, attempt: number(attempt)? })
    }
}

/// A text that is no [`AttemptId`].
#[derive(Debug)]
pub(crate) struct NoAttemptId;
