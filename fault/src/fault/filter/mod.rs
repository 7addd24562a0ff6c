//! Lists of the requests that a fault may select.

pub(crate) mod baggage;
pub(crate) mod filter;
pub(crate) mod host;
pub(crate) mod lists;
pub(crate) mod path;
pub(crate) mod response;
pub(crate) mod route;
