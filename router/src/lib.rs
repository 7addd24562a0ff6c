//! An HTTP router for [`tower`] services: hosts, methods, headers, queries and regexes beside
//! paths, scopes with their own layers and fallbacks, and URLs built from route names.
//!
//! A [`Table`] finds the best of its routes for a request, whatever the order in which they were
//! written; a [`Router`] is a table of endpoints as a `tower::Service`, for hyper and axum.
//!
//! ```
//! use tower::ServiceExt;
//! use waylay_router::{Body, Matched, Route, Router, Scope, Urls};
//!
//! async fn show(matched: Matched) -> String {
//!     format!("article {}", matched.get("id").unwrap_or_default())
//! }
//!
//! async fn create(urls: Urls) -> Result<[(&'static str, String); 1], http::StatusCode> {
//!     let url = urls.builder("article").and_then(|url| url.set("id", 7).build());
//!     Ok([("location", url.map_err(|_| http::StatusCode::INTERNAL_SERVER_ERROR)?)])
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::builder()
//!     .route(Route::get("/articles/{id:[0-9]+}").name("article").to(show))
//!     .route(Route::post("/articles").header("content-type", "application/json").to(create))
//!     .scope(
//!         Scope::new()
//!             .host("{tenant}.example.com")
//!             .prefix("/api/v1")
//!             .route(Route::get("/stats").query("page", "{page:[0-9]+}").to(async || "stats"))
//!             .fallback(async || (http::StatusCode::NOT_FOUND, "no such call")),
//!     )
//!     .build()?; // every fault of every route, in one error
//!
//! let request = http::Request::post("/articles").header("content-type", "application/json");
//! let response = router.clone().oneshot(request.body(Body::empty())?).await?;
//! assert_eq!(response.headers()["location"], "/articles/7");
//! assert_eq!(router.urls().builder("article")?.set("id", 42).build()?, "/articles/42");
//! assert!(router.urls().builder("article")?.set("id", "x").build().is_err());
//! # Ok(()) }
//! ```
//!
//! # Templates
//!
//! | text | matches |
//! |---|---|
//! | `/a b/café` | that path; templates are written decoded |
//! | `{name}` | one non-empty part between separators |
//! | `{name:regex}` | what the regex matches as a whole; it may span `/` only at the end |
//! | `img-{id}.png`, `{y:\d{4}}-{m:\d{2}}` | several variables and text in one segment |
//! | `{*rest}` | all that is left, not empty |
//! | `{name?}`, `{name?:regex}` | as `{name}`, in a last segment that may be left out: `/a/{id?}` is `/a` and `/a/7` |
//! | `{{`, `}}` | braces |
//!
//! Hosts take the same variables, label by label, and ignore case; a variable that spans labels stands in
//! front. `*.` is exactly one label more and `**.` one or more. A [`Route::prefix`] and the prefix of a
//! [`Scope`] match whole segments.
//!
//! # Which route wins
//!
//! Priority, then host (exact, patterned, regex, none), then path segment by segment (literal,
//! literal with a variable, constrained, plain, optional, tail; exact before prefix), then the further
//! conditions counted. Two routes of one rank that one request matches (`/a{x}` and `/{x}a` of `/aa`)
//! are a [conflict](BuildErrorKind::Conflict), which names both and shows the request. The order of
//! writing decides in two places only: between routes that differ by what they
//! [give](Route::accept), if the client wants it alike, and where nobody can tell whether two routes meet,
//! of which a [lint](LintKind::OverlapUnknown) tells; so does [another](LintKind::NotCompared) where a table has
//! thousands of pairs that only their regexes or custom conditions tell apart.
//! [`Precedence::RegistrationOrder`] makes the first route win, as gorilla/mux does.
//!
//! # Rules
//!
//! Conditions as one line of text, with `&&`, `||`, `!` and parentheses, for routes from configuration:
//! [`Route::rule`], and the [language](rule).
//!
//! # What is refused
//!
//! Before any route is looked at: dot segments, control characters and bad escapes in the path,
//! several `Host` lines, user information or a bad port in the host: 400. (A bare [`Table`] looks
//! at the host only if one of its routes does.) `%2F` is data and never divides segments. A
//! request that no route answers is a [`Miss`]: 405 with `Allow` if another method would do, 415 or
//! 406 if another type would, else 404. The [`Policy`] says what of this may be otherwise.
//!
//! # Layers
//!
//! `layer` wraps everything in a router or scope, `route_layer` matched routes only, `miss_layer`
//! misses only. The first one written is the outermost, as in `tower::ServiceBuilder` (and the
//! other way round than in axum's `Router::layer`). Outer scopes come first. [`Matched`] or
//! [`Miss`] is in the request's extensions before any of them runs. A layer that can fail goes
//! behind [`recover()`].
//!
//! # Rules, files, changes
//!
//! All conditions can be written as one line of text, a [`rule`]; whole tables come from TOML or JSON
//! (`TableSpec`); a `SwapRouter` is replaced while it serves and may follow a file. [`Table::explain`] tells of
//! a request what became of every route, [`Table::lints`] which routes nothing reaches.
//!
//! | feature | brings |
//! |---|---|
//! | `http2` | the protocol that an HTTP/2 CONNECT asks for, in [`Route::upgrade`] |
//! | `serde` | routes, explanations and differences as data, and `TableSpec` |
//! | `toml`, `json`, `schema` | its files, and their JSON schema |
//! | `swap`, `watch` | `SwapRouter`; `FileWatcher` |
//! | `dialects` | the rules of Traefik v3 and vulcand beside our own |
//!
//! None is on by default.
//!
//! # Within axum
//!
//! Handlers take axum's extractors and give axum's responses, since both come from `axum-core`.
//! Only `Path`, `RawPathParams` and `MatchedPath` read what axum keeps to itself: take
//! [`Matched`], or a struct that derives `Extract` of `waylay-extract`.
//!
//! [`tower`]: https://docs.rs/tower

