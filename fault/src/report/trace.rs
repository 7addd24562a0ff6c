//! Events of the crate `tracing`.

use std::fmt;

use http::Method;
use tracing::{Level, Span, event};

use crate::config::one_line::OneLine;
use crate::report::event::Action;

/// Emits an event for an injection that begins, and records the fault in the field `fault.injected`
/// of the current span, if the span has declared it.
pub(crate) fn started(fault: &str, actions: &[Action], (method, path): (&Method, &str)) {
    let actions = List(actions);
    Span::current().record("fault.injected", fault);
    event!(
        target: "waylay_fault",
        Level::INFO,
        fault,
        %actions,
        %method,
        path = OneLine(path).to_string().as_str(),
        "fault injected"
    );
}

/// Emits an event for what a dry run would have injected.
pub(crate) fn dry_run(fault: &str, actions: &[Action], (method, path): (&Method, &str)) {
    let actions = List(actions);
    event!(
        target: "waylay_fault",
        Level::INFO,
        fault,
        %actions,
        %method,
        path = OneLine(path).to_string().as_str(),
        "fault not injected: dry run"
    );
}

/// Emits an event for what happened to a set of faults; a warning if it is not as its operator wants.
pub(crate) fn set_event(text: &dyn fmt::Display, is_warning: bool) {
    if is_warning {
        event!(target: "waylay_fault", Level::WARN, "{text}");
    } else {
        event!(target: "waylay_fault", Level::INFO, "{text}");
    }
}

struct List<'a>(&'a [Action]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, action)| {
            f.write_str(if index == 0 { "" } else { ", " })?;
            action.fmt(f)
        })
    }
}
