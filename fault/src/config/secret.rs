//! SecretHeader: a header whose secret value a trusted client knows.

use std::fmt;
use std::hint::black_box;

use http::{HeaderMap, HeaderName};

use crate::config::error::{ErrorCollector, FaultErrorKind, header_name};

/// The fewest bytes of a secret.
const MIN_SECRET: usize = 16;

/// The name of a header and the value that it must have.
pub(crate) struct SecretHeader {
    name: HeaderName,
    secret: Box<[u8]>,
}

impl SecretHeader {
    /// Checks both settings; they are reported as `at.header` and `at.secret`.
    pub(crate) fn check(at: &str, config: &SecretConfig, errors: &mut ErrorCollector) -> Option<Self> {
        let name = header_name(&format!("{at}.header"), &config.header, errors);
        let secret = match &config.secret {
            Ok(secret) if secret.len() < MIN_SECRET => {
                errors.add(format!("{at}.secret"), "the secret", FaultErrorKind::ShortSecret);
                None
            }
            // A client sends it as the value of a header.
            Ok(secret) if secret.bytes().any(|byte| !byte.is_ascii_graphic()) => {
                errors.add(format!("{at}.secret"), "the secret", FaultErrorKind::HeaderValue);
                None
            }
            Ok(secret) => Some(secret.as_bytes().into()),
            Err(variable) => {
                errors.add(format!("{at}.secret_env"), variable, FaultErrorKind::MissingSecret);
                None
            }
        };
        Some(Self { name: name?, secret: secret? })
    }

    pub(crate) fn name(&self) -> &HeaderName {
        &self.name
    }

    /// Tests whether the request has the header once, with the secret.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(&self.name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => is_equal(value.as_bytes(), &self.secret),
            _ => false,
        }
    }
}

/// Compares in a time that depends on the length of what was sent, and on nothing else.
fn is_equal(sent: &[u8], secret: &[u8]) -> bool {
    let mut difference = usize::from(sent.len() != secret.len());
    for (byte, expected) in sent.iter().zip(secret.iter().cycle()) {
        difference |= usize::from(byte ^ expected);
    }
    black_box(difference) == 0
}

/// A secret header, not checked yet. The secret, or the name of the environment variable that is not set.
#[derive(Clone)]
pub(crate) struct SecretConfig {
    pub(crate) header: String,
    pub(crate) secret: Result<String, String>,
}

// Neither shows the secret.
impl fmt::Debug for SecretConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretConfig").field("header", &self.header).finish_non_exhaustive()
    }
}

impl fmt::Debug for SecretHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretHeader").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_bytes_are_equal() {
        let secret = b"0123456789abcdef";
        assert!(is_equal(secret, secret));
        for at in 0..secret.len() {
            let mut other = *secret;
            other[at] ^= 1;
            assert!(!is_equal(&other, secret), "{at}");
            assert!(!is_equal(&secret[..at], secret), "{at}");
        }
        assert!(!is_equal(&[&secret[..], secret].concat(), secret));
    }
}
