//! API: endpoints as structs and handlers, and their OpenAPI document.

pub(crate) mod change;
pub(crate) mod document;
pub(crate) mod fleet;
pub(crate) mod observe;
pub(crate) mod plan;
pub(crate) mod router;
pub(crate) mod state;
pub(crate) mod stream;
pub(crate) mod view;
