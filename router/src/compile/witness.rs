//! Witness: a request that several routes match.

use std::fmt;

use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};
use waylay_template::OneLineWriter;

use crate::request::peer::Peer;
use crate::rule::function::version_name;

/// A request that two routes both match.
///
/// ```
/// use waylay_router::{BuildErrorKind, Route, Table};
/// let errors = Table::builder()
///     .route(Route::get("/a{x}").value(1))
///     .route(Route::get("/{x}a").value(2))
///     .build()
///     .unwrap_err();
/// let BuildErrorKind::Conflict { witness, .. } = &errors.iter().next().unwrap().kind else { unreachable!() };
/// assert_eq!(witness.to_string(), "GET /aa");
/// assert_eq!(witness.request().uri(), "/aa");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    pub(crate) method: Method,
    pub(crate) target: Uri,
    pub(crate) version: Version,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) peer: Peer,
}

impl Witness {
    /// Returns the request.
    pub fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        *request.version_mut() = self.version;
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
        request
    }

    /// Returns the peer of the connection.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut OneLineWriter(f);
        write!(f, "{} {}", self.method, self.target)?;
        let mut notes: Vec<String> = Vec::new();
        if self.version != Version::HTTP_11 {
            notes.push(version_name(self.version).to_owned());
        }
        for (name, value) in &self.headers {
            notes.push(format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
        }
        notes.extend(self.peer.scheme.as_ref().map(|scheme| format!("over {scheme}")));
        notes.extend(self.peer.addr.map(|address| format!("from {}", address.ip())));
        if notes.is_empty() { Ok(()) } else { write!(f, " ({})", notes.join(", ")) }
    }
}
