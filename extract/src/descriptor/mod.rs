//! Static data that the derive writes: fields, names, body, route.

pub(crate) mod body;
pub(crate) mod field;
pub(crate) mod names;
pub(crate) mod route;
