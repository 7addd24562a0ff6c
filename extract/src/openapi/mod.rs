//! OpenAPI 3.1 documents of routers, from the arguments of their handlers.

pub(crate) mod answer;
pub(crate) mod document;
pub(crate) mod operation;
pub(crate) mod paths;
pub(crate) mod schema;
