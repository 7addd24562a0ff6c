//! Token: the secret that every change of state needs.

use std::fmt;
use std::io;
use std::path::Path;

use subtle::ConstantTimeEq;

/// The secret of an admin API, sent as `authorization: Bearer …`.
///
/// It is compared in constant time; only its length can be measured. `Debug` does not show it.
///
/// ```
/// use waylay_fault_admin::Token;
///
/// let token = Token::generate()?;
/// assert_eq!(token.reveal().len(), 43);
/// assert!(token.is(token.reveal()) && !token.is("guess"));
/// assert!(Token::new("short").is_err());
/// # Ok::<(), waylay_fault_admin::TokenError>(())
/// ```
#[derive(Clone)]
pub struct Token(Box<str>);

/// Fewest characters of a token: guessed at a thousand a second, 16 random letters last longer than any service.
const MIN_TOKEN_LENGTH: usize = 16;

/// Most characters of a token, which a header line has to hold.
const MAX_TOKEN_LENGTH: usize = 1024;

impl Token {
    /// Returns a token of this text.
    ///
    /// # Errors
    /// It has fewer than 16 characters, more than 1,024, or others than letters, digits and `-._~+/=`
    /// (RFC 6750, section 2.1).
    pub fn new(text: impl Into<String>) -> Result<Self, TokenError> {
        let text = text.into();
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if !text.bytes().all(is_valid) {
            return Err(TokenError::Characters);
        }
        match text.len() {
            MIN_TOKEN_LENGTH..=MAX_TOKEN_LENGTH => Ok(Self(text.into())),
            length => Err(TokenError::Length(length)),
        }
    }

    /// Returns a random token of 256 bits.
    ///
    /// # Errors
    /// The operating system has no random numbers.
    pub fn generate() -> Result<Self, TokenError> {
        random_text::<32>()
            .map(|text| Self(text.into()))
            .map_err(|error| TokenError::Random(error.to_string()))
    }

    /// Reads the token from an environment variable; white space around it is left out.
    ///
    /// # Errors
    /// The variable is not set, or its value is not a token.
    pub fn from_env(name: &str) -> Result<Self, TokenError> {
        match std::env::var(name) {
            Ok(text) => Self::new(text.trim()),
            Err(error) => Err(TokenError::Variable { name: name.to_owned(), reason: error.to_string() }),
        }
    }

    /// Reads the token from a file, such as a mounted secret; white space around it is left out.
    ///
    /// # Errors
    /// The file cannot be read, or its text is not a token.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, TokenError> {
        let path = path.as_ref();
        let named = |error: io::Error| TokenError::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        Self::new(std::fs::read_to_string(path).map_err(named)?.trim())
    }

    /// Returns the text, to be shown to the operator once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Tests whether this is the token, in a time that depends on the length only.
    pub fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a text is not a token, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// This number of characters.
    Length(usize),
    /// A character that a bearer token cannot have.
    Characters,
    /// The environment variable is not set, or not Unicode.
    Variable {
        /// Its name.
        name: String,
        /// The error.
        reason: String,
    },
    /// The file cannot be read.
    File {
        /// Its path.
        path: String,
        /// The error.
        reason: String,
    },
    /// The operating system has no random numbers.
    Random(String),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(
                f,
                "a token of {length} characters; it needs {MIN_TOKEN_LENGTH} to {MAX_TOKEN_LENGTH}, such as those of `openssl rand -hex 24`"
            ),
            Self::Characters => f.write_str(
                "a token has only letters, digits and `-._~+/=`, such as those of `openssl rand -hex 24`",
            ),
            Self::Variable { name, reason } => write!(f, "the token of `{name}`: {reason}"),
            Self::File { path, reason } => write!(f, "the token of {path}: {reason}"),
            Self::Random(reason) => write!(f, "no random numbers for a token: {reason}"),
        }
    }
}

impl std::error::Error for TokenError {}

/// Returns random bytes as text of the URL alphabet of RFC 4648, section 5.
pub(crate) fn random_text<const BYTES: usize>() -> Result<String, getrandom::Error> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(BYTES * 4 / 3 + 1);
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * index) & 63) as usize]));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_texts_have_the_length_and_alphabet_of_base64() {
        let texts: Vec<_> = (0..50).map(|_| random_text::<16>().unwrap_or_default()).collect();
        for text in &texts {
            assert_eq!(text.len(), 22, "{text}");
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
        }
        assert_eq!(texts.iter().collect::<std::collections::HashSet<_>>().len(), 50);
    }
}
