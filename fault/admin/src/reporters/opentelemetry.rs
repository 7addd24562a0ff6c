//! OpenTelemetry: metrics of sets of faults, and injections as events of spans.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use opentelemetry::metrics::{AsyncInstrument, Counter, Histogram, Meter};
use opentelemetry::trace::get_active_span;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use waylay_fault::{DelayReport, Event, FaultSet, Phase, Reporter, SetOverview, SkipReason};

/// The boundaries of the semantic conventions for durations of requests, and four for longer delays.
const DELAY_BOUNDARIES: [f64; 18] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0, 120.0,
];

/// Metrics of OpenTelemetry, and events of the current span, for sets of faults.
///
/// It needs the API of OpenTelemetry only; the program chooses the SDK and the exporter, and may use the
/// [global meter](opentelemetry::global::meter).
///
/// | instrument | kind | attributes | value |
/// |---|---|---|---|
/// | `waylay.fault.requests` | counter | `fault`, `side`, `outcome` | requests by outcome: `injected`, or the name of the [`SkipReason`] |
/// | `waylay.fault.active` | up-down counter | `fault`, `side` | injections under way |
/// | `waylay.fault.delay` | histogram, s | `fault`, `side`, `outcome` | delays as they were spent: `finished` or `cancelled` |
/// | `waylay.fault.plan_revision` | gauge | | number of the current set of faults |
/// | `waylay.fault.stopped`, `.expired`, `.dry_run` | gauge | | 1 while it is so |
/// | `waylay.fault.halted` | gauge | | 1 while every fault of the process is halted |
/// | `waylay.fault.set_events` | counter | `outcome` | events of the set: `applied`, `stopped` and so on |
///
/// A set with a [name](waylay_fault::FaultSetBuilder::name) has it in the attribute `set`. In Prometheus the series have
/// the names that they have [without OpenTelemetry](waylay_fault::reports#metrics).
///
/// As a [`Reporter`], it adds to the current span of OpenTelemetry the events `fault.started`, then `fault.finished`,
/// `fault.cancelled` or `fault.abandoned`, and `fault.skipped` for what was drawn and not injected. Their attributes are
/// `fault.name`, `fault.set`, `fault.side`, `fault.actions` and `fault.reason`. The span has the attribute `fault.injected`
/// with the name of the fault. Under `tracing` the layer of `tracing-opentelemetry` makes the span current.
///
/// ```
/// use waylay_fault::{Fault, FaultSet, error};
/// use waylay_fault_admin::OpenTelemetry;
///
/// let telemetry = OpenTelemetry::new(&opentelemetry::global::meter("shop"));
/// let set = FaultSet::builder().name("checkout").reporter(telemetry.clone()).build();
/// telemetry.observe(&set);
/// set.replace([Fault::new("flaky", error(503)).enabled(true).participation(0.1)])?;
/// # Ok::<(), waylay_fault::SetError>(())
/// ```
#[derive(Clone)]
pub struct OpenTelemetry {
    meter: Meter,
    delay: Histogram<f64>,
    set_events: Counter<u64>,
}

impl OpenTelemetry {
    /// Returns a reporter whose instruments are of this meter.
    pub fn new(meter: &Meter) -> Self {
        let delay = meter.f64_histogram("waylay.fault.delay").with_unit("s");
        let delay =
            delay.with_description("Delays of requests and of heads of responses, as they were spent");
        let set_events = meter.u64_counter("waylay.fault.set_events").with_unit("{event}");
        Self {
            meter: meter.clone(),
            delay: delay.with_boundaries(DELAY_BOUNDARIES.to_vec()).build(),
            set_events: set_events.with_description("Events of sets of faults as a whole").build(),
        }
    }

    /// Measures this set for as long as the meter exists. Sets of one meter need separate names.
    ///
    /// Delays are measured as well where this is the [reporter](waylay_fault::FaultSetBuilder::reporter) of the set; two
    /// reporters are given as a pair.
    pub fn observe(&self, set: &FaultSet) {
        let name = set.name().map(str::to_owned);
        let events = self.set_events.clone();
        set.on_event(move |event| {
            events.add(1, &with_set(vec![KeyValue::new("outcome", event.name())], name.as_deref()));
        });
        self.observe_requests(set);
        self.observe_active(set);
        self.observe_flag(
            set,
            "waylay.fault.plan_revision",
            "Number of the current set of faults",
            |overview| overview.revision,
        );
        self.observe_flag(set, "waylay.fault.stopped", "Whether the set stopped by itself", |overview| {
            overview.stop.is_some().into()
        });
        self.observe_flag(set, "waylay.fault.expired", "Whether the time of the set is over", |overview| {
            overview.is_expired.into()
        });
        self.observe_flag(set, "waylay.fault.dry_run", "Whether nothing is injected", |overview| {
            overview.guards.is_dry_run.into()
        });
        let halted = self.meter.u64_observable_gauge("waylay.fault.halted");
        let halted = halted.with_description("Whether every fault of the process is halted");
        halted.with_callback(|gauge| gauge.observe(waylay_fault::halted().into(), &[])).build();
    }

