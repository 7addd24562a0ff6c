//! Metrics of a set of faults in the text format of Prometheus.

use std::fmt::Write;

use waylay_fault::{FaultOverview, FaultSet, SetOverview};

use crate::traffic::histogram::HistogramView;
use crate::traffic::traffic::TrafficView;

/// The content type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes all metrics, under the names that waylay-fault has for the crate `metrics`.
pub(crate) fn text(set: &FaultSet, traffic: Option<&TrafficView>) -> String {
    let overview = set.overview();
    let mut text = Text::default();
    let labels: Vec<_> = set.name().map(|name| ("set", name)).into_iter().collect();
    let flag = |value: bool| f64::from(u8::from(value));
    text.family("waylay_fault_plan_revision", "gauge", "Number of the current set of faults");
    text.sample("", &labels, overview.revision as f64);
    text.family("waylay_fault_halted", "gauge", "Whether every fault of the process is halted");
    text.sample("", &[], flag(overview.is_halted));
    text.family("waylay_fault_stopped", "gauge", "Whether the set stopped by itself");
    text.sample("", &labels, flag(overview.stop.is_some()));
    text.family("waylay_fault_expired", "gauge", "Whether the time of the set is over");
    text.sample("", &labels, flag(overview.is_expired));
    text.family("waylay_fault_dry_run", "gauge", "Whether nothing is injected");
    text.sample("", &labels, flag(overview.guards.is_dry_run));
    if let Some(time) = overview.expires_in {
        text.family("waylay_fault_expires_in_seconds", "gauge", "Time that is left of the set");
        text.sample("", &labels, time.as_secs_f64());
    }
    faults(&mut text, &overview, &labels);
    if let Some(traffic) = traffic {
        responses(&mut text, traffic);
    }
    text.text
}

fn faults(text: &mut Text, overview: &SetOverview, set: &[(&str, &str)]) {
    let each = |text: &mut Text, name, help, value: fn(&FaultOverview) -> f64| {
        text.family(name, "gauge", help);
        for fault in &overview.faults {
            let labels = [&[("fault", &*fault.name), ("side", fault.placement.name())], set].concat();
            text.sample("", &labels, value(fault));
        }
    };
    each(text, "waylay_fault_enabled", "Whether the fault is enabled", |fault| {
        f64::from(u8::from(fault.is_enabled))
    });
    let help = "Share of the eligible requests that is selected now";
    each(text, "waylay_fault_participation", help, |fault| fault.current_participation);
    each(text, "waylay_fault_active", "Injections under way", |fault| fault.counts.active as f64);
    text.family("waylay_fault_requests_total", "counter", "Requests that reached the fault, by outcome");
    for fault in &overview.faults {
        for (outcome, count) in fault.counts.outcomes() {
            let labels = [("fault", &*fault.name), ("side", fault.placement.name()), ("outcome", outcome)];
            text.sample("", &[&labels, set].concat(), count as f64);
        }
    }
}

fn responses(text: &mut Text, traffic: &TrafficView) {
    let origins = [("genuine", &traffic.genuine), ("injected", &traffic.injected)];
    text.family("waylay_responses_total", "counter", "Responses, of genuine and injected requests apart");
    for (origin, HistogramView { responses, errors, .. }) in origins {
        text.sample("", &[("origin", origin), ("outcome", "ok")], responses.saturating_sub(*errors) as f64);
        text.sample("", &[("origin", origin), ("outcome", "error")], *errors as f64);
    }
    text.family("waylay_requests_active", "gauge", "Requests without a response yet");
    text.sample("", &[], traffic.active as f64);
    text.family(
        "waylay_requests_abandoned_total",
        "counter",
        "Requests whose clients left before the response",
    );
    text.sample("", &[], traffic.abandoned as f64);
    text.family("waylay_response_seconds", "histogram", "Time until the head of the response");
    for (origin, histogram) in origins {
        let bounds = traffic.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        let mut sum = 0;
        for (bound, count) in bounds.zip(&histogram.buckets) {
            sum += count;
            text.sample("_bucket", &[("origin", origin), ("le", &bound)], sum as f64);
        }
        text.sample("_sum", &[("origin", origin)], histogram.seconds);
        text.sample("_count", &[("origin", origin)], histogram.responses as f64);
    }
}

/// The text, and the name of the family that is written.
#[derive(Default)]
struct Text {
    text: String,
    family: &'static str,
}

/// A `String` takes all that is written to it, so no write fails.
impl Text {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        let _ = writeln!(self.text, "# HELP {name} {help}.\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.text, "{}{suffix}", self.family);
        for (index, (name, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{}{name}=\"{value}\"", if index == 0 { "{" } else { "," });
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }
}
