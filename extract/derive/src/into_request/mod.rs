//! impl IntoRequest: statements that write each field.

pub(crate) mod absent;
pub(crate) mod into_request;
pub(crate) mod text;