// Modules, top to bottom. A module imports only from modules below it (checked by `examples/tests/modules.rs`).
//
// service   Router as a `tower::Service`: handlers, scopes, layers, mounts, reload
// table     Table: index, look-up, URLs, lints, explanations, differences
// config    TableSpec: tables from TOML and JSON
// compile   Conditions to patterns: ranks, overlaps, errors
// route     Route, its conditions, and rules lowered to conditions
// matcher   Guard: compiled conditions
// rule      The rule language: text to syntax tree, checks, errors
// request   One request, normalized by the policy: path, host, method, peer
// template  Templates: syntax tree, parser, compiled path and host

mod compile;
#[cfg(feature = "serde")]
mod config;
mod matcher;
mod request;
mod route;
pub mod rule;
mod service;
mod table;
mod template;

pub use crate::compile::error::{BuildError, BuildErrorKind, BuildErrors};
pub use crate::compile::witness::Witness;
#[cfg(feature = "serde")]
pub use crate::config::{RouteSpec, ScopeSpec, TableSpec};
pub use crate::request::method::MethodSet;
pub use crate::request::path::BadRequest;
pub use crate::request::peer::ConnectionInfo;
pub use crate::request::peer::Peer;
pub use crate::request::policy::{
    MethodMiss, MissingHost, OptionsAnswer, PathCleaning, PathForm, Policy, Precedence, PrefixMatch,
    QueryValues, TrailingSlash,
};
pub use crate::request::view::RequestHead;
pub use crate::route::conditions::ScopeConditions;
pub use crate::route::conditions::SourceLocation;
pub use crate::route::route::Route;
pub use crate::service::builder::Builder;
pub use crate::service::endpoint::{HttpLayer, HttpService, Next, NextFuture};
pub use crate::service::handler::NotRouted;
pub use crate::service::handler::{Handler, HandlerFuture};
pub use crate::service::mount::Mount;
pub use crate::service::recover::{RecoverFuture, RecoverLayer, RecoverService, recover};
#[cfg(feature = "swap")]
pub use crate::service::reload::SwapRouter;
#[cfg(feature = "watch")]
pub use crate::service::reload::{FileWatcher, ReloadEvent};
pub use crate::service::router::{Router, RouterFuture};
pub use crate::service::scope::{PendingEndpoint, Scope};
pub use crate::table::builder::TableBuilder;
pub use crate::table::catalog::{RouteInfo, ScopeId, ScopeInfo};
pub use crate::table::diff::{Change, Diff};
pub use crate::table::explain::{Candidate, Explanation, Verdict};
pub use crate::table::lint::{Lint, LintKind};
pub use crate::table::lookup::{Match, Table};
pub use crate::table::matched::{Capture, Matched};
pub use crate::table::miss::{Miss, Reason, Redirect};
pub use crate::table::url::UrlError;
pub use crate::table::url::{UrlBuilder, Urls};
pub use axum_core::body::Body;
pub use waylay_template::{
    MAX_REGEX_BYTES, MAX_SEGMENTS, MAX_TEMPLATE_BYTES, MAX_VARIABLES, TemplateError, TemplateErrorKind,
};

#[doc = include_str!("../docs/from-axum.md")]
pub mod from_axum {}

#[doc = include_str!("../docs/from-gorilla-mux.md")]
pub mod from_gorilla_mux {}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
