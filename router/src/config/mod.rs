//! Tables as data: routes and scopes in TOML or JSON, and the values that they name.

#[cfg(feature = "json")]
pub(crate) mod json;
#[cfg(any(feature = "json", feature = "toml"))]
pub(crate) mod lines;
pub(crate) mod model;
#[cfg(feature = "toml")]
pub(crate) mod toml;

pub use crate::config::model::{RouteSpec, ScopeSpec, TableSpec};
