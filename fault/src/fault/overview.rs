//! SetOverview: all that is known about a set of faults at one time, as data.

use std::time::Duration;

use tokio::time::Instant;

use crate::fault::fault::Fault;
use crate::fault::guards::GuardState;
use crate::fault::set::{FaultSet, SetMember};
use crate::fault::switch::halted;
use crate::report::counts::Counts;
use crate::report::event::{FaultPlacement, SkipReason};
use crate::report::set_event::StopReason;

/// All that is known about a [`FaultSet`] at one time, made by [`FaultSet::overview`].
///
/// With the feature `serde` it can be serialized; times are then numbers of seconds, under names
/// that end in `_seconds`. The counters are read one by one: under load they may differ by a few
/// requests.
///
/// ```
/// use waylay_fault::{Fault, FaultSet, Guards, SkipReason, error};
///
/// let set = FaultSet::builder().environment("staging").build();
/// set.replace([Fault::new("flaky", error(503)).participation(0.1).limit(500)])?;
/// set.set_guards(Guards::new().max_active(50))?;
///
/// let overview = set.overview();
/// assert_eq!((overview.revision, overview.environment.as_deref()), (1, Some("staging")));
/// assert_eq!((overview.guards.max_active, overview.guards.active), (Some(50), 0));
/// let fault = &overview.faults[0];
/// assert_eq!((&*fault.name, fault.is_enabled, fault.participation), ("flaky", false, 0.1));
/// assert_eq!((fault.limit, fault.inactive), (Some(500), Some(SkipReason::NotEnabled)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SetOverview {
    /// The number of the current set; 0 before the first.
    pub revision: u64,
    /// The environment that the process declared.
    pub environment: Option<String>,
    /// Whether every fault of the process is [halted](crate::halt).
    pub is_halted: bool,
    /// Whether the time of the set is over.
    pub is_expired: bool,
    /// The time that is left of it, if that is limited.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "expires_in_seconds", serialize_with = "crate::report::serialize::optional_seconds")
    )]
    pub expires_in: Option<Duration>,
    /// Why it stopped by itself, if it did.
    pub stop: Option<StopReason>,
    /// The limits of all faults together, and what they have counted.
    pub guards: GuardOverview,
    /// The faults in their order.
    pub faults: Vec<FaultOverview>,
}

/// The limits of a set and what they have counted, in a [`SetOverview`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct GuardOverview {
    /// Whether nothing is injected.
    pub is_dry_run: bool,
    /// Paths that no fault touches.
    pub protected_paths: Vec<String>,
    /// Names of the headers whose requests no fault touches; their values may be secrets.
    pub protected_headers: Vec<String>,
    /// How many injections may run at once.
    pub max_active: Option<u64>,
    /// Injections under way.
    pub active: u64,
    /// How many injections may begin within a second.
    pub max_per_second: Option<u64>,
    /// Injections that began within the last second; counted only with `max_per_second`.
    pub last_second: u64,
    /// The share of all requests that may be injected.
    pub max_affected: Option<f64>,
    /// Requests within the window of that share.
    pub window_requests: u64,
    /// Injections within it.
    pub window_injected: u64,
    /// The share of genuine errors at which the set stops.
    pub stop_error_ratio: Option<f64>,
    /// The quantile of the genuine latencies that is limited.
    pub stop_quantile: Option<f64>,
    /// Its limit.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "stop_latency_seconds",
            serialize_with = "crate::report::serialize::optional_seconds"
        )
    )]
    pub stop_latency: Option<Duration>,
    /// The service's own responses to clients, within the window of the automatic stop; counted only
    /// with such limits.
    pub server_responses: ResponseCounts,
    /// The responses that client layers received, likewise.
    pub client_responses: ResponseCounts,
}

/// Genuine responses within the window of the automatic stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ResponseCounts {
    /// All of them.
    pub all: u64,
    /// A status from 500 on, or a failed call.
    pub errors: u64,
    /// Later than the limit of the latency.
    pub late: u64,
}

