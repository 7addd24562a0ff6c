//! Means: what the user has said about the place of a layer.

/// What a reject may count on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Means {
    pub(crate) unwind: bool,
    pub(crate) head_bodies: bool,
}
