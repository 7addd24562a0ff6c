//! ProxyError: why a proxy or a toxic is not as asked, with Toxiproxy's texts and status codes.

use std::fmt;
use std::io;

use http::StatusCode;
use waylay_fault::SetError;

/// Why a [`ProxySet`](crate::ProxySet) did not do what it was asked.
///
/// The beginnings of the texts and the status codes are those of Toxiproxy 2, which clients compare.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// A document is not the JSON that the request needs.
    BadBody(String),
    /// A member is absent or empty.
    MissingField(String),
    /// There is no proxy of this name.
    NoProxy(String),
    /// A proxy of this name is there already.
    ProxyExists(String),
    /// A direction is neither `upstream` nor `downstream`.
    BadStream(String),
    /// There is no toxic of this type.
    BadType(String),
    /// The proxy has a toxic of this name already.
    ToxicExists(String),
    /// The proxy has no toxic of this name.
    NoToxic(String),
    /// An attribute of a toxic has a value that cannot work.
    BadToxic(SetError),
    /// The proxy cannot listen on this address.
    Listen(String, io::Error),
}

impl ProxyError {
    /// Returns the status code of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadBody(_)
            | Self::MissingField(_)
            | Self::BadStream(_)
            | Self::BadType(_)
            | Self::BadToxic(_) => StatusCode::BAD_REQUEST,
            Self::NoProxy(_) | Self::NoToxic(_) => StatusCode::NOT_FOUND,
            Self::ProxyExists(_) | Self::ToxicExists(_) => StatusCode::CONFLICT,
            Self::Listen(..) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadBody(why) => write!(f, "bad request body: {why}"),
            Self::MissingField(name) => write!(f, "missing required field: {name}"),
            Self::NoProxy(name) => write!(f, "proxy not found: {name:?}"),
            Self::ProxyExists(name) => write!(f, "proxy already exists: {name:?}"),
            Self::BadStream(given) => {
                write!(f, "stream was invalid, can be either upstream or downstream: {given:?}")
            }
            Self::BadType(given) => write!(f, "invalid toxic type: {given:?}"),
            Self::ToxicExists(name) => write!(f, "toxic already exists: {name:?}"),
            Self::NoToxic(name) => write!(f, "toxic not found: {name:?}"),
            Self::BadToxic(error) => write!(f, "bad request body: {error}"),
            Self::Listen(address, error) => write!(f, "listen tcp {address}: {error}"),
        }
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::BadToxic(error) => Some(error),
            Self::Listen(_, error) => Some(error),
            _ => None,
        }
    }
}
