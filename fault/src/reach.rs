//! Reach: where a layer can end an exchange without an answer, and by what means.

use http::{Method, Version};

/// How a reject gets through to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// By a body whose first poll fails.
    Body,
    /// By unwinding the connection's task.
    Unwind,
    /// Not at all.
    Nowhere,
}

/// What the user has said about the place of the layer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Means {
    pub(crate) unwind: bool,
    pub(crate) head_bodies: bool,
}

impl Means {
    /// The server polls no body for HEAD on HTTP/1, and axum's router empties it on HTTP/2, too.
    pub(crate) fn reach(self, method: &Method, version: Version) -> Reach {
        if method != Method::HEAD || (self.head_bodies && version >= Version::HTTP_2) {
            Reach::Body
        } else if self.unwind && cfg!(panic = "unwind") {
            Reach::Unwind
        } else {
            Reach::Nowhere
        }
    }
}
