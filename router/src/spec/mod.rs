//! Tables as data: routes and scopes in TOML or JSON, and the values that they name.

#[cfg(any(feature = "json", feature = "toml"))]
mod assemble;
mod bind;
#[cfg(feature = "json")]
mod json;
mod model;
#[cfg(feature = "schema")]
mod schema;
#[cfg(feature = "toml")]
mod toml;

pub use model::{RouteSpec, ScopeSpec, TableSpec};