/// One fault of a [`SetOverview`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FaultOverview {
    /// The name.
    pub name: String,
    /// The side on which it acts.
    pub placement: FaultPlacement,
    /// Whether it is enabled.
    pub is_enabled: bool,
    /// Why it skips every request now, if it does.
    pub inactive: Option<SkipReason>,
    /// The share of requests to select.
    pub participation: f64,
    /// The share at this time: less during a ramp, and 0 while it is inactive.
    pub current_participation: f64,
    /// The seed of its draws.
    pub seed: u64,
    /// The group of which it is a member.
    pub group: Option<String>,
    /// Selected requests that are skipped at first.
    pub skip: u64,
    /// Of those after them, each of this number is injected.
    pub every: u64,
    /// Injections at most.
    pub limit: Option<u64>,
    /// Selected requests so far; counted only with one of the three limits above.
    pub selected: u64,
    /// Injections at most of each key.
    pub first_per_key: Option<u64>,
    /// The time until it begins, if that is to come.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "starts_in_seconds", serialize_with = "crate::report::serialize::optional_seconds")
    )]
    pub starts_in: Option<Duration>,
    /// The time until it ends by itself, if it does.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "ends_in_seconds", serialize_with = "crate::report::serialize::optional_seconds")
    )]
    pub ends_in: Option<Duration>,
    /// The outcomes of the requests so far.
    pub counts: Counts,
}

impl FaultSet {
    /// Returns all that is known about the set at this time. A set whose time is over is disabled by
    /// this.
    pub fn overview(&self) -> SetOverview {
        self.check_expiry();
        let (now, guards) = (Instant::now(), self.guards());
        let deadline = guards.deadline();
        let (revision, snapshot) = self.revision_and_snapshot();
        SetOverview {
            revision,
            environment: self.environment().map(str::to_owned),
            is_halted: halted(),
            is_expired: deadline.is_some_and(|deadline| now >= deadline),
            expires_in: deadline.map(|deadline| deadline.saturating_duration_since(now)),
            stop: guards.stop_reason(),
            guards: guard_overview(guards, now),
            faults: snapshot.members.iter().map(|member| fault_overview(member, now)).collect(),
        }
    }
}

fn guard_overview(guards: &GuardState, now: Instant) -> GuardOverview {
    let source = guards.source();
    let (last_second, [window_requests, window_injected]) = guards.used(now);
    let [server_responses, client_responses] =
        guards.genuine(now).map(|[all, errors, late]| ResponseCounts { all, errors, late });
    let latency = source.stop.as_ref().and_then(|stop| stop.latency.as_ref());
    GuardOverview {
        is_dry_run: source.dry_run,
        protected_paths: source.protect_paths,
        protected_headers: source.protect_headers.into_iter().map(|(name, _)| name).collect(),
        max_active: source.max_active,
        active: guards.active(),
        max_per_second: source.max_per_second,
        last_second,
        max_affected: source.max_affected.map(|(share, _)| share),
        window_requests,
        window_injected,
        stop_error_ratio: source.stop.as_ref().and_then(|stop| stop.error_ratio),
        stop_quantile: latency.map(|(quantile, _)| *quantile),
        stop_latency: latency.and_then(|(_, limit)| limit.duration().ok()),
        server_responses,
        client_responses,
    }
}

fn fault_overview(member: &SetMember, now: Instant) -> FaultOverview {
    let SetMember { placement, fault: Fault { state }, .. } = member;
    let schedule = &state.limits.schedule;
    let factor = if state.switch.is_halted() {
        Err(SkipReason::Halted)
    } else if !state.switch.enabled() {
        Err(SkipReason::NotEnabled)
    } else {
        state.limits.factor(Some(now))
    };
    let participation = state.switch.participation();
    let limits = state.window.limits();
    FaultOverview {
        name: state.name.to_string(),
        placement: *placement,
        is_enabled: state.switch.enabled(),
        inactive: factor.err(),
        participation,
        current_participation: participation * factor.unwrap_or_default(),
        seed: state.sampler.seed(),
        group: state.member.as_ref().map(|member| member.group_name().to_owned()),
        skip: limits.skip,
        every: limits.every,
        limit: limits.limit,
        selected: state.window.count(),
        first_per_key: state.limits.attempts.as_ref().map(|table| table.first()),
        starts_in: Some(schedule.begin().saturating_duration_since(now)).filter(|time| !time.is_zero()),
        ends_in: schedule.deadline().map(|end| end.saturating_duration_since(now)),
        counts: state.counters.snapshot(),
    }
}
