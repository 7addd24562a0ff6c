//! Fault injection for [`tower`] HTTP services.
//!
//! A [`Fault`] is a tower layer. It selects a share of the requests that its filter admits, and
//! [rejects](reject()), [fails](error()) or [delays](slow) them, [truncates](truncate),
//! [corrupts](corrupt()), [rate-limits](rate_limit) or [dribbles](dribble()) their bodies, changes their
//! [messages](messages()), [picks](random) one of several injectors or [chains](chain) them, while
//! a [`Control`] enables, disables and adjusts it. It is made for staging and game days: to verify
//! that clients, retries, timeouts and fallbacks work.
//!
//! ```
//! use axum::{Router, body::Body, extract::Request, routing::get};
//! use tower::ServiceExt;
//! use waylay_fault::{Delay, Fault, Reject, chain, reject, slow};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let dropped = Fault::new("dropped-orders", chain([
//!         slow(Delay::lognormal("5ms", 0.4).max("20ms")),
//!         reject(Reject::EmptyReply),
//!     ]))
//!     .participation(1.0)
//!     .block_paths(["/orders/{id}/pay"])
//!     .build()?;
//! let control = dropped.control();
//!
//! let app = Router::new().route("/orders/{id}", get(async || "an order")).layer(dropped.layer());
//! let order = || Request::get("/orders/7").body(Body::empty());
//!
//! // Disabled by default.
//! let response = app.clone().oneshot(order()?).await?;
//! assert_eq!(axum::body::to_bytes(response.into_body(), 100).await?, "an order");
//!
//! // Enabled: a server would drop the connection without a byte, since the body fails at once.
//! control.set_enabled(true);
//! let response = app.oneshot(order()?).await?;
//! assert!(axum::body::to_bytes(response.into_body(), 100).await.is_err());
//! assert_eq!((control.counts().seen, control.counts().injected), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Selection
//!
//! A request passes these checks in order; the first that rejects it is counted as the reason.
//!
//! 1. The process is not [halted](halt) and the fault is [enabled](Control::set_enabled).
//! 2. The request is not a [probe](FaultBuilder::protect_probes).
//! 3. No [block list](FaultBuilder::block_paths) contains it, and every [allow
//!    list](FaultBuilder::allow_paths) that is set does.
//! 4. Its [baggage](FaultBuilder::baggage) names the fault, and its headers [ask](header_control()) for one,
//!    if they have to.
//! 5. The fault has not decided on it before, in an outer layer.
//! 6. The [draw](decision) is below the [participation](FaultBuilder::participation), or below the share of a
//!    [flag](FaultBuilder::flag).
//! 7. Its [group](Group) has picked no other fault for it.
//! 8. The action is [deliverable](effects) here, and due (a [quota] may not be exhausted).
//! 9. The service's [response](FaultBuilder::allow_statuses) matches, if it has to.
//! 10. It is inside of the count window: [after the first](FaultBuilder::skip), [each
//!     n-th](FaultBuilder::every), [up to a limit](FaultBuilder::limit).
//!
//! Draws are hashes of a key, not the next numbers of a generator: they need no lock, are
//! reproducible under the same [seed](FaultBuilder::seed), and with a request or trace id as the
//! key they are equal on every replica.
//!
//! # Placement
//!
//! | around | by | adds |
//! |---|---|---|
//! | a service | [`Fault::layer`] | |
//! | a listener | [`FaultListener`] | connection-level faults ([`Toxic`]s, delays, closes, resets); layers control the connection by its [`Connection`] handle |
//! | a client | [`Fault::client_layer`] | rejections as errors: [`ClientError`] |
//! | a connector | `FaultConnector`, [`Fault::connect_layer`] | the client's own errors, from real transport errors |
//!
//! # Effects
//!
//! [`effects`] lists what clients observe, for every action and protocol, measured with real
//! clients. Every response that a fault made or changed is marked: by the header
//! [`INJECTED_HEADER`] for clients, by the extension [`Injected`] within the process.
//!
//! # Cost
//!
//! A disabled fault costs one relaxed load per request, no allocation and no copy of the request;
//! nothing is counted. (axum boxes every body that is not its own type; `FaultLayer::boxed` avoids
//! this allocation.) A fault with rules for [messages](messages()) copies the head of each request, to
//! reach open streams when it is enabled. An enabled fault costs the requests that it does not select the lists, one
//! hash, and an entry in their extensions, so that it decides only once.
//!
//! # Shutdown
//!
//! Call [`halt`] before the server begins to drain: running delays and hangs end at once.
//!
//! # Features
//!
//! | feature | for |
//! |---|---|
//! | `http2` | chosen HTTP/2 reset codes: `Reject::StreamReset` |
//! | `router` | lists of waylay-router's routes, `block_routes` and `allow_routes`, and of its rules, `block_rules` and `allow_rules` |
//! | `axum` | lists of axum's routes: `block_routes`, `allow_routes`; `FaultLayer::boxed` |
//! | `hyper` | connections of hyper-util's client and of tonic in a [`FaultConnector`]; [`serve_connection`], which supports GOAWAY |
//! | `net` | tokio's listeners in a [`FaultListener`]; with `axum` it is accepted by `axum::serve` |
//! | `serde` | [`Counts`], [`SetOverview`] and the events of an [`EventLog`] as data |
//! | `plan`; `toml`, `json`, `yaml` | `FaultPlan`: faults and guards as a document, applied to a [`FaultSet`]; one feature for each format |
//! | `panic` | `panic`: a panic in the task of the handler |
//! | `stress` | `stress`: load on the processors and the memory of the process |
//! | `metrics` | counters and gauges of the crate `metrics`: `FaultSetBuilder::metrics`, [their names](reports#metrics) |
//! | `openfeature` | the flags of an OpenFeature client as a [`FlagSource`]: `OpenFeatureFlags`; `open-feature` 0.3 brings its test tool `mockall` along, a custom `FlagSource` needs no feature |
//! | `tracing` | an event of the crate `tracing` for each injection |
//!
//! [`tower`]: https://github.com/tower-rs/tower

