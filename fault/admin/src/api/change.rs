//! Change: the endpoints that switch faults, halt and re-arm.

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use waylay_extract::{Extract, routes};
use waylay_fault::{Control, CountLimits};

use crate::access::ticket::TICKET_TIME;
use crate::api::observe::no_fault;
use crate::api::state::AdminState;
use crate::api::view::{self, FaultView, StatusView};
use crate::problem::{Json, Problem};

/// The endpoints that change what is injected.
#[derive(Debug, Extract)]
pub(crate) struct Change {
    #[state]
    state: AdminState,
}

/// Changes one fault; members that are absent stay as they are.
#[derive(Debug, Extract)]
#[route(PATCH "/faults/{name}")]
#[extract(deny_unknown(json), limit = "64KiB")]
pub(crate) struct ChangeFault {
    /// The name of the fault.
    #[param]
    name: String,
    /// Enables or disables it.
    #[json]
    enabled: Option<bool>,
    /// The share of the eligible requests that is selected.
    #[json(min = 0.0, max = 1.0)]
    participation: Option<f64>,
    /// Selected requests that pass first.
    #[json]
    skip: Option<u64>,
    /// Of those after them, each of this number is injected.
    #[json(min = 1)]
    every: Option<u64>,
    /// Injections at most; 0 removes the limit.
    #[json]
    limit: Option<u64>,
}

/// Sets the counters of one fault to zero, those of its limits as well.
#[derive(Debug, Extract)]
#[route(POST "/faults/{name}/reset")]
#[extract(deny_unknown(json), limit = "64KiB")]
pub(crate) struct ResetFault {
    /// The name of the fault.
    #[param]
    name: String,
    /// The occasion, for the log.
    #[json]
    reason: Option<String>,
}

/// Halts every fault of the process: nothing is injected, and running delays and hangs end at once.
#[derive(Debug, Extract)]
#[route(POST "/halt")]
#[extract(deny_unknown(json), limit = "64KiB")]
pub(crate) struct Halt {
    /// The occasion, for the log.
    #[json]
    reason: Option<String>,
}

/// Ends a halt.
#[derive(Debug, Extract)]
#[route(POST "/resume")]
#[extract(deny_unknown(json), limit = "64KiB")]
pub(crate) struct Resume {
    /// The occasion, for the log.
    #[json]
    reason: Option<String>,
}

/// Ends a stop that the set came to by itself; its windows begin anew.
#[derive(Debug, Extract)]
#[route(POST "/rearm")]
#[extract(deny_unknown(json), limit = "64KiB")]
pub(crate) struct Rearm {
    /// The occasion, for the log.
    #[json]
    reason: Option<String>,
}

/// Issues a ticket, with which `events?ticket=…` is opened without a header, as browsers do.
#[derive(Debug, Extract)]
#[route(POST "/tickets")]
pub(crate) struct IssueTicket {}

/// A ticket for the event stream.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TicketView {
    /// Its text.
    ticket: String,
    /// The time within which it opens the stream.
    expires_in_seconds: f64,
}

#[routes(state = AdminState)]
impl Change {
    pub(crate) async fn fault(&self, change: ChangeFault) -> Result<Json<FaultView>, Problem> {
        let control = self.control(&change.name)?;
        let done = change.apply(&control)?;
        self.state.note(format!("fault {} changed by the admin API: {}", change.name, done.join(", ")));
        self.view(&change.name)
    }

    pub(crate) async fn reset(&self, reset: ResetFault) -> Result<Json<FaultView>, Problem> {
        self.control(&reset.name)?.reset_counts();
        self.note(&format!("counters of fault {} reset", reset.name), reset.reason);
        self.view(&reset.name)
    }

    pub(crate) async fn halt(&self, halt: Halt) -> Json<StatusView> {
        waylay_fault::halt();
        self.note("every fault halted", halt.reason);
        Json(StatusView::new(&self.state))
    }

    pub(crate) async fn resume(&self, resume: Resume) -> Json<StatusView> {
        waylay_fault::resume();
        self.note("faults resumed", resume.reason);
        Json(StatusView::new(&self.state))
    }

    pub(crate) async fn rearm(&self, rearm: Rearm) -> Json<StatusView> {
        self.note("faults to be armed again", rearm.reason);
        self.state.set.rearm();
        Json(StatusView::new(&self.state))
    }

    pub(crate) async fn ticket(&self, _: IssueTicket) -> Result<Json<TicketView>, Problem> {
        let failed =
            |error: getrandom::Error| Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
        let ticket = self.state.access.tickets.issue().map_err(failed)?;
        Ok(Json(TicketView { ticket, expires_in_seconds: TICKET_TIME.as_secs_f64() }))
    }

    fn control(&self, name: &str) -> Result<Control, Problem> {
        self.state.set.control(name).ok_or_else(|| no_fault(name))
    }

    fn view(&self, name: &str) -> Result<Json<FaultView>, Problem> {
        view::faults(&self.state, Some(name)).pop().map(Json).ok_or_else(|| no_fault(name))
    }

    fn note(&self, what: &str, reason: Option<String>) {
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        self.state.note(format!("{what} by the admin API{reason}"));
    }
}

impl ChangeFault {
    /// Makes the changes, and returns them as texts. The limits come first, so that a fault is never enabled with the
    /// old ones.
    fn apply(&self, control: &Control) -> Result<Vec<String>, Problem> {
        let invalid = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
        let mut done = Vec::new();
        if self.skip.is_some() || self.every.is_some() || self.limit.is_some() {
            let old = control.count_limits();
            let limit = match self.limit {
                Some(0) => None,
                Some(limit) => Some(limit),
                None => old.limit,
            };
            let limits = CountLimits {
                skip: self.skip.unwrap_or(old.skip),
                every: self.every.unwrap_or(old.every),
                limit,
            };
            control.set_count_limits(limits);
            let limit = limits.limit.map_or("none".to_owned(), |limit| limit.to_string());
            done.push(format!("skip {}, every {}, limit {limit}", limits.skip, limits.every));
        }
        if let Some(share) = self.participation {
            control.set_participation(share).map_err(|error| invalid(error.to_string()))?;
            done.push(format!("participation {share}"));
        }
        if let Some(enabled) = self.enabled {
            control.set_enabled(enabled);
            done.push(if enabled { "enabled".to_owned() } else { "disabled".to_owned() });
        }
        if done.is_empty() {
            let members = "`enabled`, `participation`, `skip`, `every` or `limit`";
            return Err(invalid(format!("nothing to change: give {members}")));
        }
        Ok(done)
    }
}
