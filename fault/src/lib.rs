//! Fault injection for tower HTTP services.

mod body;
mod boxed;
mod builder;
mod chance;
mod control;
mod delay;
mod error;
mod fault;
mod future;
mod gate;
mod halt;
mod injector;
mod key;
mod layer;
mod mark;
mod normal;
mod reach;
mod report;
#[cfg(feature = "http2")]
mod reset;
mod scope;
mod service;
mod setup;
mod strike;
mod switch;
mod tally;
mod time;

pub use crate::body::{BodyError, FaultBody, RejectError};
pub use crate::boxed::{BoxedFuture, BoxedLayer, BoxedService};
pub use crate::builder::FaultBuilder;
pub use crate::chance::{Dice, Draws, Key};
pub use crate::control::Control;
pub use crate::delay::Delay;
pub use crate::error::{FaultError, FaultErrors, Problem};
pub use crate::fault::Fault;
pub use crate::future::FaultFuture;
pub use crate::halt::{halt, halted, resume};
pub use crate::injector::abort::{Abort, error};
pub use crate::injector::call::{Call, Inject, Verdict};
pub use crate::injector::chain::chain;
pub use crate::injector::custom::custom;
pub use crate::injector::node::Injector;
pub use crate::injector::random::random;
pub use crate::injector::reject::{Reject, reject};
pub use crate::injector::slow::slow;
pub use crate::key::DecideBy;
pub use crate::layer::FaultLayer;
pub use crate::mark::{Injected, MARK};
pub use crate::report::{Deed, Event, Phase, Reporter, Skip};
#[cfg(feature = "http2")]
pub use crate::reset::ResetCode;
pub use crate::service::FaultService;
pub use crate::switch::ParticipationError;
pub use crate::tally::Counts;
pub use crate::time::{DelayTime, TimeError};

#[doc = include_str!("../docs/decision.md")]
pub mod decision {}

#[doc = include_str!("../docs/wire.md")]
pub mod wire {}
