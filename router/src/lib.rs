//! HTTP router for [`tower`] services, with conditions on every part of a request, scopes, reverse URLs and
//! explanations.
//!
//! A [`Table`] finds the best route for a request, in any order of addition; a [`Router`] is a table of endpoints
//! as a `tower::Service`, for hyper and axum.
//!
//! ```
//! use tower::ServiceExt;
//! use waylay_router::{Body, Matched, Route, Router, Scope, UrlError, Urls};
//!
//! async fn show(matched: Matched) -> String {
//!     format!("article {}", matched.get("id").unwrap_or_default())
//! }
//!
//! async fn create(urls: Urls) -> Result<[(&'static str, String); 1], UrlError> {
//!     Ok([("location", urls.builder("article")?.set("id", 7).build()?)])
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::builder()
//!     .route(Route::get("/articles/{id:[0-9]+}").name("article").to(show))
//!     .route(Route::post("/articles").content_type("application/json").to(create))
//!     .scope(
//!         Scope::new()
//!             .host("{tenant}.example.com")
//!             .prefix("/api/v1")
//!             .route(Route::get("/stats").query("page", "{page:[0-9]+}").to(async || "stats"))
//!             .fallback(async || (http::StatusCode::NOT_FOUND, "no such call")),
//!     )
//!     .build()?; // the errors of all routes, in one error
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
//! | `{name:regex}` | what the regex matches as a whole; it may match `/` only at the end of the path |
//! | `img-{id}.png`, `{y:\d{4}}-{m:\d{2}}` | several variables and text in one segment |
//! | `{*rest}` | the rest of the path, not empty |
//! | `{name?}`, `{name?:regex}` | as `{name}`, in an optional last segment: `/a/{id?}` matches `/a` and `/a/7` |
//! | `{{`, `}}` | braces |
//! | `%3A`, `%2A`, `%3C`, `%3E`, `%3F`, `%23`, `%5B`, `%28` | `:`, `*`, `<`, `>`, `?`, `#`, `[`, `(` |
//!
//! The syntax of other routers (`/:id`, `/*rest`, `/<id>`, `/[id]`, `/a?x=1`) is an error with the spelling that is meant; the
//! escapes of the last row are for text that has these characters.
//!
//! A variable's regex matches the value as a whole and sees nothing beside it: `^` and `$` at its ends have no effect,
//! anywhere else they are an [error](TemplateErrorKind::Anchor).
//!
//! A path may spell a literal in several ways. One rule decides: a segment of text alone is compared decoded, except that
//! `/` never is, so `/users/@me` matches `/users/%40me`, as `encodeURIComponent` writes it. In a segment with variables the
//! text separates values, and an escaped character is data: `/{a}@{b}` does not match `/1%402`, and a URL that is built from
//! `1@2` and `3` is `/1%402@3`, which gives both back. Guards (`Path` and `PathRegexp` in rules, negated ones too) read the
//! path in the same way: an upstream that decodes must not see what a guard did not.
//!
//! Hosts have the same variables, label by label, and ignore case; a variable that matches several labels must be
//! first. `*.` is exactly one more label, `**.` one or more. A [`Route::prefix`] and the prefix of a [`Scope`]
//! match whole segments.
//!
//! # Specificity
//!
//! The most specific route is selected, in any order of addition: by priority, host, path segment by segment, and
//! conditions; [`ranks`] has the whole rule. Two routes of equal rank that match the same request (`/a{x}` and `/{x}a` for
//! `/aa`) are a [conflict](BuildErrorKind::Conflict); the error names both and shows the request. The order of addition
//! matters in two cases only: between routes that differ only by the types they [return](Route::accept), if the client
//! gives both the same weight, and between routes whose overlap is unknown. For the latter there are two lints, for
//! [a pair](LintKind::OverlapUnknown) and for [too many pairs](LintKind::NotCompared). With
//! [`Precedence::RegistrationOrder`] the first matching route is selected, as in gorilla/mux.
//!
//! # Rules
//!
//! A [rule](mod@rule) is a text of conditions with `&&`, `||`, `!` and parentheses. [`Route::rule`] creates a route from
//! one, and every route prints as one. Whole tables are read from TOML or JSON (`TableSpec`).
//!
//! # Rejected requests
//!
//! Dot segments, control characters and invalid escapes in the path, several `Host` lines, user information or an
//! invalid port in the host: 400, before any route is tested. (A [`Table`] checks the host only if one of its routes
//! does.) `%2F` is data and never separates segments; with [`Policy::strict`] it is rejected, and so are empty segments,
//! backslashes and dot segments with parameters (`..;`), which an upstream may read as another path. What a condition or a
//! variable would read and is too long is 414 or 431, whatever other routes match ([`MAX_PAIRS`], [`MAX_MATCHED_BYTES`]).
//! A request without a matching route is a [`Miss`]: 405 with `Allow` if another method would match, 415 or 406 if another type would, else 404. The [`Policy`] changes this.
//!
//! # Details
//!
//! - Path parameters such as `;v=1` belong to their segment: `/users;v=1` is a segment of that text, and `/{x}` captures it
//!   whole.
//! - Variables of one segment share it greedily from the left: `/{a}-{b}` gives `1-2-3` as `1-2` and `3`.
//! - `OPTIONS *` has the path `*`, which no template has: it matches routes without a path only, else it is 404. A route for
//!   it alone is `Route::new().method(Method::OPTIONS).path_regex("[*]")`.
//! - ``!Method(`GET`)`` excludes HEAD too. A request that fails only there is 405, and `Allow` names the methods that the rule
//!   leaves; a method regex is treated in the same way. Extension methods of such conditions are not listed.
//! - An `Accept` header that is missing accepts all types. One that is empty, or has no readable range, accepts none: 406.
//! - Up to [64 scopes](MAX_SCOPE_DEPTH) may be within each other; more are a build error.
//!
//! # Layers
//!
//! `layer` wraps everything in a router or scope, `route_layer` matched routes only, `miss_layer` misses only. The
//! first one written is the outermost, as in `tower::ServiceBuilder` (and unlike in axum's `Router::layer`). Layers of
//! outer scopes come first. [`Matched`] or [`Miss`] is in the request's extensions before any layer runs. A layer that
//! can fail follows [`recover()`].
//!
//! # Inspection
//!
//! [`Table::explain`] returns a verdict for every route, [`Table::lints`] the routes that are never reached and conditions
//! that probably mean something else. A
//! `SwapRouter` is replaced while it serves, and may be reloaded from a file.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `http2` | the `:protocol` of an HTTP/2 CONNECT, for [`Route::upgrade`] |
//! | `serde` | routes, explanations and differences as data, and `TableSpec` |
//! | `toml`, `json`, `schema` | files for `TableSpec`, and their JSON schema |
//! | `swap`, `watch` | `SwapRouter`; `FileWatcher` |
//! | `dialects` | the rule languages of Traefik v3 and vulcand |
//! | `axum` | `axum::serve(listener, router)` with the [`Peer`] of each connection, and axum's `ConnectInfo` as the peer; redirects of a router inside axum's `nest_service` keep the prefix (`OriginalUri`) |
//! | `tracing` | an event for each response of 500 that the router makes, and if a request lacks a peer that conditions read |
//!
//! None is on by default.
//!
//! # Use within axum
//!
//! Handlers use axum's extractors and responses, since both come from `axum-core`. Only `Path`, `RawPathParams` and
//! `MatchedPath` read private data of axum's router: use [`Matched`] instead, or a struct that derives `Extract` of
//! `waylay-extract`.
//!
//! # Modules
//!
//! The public items are re-exported from these private modules, from top to bottom:
//!
//! | module | contents |
//! |---|---|
//! | `service` | [`Router`], [`Builder`], [`Scope`], handlers, layers, mounts, reload |
//! | `table` | [`Table`], look-up, [`Urls`], lints, explanations, differences |
//! | `config` | `TableSpec` from TOML and JSON |
//! | `compile` | conditions to compiled patterns: rank, overlap, [`BuildErrors`] |
//! | `route` | [`Route`], its conditions, rules lowered to conditions |
//! | `matcher` | compiled conditions |
//! | [`rule`](mod@rule) | the rule language |
//! | `request` | [`Policy`], [`Peer`], normalized requests |
//! | `template` | compiled templates; the syntax tree is in the crate `waylay-template` |
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
pub use crate::request::pairs::MAX_PAIRS;
pub use crate::request::path::BadRequest;
pub use crate::request::peer::ConnectionInfo;
pub use crate::request::peer::Peer;
pub use crate::request::policy::{
    AmbiguousPath, EmptySegments, MethodMiss, MissingHost, OptionsAnswer, PathCleaning, PathForm, Policy,
    Precedence, PrefixMatch, QueryValues, TrailingSlash,
};
pub use crate::request::shared::MAX_MATCHED_BYTES;
pub use crate::request::view::RequestHead;
pub use crate::route::conditions::SourceLocation;
pub use crate::route::route::Route;
pub use crate::route::scope_conditions::{MAX_SCOPE_DEPTH, ScopeConditions};
pub use crate::service::builder::Builder;
pub use crate::service::endpoint::{HttpLayer, HttpService, Next, NextFuture};
pub use crate::service::handler::NotRouted;
pub use crate::service::handler::{Handler, HandlerFuture};
#[cfg(feature = "axum")]
pub use crate::service::make::IntoMakeServiceWithConnectInfo;
pub use crate::service::make::{Connection, ConnectionService, IntoMakeService};
pub use crate::service::mount::{Mount, OuterLocation};
pub use crate::service::recover::{RecoverFuture, RecoverLayer, RecoverService, recover};
pub use crate::service::router::{Router, RouterFuture};
pub use crate::service::scope::{FitsState, PendingEndpoint, Scope};
#[cfg(feature = "swap")]
pub use crate::service::swap::SwapRouter;
#[cfg(feature = "watch")]
pub use crate::service::watch::{FileWatcher, ReloadEvent};
pub use crate::table::builder::TableBuilder;
pub use crate::table::catalog::{RouteInfo, ScopeInfo};
pub use crate::table::condition_lint::ConditionLint;
pub use crate::table::diff::{Change, Diff};
pub use crate::table::explain::{Candidate, Explanation, Verdict};
pub use crate::table::lint::{Lint, LintKind};
pub use crate::table::lookup::{Match, Table};
pub use crate::table::matched::{Capture, Matched};
pub use crate::table::miss::{Miss, Reason, Redirect};
pub use crate::table::routes::ScopeId;
pub use crate::table::url::UrlError;
pub use crate::table::url::{UrlBuilder, Urls};
pub use axum_core::body::Body;
pub use waylay_template::{
    MAX_REGEX_BYTES, MAX_SEGMENTS, MAX_TEMPLATE_BYTES, MAX_VARIABLES, OneLine, TemplateError,
    TemplateErrorKind,
};

#[doc = include_str!("../docs/from-axum.md")]
pub mod from_axum {}

#[doc = include_str!("../docs/ranks.md")]
pub mod ranks {}

#[doc = include_str!("../docs/from-gorilla-mux.md")]
pub mod from_gorilla_mux {}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
