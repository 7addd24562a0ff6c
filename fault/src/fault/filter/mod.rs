//! The lists that say which requests a fault may touch.

pub(crate) mod filter;
pub(crate) mod host;
pub(crate) mod lists;
pub(crate) mod path;
pub(crate) mod route;
