//! The shop: what it has, what it does, and where.

pub(crate) mod goods;
pub(crate) mod orders;
pub(crate) mod routes;
pub(crate) mod store;
