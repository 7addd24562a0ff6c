//! HTTP router for tower.

mod authority;
mod canonical;
mod captures;
mod catalog;
mod conditions;
mod error;
mod matched;
mod matcher;
mod miss;
mod pattern;
mod policy;
mod rank;
mod route;
mod table;
mod template;
mod url;
mod view;

pub use canonical::BadRequest;
pub use catalog::RouteInfo;
pub use conditions::Bounds;
pub use error::{BuildError, BuildErrorKind, BuildErrors};
pub use matched::{Capture, Matched};
pub use matcher::method::MethodSet;
pub use miss::{Miss, Reason, ScopeId};
pub use policy::{Cleaning, MissingHost, PathForm, Policy, Precedence, Prefixes, QueryValues};
pub use route::Route;
pub use table::build::TableBuilder;
pub use table::lookup::{Match, Table};
pub use template::piece::{MAX_REGEX_BYTES, MAX_SEGMENTS, MAX_VARIABLES, TemplateError, TemplateErrorKind};
pub use url::{UrlBuilder, UrlError, Urls};
pub use view::{Head, Peer};