// Modules, top to bottom. A module imports only from modules below it (checked by `examples/tests/modules.rs`).
//
// plan        Fault plans: documents, formats, sources
// service     Layers, services and futures of tower, for servers and clients (io and service do not import each other)
// io          Streams, listeners and connectors with faults; HTTP and WebSocket framing
// fault       Fault: filter, selection, capability, execution, control
// injector    Injectors, the tree of them, and the steps drawn for a request
// connection  Handle of a connection and the commands that it takes; links that connections share
// random      Keyed draws, distributions, delays
// body        FaultBody and its stages
// report      Events and their log, counters, metrics, the mark of an injected response
// config      Durations and the errors of settings

mod body;
mod config;
mod connection;
mod fault;
mod injector;
mod io;
#[cfg(feature = "plan")]
mod plan;
mod random;
mod report;
mod service;

pub use crate::body::error::{BodyError, RejectError};
pub use crate::body::fault_body::FaultBody;
pub use crate::config::duration::{DelayTime, TimeError};
pub use crate::config::error::{FaultError, FaultErrorKind, FaultErrors};
#[cfg(feature = "http2")]
pub use crate::connection::command::ResetCode;
pub use crate::connection::command::{ChunkError, Direction};
pub use crate::connection::error::{InjectedError, InjectedIoError};
pub use crate::connection::handle::{Connection, PeerAddr};
pub use crate::connection::layer::{ConnectionLayer, ConnectionService};
pub use crate::fault::builder::FaultBuilder;
pub use crate::fault::control::Control;
pub use crate::fault::explain::{Explanation, FaultExplanation};
pub use crate::fault::fault::Fault;
pub use crate::fault::filter::baggage::Baggage;
pub use crate::fault::flag::{Flag, FlagKind, FlagRequest, FlagSource};
pub use crate::fault::guards::Guards;
#[cfg(feature = "openfeature")]
pub use crate::fault::open_feature::OpenFeatureFlags;
pub use crate::fault::overview::{FaultOverview, GuardOverview, ResponseCounts, SetOverview};
#[cfg(feature = "plan")]
pub use crate::fault::registry::PlanRegistry;
pub use crate::fault::selection::{CountLimits, Group};
pub use crate::fault::set::{FaultSet, SetStatus};
pub use crate::fault::set_builder::FaultSetBuilder;
pub use crate::fault::set_error::SetError;
pub use crate::fault::stop::AutoStop;
pub use crate::fault::switch::{ParticipationError, halt, halt_changed, halted, resume};
pub use crate::injector::abort::{Abort, Grpc, RetryAfter, error, grpc};
pub use crate::injector::corrupt::{Corrupt, Corruption, corrupt};
pub use crate::injector::custom::{Inject, InjectContext, InjectOutcome, Inspect};
pub use crate::injector::dribble::{Dribble, dribble};
pub use crate::injector::header_control::{HeaderControl, header_control};
pub use crate::injector::key::DecideBy;
pub use crate::injector::messages::{Format, Messages, messages};
#[cfg(feature = "panic")]
pub use crate::injector::panic::{InjectedPanic, panic};
pub use crate::injector::quota::{Quota, quota};
pub use crate::injector::reject::{Reject, reject};
pub use crate::injector::rewrite::{LengthOffset, Patch, Replace, WrongLength, patch, replace, wrong_length};
pub use crate::injector::slow::{RateLimit, rate_limit, slow};
#[cfg(feature = "stress")]
pub use crate::injector::stress::{Stress, stress};
pub use crate::injector::toxic::Toxic;
pub use crate::injector::tree::{Injector, MAX_INJECTOR_DEPTH, chain, custom, random, random_by};
pub use crate::injector::truncate::{Truncate, TruncateAt, TruncateEnd, truncate};
#[cfg(all(feature = "axum", feature = "net"))]
pub use crate::io::axum::{MakeWithConnection, WithConnection, with_connection};
pub use crate::io::connector::{ConnectError, ConnectFuture, ConnectLayer, ConnectService};
#[cfg(feature = "hyper")]
pub use crate::io::connector::{FaultConnector, FaultIo};
pub use crate::io::listener::{Accept, FaultListener};
pub use crate::io::proto::websocket::{TappedStream, tap};
#[cfg(feature = "hyper")]
pub use crate::io::serve::{ServeError, serve_connection};
pub use crate::io::state::ResetBy;
pub use crate::io::stream::FaultStream;
#[cfg(feature = "plan")]
pub use crate::plan::apply::ApplyError;
#[cfg(feature = "plan")]
pub use crate::plan::error::{PlanError, PlanErrors};
#[cfg(feature = "plan")]
pub use crate::plan::plan::{FaultPlan, PlanFormat};
#[cfg(feature = "plan")]
pub use crate::plan::source::{FileSource, PlanReport, PlanSource, PlanText};
pub use crate::random::delay::{Delay, DelayPoint};
pub use crate::random::distribution::Quantiles;
pub use crate::random::draws::{Draws, Key, Sampler};
pub use crate::report::counts::Counts;
pub use crate::report::event::{
    Action, DelayReport, Event, FaultPlacement, Phase, Reporter, Side, SkipReason,
};
pub use crate::report::log::{EventLog, EventSubscription, LogEntry, LogEvent, LogPage, MissedEvents};
pub use crate::report::mark::{INJECTED_HEADER, Injected};
pub use crate::report::set_event::{SetEvent, StopReason};
pub use crate::service::client::{ClientError, ClientFuture, ClientLayer, ClientService, ServiceError};
pub use crate::service::future::FaultFuture;
pub use crate::service::layer::{BoxedFuture, BoxedLayer, BoxedService, FaultLayer};
pub use crate::service::service::FaultService;

#[doc = include_str!("../docs/decision.md")]
pub mod decision {}

#[doc = include_str!("../docs/effects.md")]
pub mod effects {}

#[doc = include_str!("../docs/reports.md")]
pub mod reports {}

#[cfg(feature = "plan")]
#[doc = include_str!("../docs/plans.md")]
pub mod plans {}

#[cfg(all(doctest, feature = "axum", feature = "net"))]
#[doc = include_str!("../README.md")]
mod readme {}
