//! Faults that lie in wait: fault injection for [`tower`] HTTP services.
//!
//! A [`Fault`] is a tower layer. It strikes a share of the requests that its lists admit, and
//! [rejects](reject()), [fails](error()) or [slows](slow) them, [cuts](truncate),
//! [corrupts](corrupt()) or [drips](rate_limit) their bodies, has its hand in their
//! [messages](messages()), [picks](random) among several deeds or [chains](chain) them, while a
//! [`Control`] switches it on, off, up and down. It is for
//! staging and game days: to see that clients, retries, timeouts and fallbacks do what they were
//! written for.
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
//! // Off by default.
//! let answer = app.clone().oneshot(order()?).await?;
//! assert_eq!(axum::body::to_bytes(answer.into_body(), 100).await?, "an order");
//!
//! // On: a server would drop the connection without a byte, since the body fails at once.
//! control.set_enabled(true);
//! let answer = app.oneshot(order()?).await?;
//! assert!(axum::body::to_bytes(answer.into_body(), 100).await.is_err());
//! assert_eq!((control.counts().seen, control.counts().injected), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Whom it strikes
//!
//! A request passes these gates in turn; the first that turns it away is counted as the reason.
//!
//! 1. the process is not [halted](halt) and the fault is [on](Control::set_enabled);
//! 2. it is not a [probe's](FaultBuilder::protect_probes);
//! 3. no [block list](FaultBuilder::block_paths) holds it, and each kind of
//!    [allow list](FaultBuilder::allow_paths) that was given does;
//! 4. the fault has not decided on it before, further out;
//! 5. the [draw](decision) falls below the [participation](FaultBuilder::participation);
//! 6. its [group](Group) has picked no other fault for it;
//! 7. what is to be done can [reach](wire) the client, and is due (a [quota] may have room left);
//! 8. its turn has come: it is [past the first](FaultBuilder::skip), [one of so
//!    many](FaultBuilder::every), [within the limit](FaultBuilder::limit).
//!
//! Draws are hashes of a key, not the next numbers of a generator: lock-free, the same again under
//! the same [seed](FaultBuilder::seed), and by a request or trace id the same on every replica.
//!
//! # Where it lies
//!
//! | around | by | what it adds |
//! |---|---|---|
//! | a service | [`Fault::layer`] | |
//! | a listener | [`FaultListener`] | faults of connections ([`Toxic`]s, delays, closes, resets); layers reach the wire by the [`Connection`] that it lends |
//! | a client | [`Fault::client_layer`] | rejects are errors: [`ClientError`] |
//! | a connector | `FaultConnector`, [`Fault::connect_layer`] | the client's own errors, from true transport errors |
//!
//! # What the client sees
//!
//! [`wire`] has the table, of every deed for every protocol, made of real runs. Every answer that a fault made or slowed is
//! marked: for clients by the header [`INJECTED_HEADER`], within the process by the extension [`Injected`].
//!
//! # What it costs
//!
//! While it is off, one relaxed load a request, no allocation and no copy of the request; nothing is
//! counted then. (axum boxes every body that is not of its own type, which is an allocation of axum's;
//! `FaultLayer::boxed` spares it.) A fault at work costs those that it does not
//! strike the lists, one hash and a note in their extensions, so that it decides but once.
//!
//! # Shutting down
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
//! | `hyper` | connections of hyper-util's client and of tonic in a [`FaultConnector`]; [`serve_connection`], which hears GOAWAY |
//! | `net` | tokio's listeners in a [`FaultListener`]; with `axum` it goes into `axum::serve` |
//! | `serde` | [`Counts`] as data |
//!
//! [`tower`]: https://github.com/tower-rs/tower

