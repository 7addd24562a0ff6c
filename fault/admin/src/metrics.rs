//! Metrics of a set of faults in the text format of Prometheus.

use std::fmt::Write;

use waylay_fault::SetOverview;

use crate::traffic::histogram::HistogramView;
use crate::traffic::traffic::TrafficView;

/// The content type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes all metrics.
pub(crate) fn text(overview: &SetOverview, traffic: Option<&TrafficView>) -> String {
    let mut text = Text::default();
    let flag = |value: bool| f64::from(u8::from(value));
    text.family("waylay_fault_revision", "gauge", "Number of the current set of faults");
    text.sample("", &[], overview.revision as f64);
    text.family("waylay_fault_halted", "gauge", "Whether every fault of the process is halted");
    text.sample("", &[], flag(overview.is_halted));
    text.family("waylay_fault_stopped", "gauge", "Whether the set stopped by itself");
    text.sample("", &[], flag(overview.stop.is_some()));
    text.family("waylay_fault_expired", "gauge", "Whether the time of the set is over");
    text.sample("", &[], flag(overview.is_expired));
    text.family("waylay_fault_dry_run", "gauge", "Whether nothing is injected");
    text.sample("", &[], flag(overview.guards.is_dry_run));
    if let Some(time) = overview.expires_in {
        text.family("waylay_fault_expires_in_seconds", "gauge", "Time that is left of the set");
        text.sample("", &[], time.as_secs_f64());
    }
    faults(&mut text, overview);
    if let Some(traffic) = traffic {
        responses(&mut text, traffic);
    }
    text.text
}

fn faults(text: &mut Text, overview: &SetOverview) {
    let faults = || {
        overview.faults.iter().map(|fault| {
            let labels = [("fault", fault.name.as_str()), ("placement", fault.placement.name())];
            (fault, labels)
        })
    };
    text.family("waylay_fault_enabled", "gauge", "Whether the fault is enabled");
    faults().for_each(|(fault, labels)| text.sample("", &labels, f64::from(u8::from(fault.is_enabled))));
    text.family("waylay_fault_participation", "gauge", "Share of the eligible requests that is selected now");
    faults().for_each(|(fault, labels)| text.sample("", &labels, fault.current_participation));
    text.family("waylay_fault_active", "gauge", "Injections under way");
    faults().for_each(|(fault, labels)| text.sample("", &labels, fault.counts.active as f64));
    text.family("waylay_fault_seen_total", "counter", "Requests that reached the fault");
    faults().for_each(|(fault, labels)| text.sample("", &labels, fault.counts.seen as f64));
    text.family("waylay_fault_injected_total", "counter", "Requests into which the fault was injected");
    faults().for_each(|(fault, labels)| text.sample("", &labels, fault.counts.injected as f64));
    text.family("waylay_fault_skipped_total", "counter", "Requests that the fault skipped, by reason");
    for (fault, [name, placement]) in faults() {
        let Ok(serde_json::Value::Object(counts)) = serde_json::to_value(fault.counts) else { continue };
        let is_reason = |name: &str| !["seen", "injected", "active"].contains(&name);
        for (reason, count) in counts.iter().filter(|(name, _)| is_reason(name)) {
            text.sample("", &[name, placement, ("reason", reason)], count.as_f64().unwrap_or_default());
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
