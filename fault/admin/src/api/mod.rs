//! API: endpoints as structs and handlers, and their OpenAPI document.

pub(crate) mod router;
pub(crate) mod state;
