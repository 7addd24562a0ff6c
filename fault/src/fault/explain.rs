//! Explanation: what every fault of a set would do to a request, and why not.

use std::fmt;

use http::Request;

use crate::config::one_line::OneLine;
use crate::fault::execution::clone_head;
use crate::fault::set::FaultSet;
use crate::report::event::{Action, FaultPlacement, SkipReason};

/// What a [`FaultSet`] would do to a request, made by [`FaultSet::explain`].
///
/// ```
/// use http::Request;
/// use waylay_fault::{Fault, FaultSet, SkipReason, error};
///
/// let set = FaultSet::new();
/// set.replace([
///     Fault::new("pay", error(503)).enabled(true).participation(1.0).allow_paths(["/pay"]),
///     Fault::new("all", error(500)).enabled(true).participation(1.0),
/// ])?;
/// let explanation = set.explain(&Request::get("/cart").body(()).expect("it is valid"));
/// assert_eq!(explanation.faults()[0].skipped(), Some(SkipReason::NoMatch));
/// assert_eq!(explanation.to_string(), "pay (server): skipped: no match\nall (server): error 500");
/// assert_eq!(set.counts()[0].1.seen, 0, "nothing is counted");
/// # Ok::<(), waylay_fault::SetError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    faults: Vec<FaultExplanation>,
}

/// What one fault would do to a request.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultExplanation {
    name: String,
    placement: FaultPlacement,
    result: Result<Vec<Action>, SkipReason>,
    is_dry_run: bool,
    awaits_response: bool,
}

impl Explanation {
    /// Returns the faults in their order.
    pub fn faults(&self) -> &[FaultExplanation] {
        &self.faults
    }
}

impl FaultExplanation {
    /// Returns the name of the fault.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where the fault acts.
    pub fn placement(&self) -> FaultPlacement {
        self.placement
    }

    /// Returns why the fault would skip the request, if it would.
    pub fn skipped(&self) -> Option<SkipReason> {
        match &self.result {
            Ok(_) => self.is_dry_run.then_some(SkipReason::DryRun),
            Err(reason) => Some(*reason),
        }
    }

    /// Tests whether the service's response decides if the fault acts: see
    /// [`allow_statuses`](crate::FaultBuilder::allow_statuses).
    pub fn awaits_response(&self) -> bool {
        self.awaits_response
    }

    /// Returns what the fault would do, or would do were it no dry run.
    pub fn actions(&self) -> &[Action] {
        self.result.as_deref().unwrap_or_default()
    }
}

impl FaultSet {
    /// Tells for every fault of the set what it would do to this request next, and why not. Nothing
    /// is counted, and no draw, window or quota moves.
    ///
    /// Each fault is asked by itself: that an earlier one answers in the service's place, and so
    /// keeps the request from a later one, is not considered. The request is that of the layer; a
    /// fault of a listener or a connector expects the `CONNECT` that it would decide about.
    pub fn explain<B>(&self, request: &Request<B>) -> Explanation {
        let head = clone_head(request);
        let snapshot = self.snapshot();
        let faults = snapshot.members.iter().map(|member| {
            let selected = member.fault.preview(member.placement.into(), &head);
            FaultExplanation {
                name: member.fault.name().to_owned(),
                placement: member.placement,
                awaits_response: selected.as_ref().is_ok_and(|selected| selected.awaited.is_some()),
                is_dry_run: selected.as_ref().is_ok_and(|selected| selected.is_dry_run),
                result: selected.map(|selected| selected.steps.actions),
            }
        });
        Explanation { faults: faults.collect() }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl fmt::Display for FaultExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): ", OneLine(&self.name), self.placement)?;
        if let Some(reason) = self.skipped() {
            write!(f, "skipped: {reason}")?;
        }
        let between = if self.skipped().is_some() { "; would do " } else { "" };
        for (index, action) in self.actions().iter().enumerate() {
            write!(f, "{}{action}", if index == 0 { between } else { ", " })?;
        }
        if self.awaits_response { f.write_str(", if the response matches") } else { Ok(()) }
    }
}
