//! HTTP router for tower.

mod authority;
mod builder;
mod canonical;
mod captures;
mod catalog;
mod conditions;
mod endpoint;
mod error;
mod extract;
mod handler;
mod head;
mod matched;
mod matcher;
mod miss;
mod pattern;
mod policy;
mod rank;
mod recover;
mod route;
mod scope;
mod service;
mod table;
mod template;
mod url;
mod view;

pub use axum_core::body::Body;
pub use builder::Builder;
pub use canonical::BadRequest;
pub use catalog::RouteInfo;
pub use conditions::Bounds;
pub use endpoint::{HttpService, Next, NextFuture};
pub use error::{BuildError, BuildErrorKind, BuildErrors};
pub use extract::NotRouted;
pub use handler::{Answered, Handler};
pub use matched::{Capture, Matched};
pub use matcher::method::MethodSet;
pub use miss::{Miss, Reason, ScopeId};
pub use policy::{Cleaning, MissingHost, PathForm, Policy, Precedence, Prefixes, QueryValues};
pub use recover::{RecoverFuture, RecoverLayer, RecoverService, recover};
pub use route::Route;
pub use scope::{Pending, Scope};
pub use service::{Router, RouterFuture};
pub use table::build::TableBuilder;
pub use table::lookup::{Match, Table};
pub use template::piece::{
    MAX_REGEX_BYTES, MAX_SEGMENTS, MAX_VARIABLES, TemplateError, TemplateErrorKind,
};
pub use url::{UrlBuilder, UrlError, Urls};
pub use view::{Head, Peer};
