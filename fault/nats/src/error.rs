//! FleetError, PutError: why the store of a fleet cannot be used, and why a plan was not written.

use std::error::Error;
use std::fmt;

use waylay_fault::PlanErrors;
use waylay_template::OneLine;

/// Why a fleet cannot be reached or set up.
#[derive(Debug)]
#[non_exhaustive]
pub enum FleetError {
    /// The address of a server is not one of NATS.
    Url {
        /// The cause. The address itself may hold a password.
        cause: String,
    },
    /// The name of a bucket has other characters than letters, digits, `-` and `_`.
    Bucket(String),
    /// The key of a plan is not one of NATS, or is that of the halt.
    Key(String),
    /// The key of a plan does not end in `.toml`, `.json` or `.yaml`.
    Format(String),
    /// The name of a replica cannot be a key.
    Instance(String),
    /// There is no connection to a server.
    NotConnected {
        /// The servers, without users and passwords.
        servers: String,
    },
    /// The store rejected an operation, or did not answer in time. A change may have been made all the same.
    Store(StoreError),
}

/// An operation that failed; its source is the error of the client.
#[derive(Debug)]
pub struct StoreError {
    operation: &'static str,
    bucket: String,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    pub(crate) fn new(
        operation: &'static str,
        bucket: &str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { operation, bucket: bucket.to_owned(), source: source.into() }
    }

    /// Returns the name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} bucket `{}`", self.operation, self.bucket)?;
        match self.operation {
            "create" => f.write_str("; run the server with `-js`, and let this account create streams"),
            _ => Ok(()),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { cause } => {
                write!(
                    f,
                    "not the address of a NATS server, such as nats://127.0.0.1:4222: {}",
                    OneLine(cause)
                )
            }
            Self::Bucket(name) => write!(
                f,
                "`{}` is no name of a bucket; use letters, digits, `-` and `_`, at most 64 of them",
                OneLine(name)
            ),
            Self::Key(key) => write!(
                f,
                "`{}` is no key of a plan; use letters, digits, `-`, `_`, `/`, `=` and single dots between \
                 them, at most 128 of them, and not `halt`",
                OneLine(key)
            ),
            Self::Format(key) => write!(
                f,
                "the key `{}` has no ending of a plan's format; end it in .toml, .json or .yaml",
                OneLine(key)
            ),
            Self::Instance(name) => write!(
                f,
                "`{}` is no name of a replica; use letters, digits, `-`, `_`, `/`, `=` and single dots between \
                 them, at most 128 of them",
                OneLine(name)
            ),
            Self::NotConnected { servers } => {
                write!(f, "no connection to {servers}; the client goes on trying")
            }
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl Error for FleetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            _ => None,
        }
    }
}

impl From<StoreError> for FleetError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Why a plan was not written; the one before stays.
#[derive(Debug)]
#[non_exhaustive]
pub enum PutError {
    /// The text is not a plan.
    Plan(PlanErrors),
    /// The plan has no end, which those of a fleet need.
    NoEnd,
    /// Another plan was written since the expected one.
    Stale {
        /// The expected revision; none: no plan.
        expected: Option<u64>,
        /// The revision that is there; none: no plan.
        found: Option<u64>,
    },
    /// The store cannot be used.
    Fleet(FleetError),
}

impl fmt::Display for PutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revision = |revision: &Option<u64>| match revision {
            Some(revision) => format!("revision {revision}"),
            None => "no plan".to_owned(),
        };
        match self {
            Self::Plan(errors) => errors.fmt(f),
            Self::NoEnd => f.write_str("a plan of a fleet needs an end; set `ttl` or `until`"),
            Self::Stale { expected, found } => write!(
                f,
                "the store has {}, not {}; read it, and change that one",
                revision(found),
                revision(expected)
            ),
            Self::Fleet(error) => error.fmt(f),
        }
    }
}

impl Error for PutError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Fleet(error) => error.source(),
            _ => None,
        }
    }
}

impl From<FleetError> for PutError {
    fn from(error: FleetError) -> Self {
        Self::Fleet(error)
    }
}

/// Returns an error with all its sources in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        // The client's errors print their sources themselves.
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_place_and_the_way_out() {
        let store = FleetError::from(StoreError::new("read a key of", "waylay", "timed out"));
        assert_eq!(chain(&store), "cannot read a key of bucket `waylay`: timed out");
        let stale = PutError::Stale { expected: Some(3), found: None };
        assert_eq!(stale.to_string(), "the store has no plan, not revision 3; read it, and change that one");
        let hidden = FleetError::Bucket("a\u{202e}b".to_owned()).to_string();
        assert!(hidden.starts_with("`a\\u{202e}b` is no name"), "{hidden}");
    }
}