    fn observe_requests(&self, set: &FaultSet) {
        let (set, totals) = (set.clone(), Mutex::new(Totals::default()));
        let counter = self.meter.u64_observable_counter("waylay.fault.requests").with_unit("{request}");
        let counter = counter.with_description("Requests that reached a fault, by outcome");
        let observe = move |counter: &dyn AsyncInstrument<u64>| {
            let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
            totals.update(&set.overview());
            for ((fault, side), counts) in &totals.0 {
                for (outcome, Total { sum, .. }) in counts {
                    let outcome = KeyValue::new("outcome", *outcome);
                    let labels =
                        vec![KeyValue::new("fault", fault.clone()), KeyValue::new("side", *side), outcome];
                    counter.observe(*sum, &with_set(labels, set.name()));
                }
            }
        };
        counter.with_callback(observe).build();
    }

    fn observe_active(&self, set: &FaultSet) {
        let set = set.clone();
        let counter =
            self.meter.i64_observable_up_down_counter("waylay.fault.active").with_unit("{injection}");
        let counter = counter.with_description("Injections under way");
        let observe = move |counter: &dyn AsyncInstrument<i64>| {
            for fault in set.overview().faults {
                let side = KeyValue::new("side", fault.placement.name());
                let labels = vec![KeyValue::new("fault", fault.name), side];
                let active = i64::try_from(fault.counts.active).unwrap_or(i64::MAX);
                counter.observe(active, &with_set(labels, set.name()));
            }
        };
        counter.with_callback(observe).build();
    }

    fn observe_flag(
        &self,
        set: &FaultSet,
        name: &'static str,
        description: &'static str,
        value: fn(&SetOverview) -> u64,
    ) {
        let set = set.clone();
        let observe = move |gauge: &dyn AsyncInstrument<u64>| {
            gauge.observe(value(&set.overview()), &with_set(Vec::new(), set.name()));
        };
        let gauge = self.meter.u64_observable_gauge(name).with_description(description);
        gauge.with_callback(observe).build();
    }
}

fn with_set(mut labels: Vec<KeyValue>, set: Option<&str>) -> Vec<KeyValue> {
    labels.extend(set.map(|name| KeyValue::new("set", name.to_owned())));
    labels
}

/// The sums of counters that a reset sets to 0, by fault and side, and by outcome. Sums only grow, as
/// OpenTelemetry requires. A reset is noticed by a count below the last one; what was counted between the last
/// update and the reset is left out.
#[derive(Debug, Default)]
struct Totals(HashMap<(String, &'static str), HashMap<&'static str, Total>>);

#[derive(Debug, Default, Clone, Copy)]
struct Total {
    /// What the fault had counted at the last update.
    last: u64,
    sum: u64,
}

impl Totals {
    /// Adds what was counted since the last update, and forgets faults that have left the set.
    fn update(&mut self, overview: &SetOverview) {
        let mut before = std::mem::take(&mut self.0);
        for fault in &overview.faults {
            let key = (fault.name.clone(), fault.placement.name());
            let mut totals = before.remove(&key).unwrap_or_default();
            for (outcome, count) in fault.counts.outcomes() {
                // Most reasons never occur.
                if count > 0 || outcome == "injected" || totals.contains_key(outcome) {
                    let total = totals.entry(outcome).or_default();
                    total.sum += count.checked_sub(total.last).unwrap_or(count);
                    total.last = count;
                }
            }
            self.0.insert(key, totals);
        }
    }
}

impl Reporter for OpenTelemetry {
    fn report(&self, event: &Event<'_>) {
        let (name, reason) = match event.phase() {
            Phase::Started => ("fault.started", None),
            Phase::Finished => ("fault.finished", None),
            Phase::Cancelled => ("fault.cancelled", None),
            Phase::Abandoned => ("fault.abandoned", None),
            // Most requests are skipped for another reason, of which there are metrics.
            Phase::Skipped(
                reason @ (SkipReason::DryRun
                | SkipReason::Declined
                | SkipReason::CallbackPanicked
                | SkipReason::NotDeliverable),
            ) => ("fault.skipped", Some(reason)),
            _ => return,
        };
        get_active_span(|span| {
            if !span.is_recording() {
                return;
            }
            let fault = event.fault().to_owned();
            if event.phase() == Phase::Started {
                span.set_attribute(KeyValue::new("fault.injected", fault.clone()));
            }
            let actions = event.actions().iter().map(|action| StringValue::from(action.to_string()));
            let actions = Value::Array(Array::String(actions.collect()));
            let mut attributes = vec![
                KeyValue::new("fault.name", fault),
                KeyValue::new("fault.side", event.placement().name()),
                KeyValue::new("fault.actions", actions),
            ];
            attributes.extend(event.set().map(|set| KeyValue::new("fault.set", set.to_owned())));
            attributes.extend(reason.map(|reason| KeyValue::new("fault.reason", reason.name())));
            span.add_event(name, attributes);
        });
    }

    fn report_delay(&self, delay: &DelayReport<'_>) {
        let outcome = if delay.is_cancelled { "cancelled" } else { "finished" };
        let labels = vec![
            KeyValue::new("fault", delay.fault.to_owned()),
            KeyValue::new("side", delay.placement.name()),
            KeyValue::new("outcome", outcome),
        ];
        self.delay.record(delay.time.as_secs_f64(), &with_set(labels, delay.set));
    }
}

impl fmt::Debug for OpenTelemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenTelemetry").finish_non_exhaustive()
    }
}