// Modules, top to bottom. A module imports only from modules below it (checked by `examples/tests/modules.rs`).
//
// plan        Fault plans: documents, formats, sources
// service     Layers, services and futures of tower, for servers and clients
// io          Streams, listeners and connectors with faults; HTTP and WebSocket framing
// fault       Fault: filter, selection, capability, execution, control
// injector    Injectors, the tree of them, and the steps drawn for a request
// connection  Handle of a connection and the commands that it takes
// random      Keyed draws, distributions, delays
// body        FaultBody and its stages
// report      Events, counters, the mark of an injected response
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
pub use crate::connection::command::ChunkError;
pub use crate::connection::command::Direction;
#[cfg(feature = "http2")]
pub use crate::connection::command::ResetCode;
pub use crate::connection::error::InjectedError;
pub use crate::connection::error::InjectedIoError;
pub use crate::connection::handle::Connection;
pub use crate::connection::handle::PeerAddr;
pub use crate::connection::layer::{ConnectionLayer, ConnectionService};
pub use crate::fault::builder::FaultBuilder;
pub use crate::fault::control::Control;
pub use crate::fault::explain::{Explanation, FaultExplanation};
pub use crate::fault::fault::Fault;
pub use crate::fault::guards::Guards;
pub use crate::fault::selection::Group;
pub use crate::fault::set::{FaultPlacement, FaultSet, FaultSetBuilder, SetError, SetEvent, SetStatus};
pub use crate::fault::stop::{AutoStop, StopReason};
pub use crate::fault::switch::ParticipationError;
pub use crate::fault::switch::{halt, halted, resume};
pub use crate::injector::abort::RetryAfter;
pub use crate::injector::abort::{Abort, error};
pub use crate::injector::abort::{Grpc, grpc};
pub use crate::injector::corrupt::{Corrupt, Corruption, corrupt};
pub use crate::injector::custom::{Inject, InjectContext, InjectOutcome};
pub use crate::injector::key::DecideBy;
pub use crate::injector::messages::{Format, Messages, messages};
pub use crate::injector::quota::{Quota, quota};
pub use crate::injector::reject::{Reject, reject};
pub use crate::injector::rewrite::{LengthOffset, WrongLength, wrong_length};
pub use crate::injector::rewrite::{Patch, patch};
pub use crate::injector::rewrite::{Replace, replace};
pub use crate::injector::slow::slow;
pub use crate::injector::slow::{RateLimit, rate_limit};
pub use crate::injector::toxic::Toxic;
pub use crate::injector::tree::Injector;
pub use crate::injector::tree::chain;
pub use crate::injector::tree::custom;
pub use crate::injector::tree::{random, random_by};
pub use crate::injector::truncate::{Truncate, TruncateAt, TruncateEnd, truncate};
pub use crate::io::connector::{ConnectError, ConnectFuture, ConnectLayer, ConnectService};
#[cfg(feature = "hyper")]
pub use crate::io::connector::{FaultConnector, FaultIo};
pub use crate::io::listener::{Accept, FaultListener};
pub use crate::io::proto::websocket::{TappedStream, tap};
#[cfg(all(feature = "axum", feature = "net"))]
pub use crate::io::serve::{MakeWithConnection, WithConnection, with_connection};
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
pub use crate::report::event::{Action, Event, Phase, Reporter, Side, SkipReason};
pub use crate::report::mark::{INJECTED_HEADER, Injected};
pub use crate::service::client::{ClientError, ClientFuture, ClientLayer, ClientService};
pub use crate::service::future::FaultFuture;
pub use crate::service::layer::FaultLayer;
pub use crate::service::layer::{BoxedFuture, BoxedLayer, BoxedService};
pub use crate::service::service::FaultService;

#[doc = include_str!("../docs/decision.md")]
pub mod decision {}

#[doc = include_str!("../docs/effects.md")]
pub mod effects {}

#[cfg(feature = "plan")]
#[doc = include_str!("../docs/plans.md")]
pub mod plans {}

#[cfg(all(doctest, feature = "axum", feature = "net"))]
#[doc = include_str!("../README.md")]
mod readme {}
