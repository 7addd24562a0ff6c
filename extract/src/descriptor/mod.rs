//! Constants that the derive generates: fields, names, body, route.

pub(crate) mod body;
pub(crate) mod field;
pub(crate) mod names;
pub(crate) mod route;
