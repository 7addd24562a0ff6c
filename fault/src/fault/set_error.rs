//! SetError: why a set of faults was not accepted.

use std::fmt;

use crate::config::error::FaultErrors;
use crate::config::one_line::OneLine;

/// Why a set of faults was not accepted.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SetError {
    /// The wrong settings of each fault that has any.
    Faults(Vec<FaultErrors>),
    /// Two faults have this name.
    DuplicateName(String),
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(errors) => {
                let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::DuplicateName(name) => {
                write!(
                    f,
                    "two faults are named `{}`; counters and decisions go by the name, so give each its own",
                    OneLine(name)
                )
            }
        }
    }
}

impl std::error::Error for SetError {}
