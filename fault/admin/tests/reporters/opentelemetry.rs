//! OpenTelemetry: metrics and span events, in the exporters of its SDK that keep them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use http::{Request, Response};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, InMemoryMetricExporterBuilder, PeriodicReader, SdkMeterProvider, Temporality,
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{Counts, Delay, Fault, FaultPlacement, FaultSet, Guards, SetEvent, SkipReason, slow};
use waylay_fault_admin::OpenTelemetry;

use crate::{ALONE, on};

async fn through(set: &FaultSet) -> u16 {
    let inner =
        service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(Body::from("genuine"))));
    set.layer().layer(inner).oneshot(Request::new(String::new())).await.unwrap().status().as_u16()
}

fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let mut labels: Vec<_> = attributes.map(|label| format!("{}={}", label.key, label.value)).collect();
    labels.sort();
    labels.join(" ")
}

/// The values of the last collection, by name and labels; of histograms the number and the sum.
struct Collected {
    exporter: InMemoryMetricExporter,
    provider: SdkMeterProvider,
}

impl Collected {
    fn new(temporality: Temporality) -> Self {
        let exporter = InMemoryMetricExporterBuilder::new().with_temporality(temporality).build();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        Self { exporter, provider: SdkMeterProvider::builder().with_reader(reader).build() }
    }

    fn telemetry(&self) -> OpenTelemetry {
        OpenTelemetry::new(&self.provider.meter("tests"))
    }

    fn take(&self) -> BTreeMap<String, f64> {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let mut values = BTreeMap::new();
        let finished = self.exporter.get_finished_metrics().unwrap();
        for metric in finished.iter().flat_map(|all| all.scope_metrics()).flat_map(|scope| scope.metrics()) {
            let name =
                format!("{} [{}]", metric.name().strip_prefix("waylay.fault.").unwrap(), metric.unit());
            let mut add = |kind: &str, labels: String, value: f64| {
                let old = values.insert(format!("{name}{kind} {labels}").trim_end().to_owned(), value);
                assert!(old.is_none(), "{name} {labels}");
            };
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    assert!(sum.is_monotonic());
                    sum.data_points().for_each(|p| add("", labels(p.attributes()), p.value() as f64));
                }
                AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                    assert!(!sum.is_monotonic());
                    sum.data_points().for_each(|p| add("", labels(p.attributes()), p.value() as f64));
                }
                AggregatedMetrics::U64(MetricData::Gauge(gauge)) => {
                    gauge.data_points().for_each(|p| add("", labels(p.attributes()), p.value() as f64));
                }
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                    for p in histogram.data_points() {
                        add(" count", labels(p.attributes()), p.count() as f64);
                        add(" sum", labels(p.attributes()), p.sum());
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        values
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_is_measured() {
    let _alone = ALONE.lock().await;
    let collected = Collected::new(Temporality::Cumulative);
    let telemetry = collected.telemetry();
    let named = |name| FaultSet::builder().name(name).reporter(telemetry.clone()).build();
    let (checkout, search) = (named("checkout"), named("search"));
    telemetry.observe(&checkout);
    telemetry.observe(&search);
    let late = Fault::new("late", slow(Delay::fixed("250ms"))).enabled(true).participation(1.0).limit(2);
    checkout.replace_at([(FaultPlacement::Server, late), (FaultPlacement::Client, on("lost"))]).unwrap();
    search.replace([on("late")]).unwrap();
    for _ in 0..3 {
        assert_eq!((through(&checkout).await, through(&search).await), (200, 503));
    }
    let values = collected.take();
    for (series, expected) in [
        ("requests [{request}] fault=late outcome=injected set=checkout side=server", 2.0),
        ("requests [{request}] fault=late outcome=outside_window set=checkout side=server", 1.0),
        ("requests [{request}] fault=lost outcome=injected set=checkout side=client", 0.0),
        ("requests [{request}] fault=late outcome=injected set=search side=server", 3.0),
        ("active [{injection}] fault=late set=checkout side=server", 0.0),
        ("delay [s] count fault=late outcome=finished set=checkout side=server", 2.0),
        ("plan_revision [] set=checkout", 1.0),
        ("stopped [] set=search", 0.0),
        ("expired [] set=search", 0.0),
        ("dry_run [] set=checkout", 0.0),
        ("halted []", 0.0),
        ("set_events [{event}] outcome=applied set=checkout", 1.0),
    ] {
        assert_eq!(values.get(series), Some(&expected), "{series} in {values:#?}");
    }
    let sum = values["delay [s] sum fault=late outcome=finished set=checkout side=server"];
    assert!((sum - 0.5).abs() < 0.01, "{sum}");
    // Reasons that never occurred have no series.
    assert_eq!(values.keys().filter(|name| name.starts_with("requests")).count(), 4, "{values:#?}");

    // What is under way, dry, halted and over.
    let held = Fault::new("late", slow(Delay::fixed("1h"))).enabled(true).participation(1.0);
    checkout.replace([held]).unwrap();
    let waiting = tokio::spawn({
        let checkout = checkout.clone();
        async move { through(&checkout).await }
    });
    while checkout.status().active == 0 && checkout.control("late").unwrap().counts().active == 0 {
        tokio::task::yield_now().await;
    }
    search.set_guards(Guards::new().dry_run(true)).unwrap();
    assert_eq!(through(&search).await, 200);
    let values = collected.take();
    assert_eq!(values["active [{injection}] fault=late set=checkout side=server"], 1.0);
    assert_eq!(values["requests [{request}] fault=late outcome=injected set=checkout side=server"], 3.0);
    assert_eq!(values["requests [{request}] fault=late outcome=dry_run set=search side=server"], 1.0);
    assert_eq!(values["dry_run [] set=search"], 1.0);
    assert!(!values.keys().any(|name| name.contains("fault=lost")), "it has left the set");
    waylay_fault::halt();
    assert_eq!(waiting.await.unwrap(), 200);
    search.set_guards(Guards::new().until(SystemTime::now() - Duration::from_secs(1))).unwrap();
    let values = collected.take();
    waylay_fault::resume();
    assert_eq!(values["halted []"], 1.0);
    assert_eq!(values["delay [s] count fault=late outcome=cancelled set=checkout side=server"], 1.0);
    assert_eq!(values["expired [] set=search"], 1.0);
    assert_eq!(values["set_events [{event}] outcome=expired set=search"], 1.0);
}

/// Counters grow when the ones of the fault are reset, and count anew in each interval where they are differences.
#[tokio::test]
async fn sums_only_grow() {
    let _alone = ALONE.lock().await;
    const SERIES: &str = "requests [{request}] fault=flaky outcome=injected side=server";
    for (temporality, expected) in
        [(Temporality::Cumulative, [3.0, 5.0, 6.0]), (Temporality::Delta, [3.0, 2.0, 1.0])]
    {
        let collected = Collected::new(temporality);
        let set = FaultSet::new();
        collected.telemetry().observe(&set);
        set.replace([on("flaky")]).unwrap();
        for (requests, expected) in [3, 2, 1].into_iter().zip(expected) {
            for _ in 0..requests {
                through(&set).await;
            }
            assert_eq!(collected.take()[SERIES], expected, "{temporality:?}");
            set.control("flaky").unwrap().reset_counts();
        }
    }
}

/// Every outcome that is counted has a name among the outcomes of the metrics.
#[test]
fn outcomes_are_complete() {
    let counts = serde_json::to_value(Counts::default()).unwrap();
    let fields = counts.as_object().unwrap().keys().filter(|name| !["seen", "active"].contains(&&***name));
    let mut names: Vec<_> = Counts::default().outcomes().map(|(name, _)| name.to_owned()).collect();
    let mut fields: Vec<_> = fields.cloned().collect();
    names.sort();
    fields.sort();
    assert_eq!(names, fields);
    assert_eq!(names.len(), SkipReason::ALL.len() + 1);
    assert_eq!(SetEvent::Expired.name(), "expired");
}

#[tokio::test(start_paused = true)]
async fn injections_are_events_of_the_span() {
    let _alone = ALONE.lock().await;
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let telemetry = Collected::new(Temporality::Cumulative).telemetry();
    let set = FaultSet::builder().name("shop").reporter(telemetry).build();
    let late = || Fault::new("late", slow(Delay::fixed("250ms"))).enabled(true).participation(1.0);
    // Whether it is a dry run, the attribute of the span, and its events.
    type Row = (&'static str, bool, Option<&'static str>, &'static [&'static str]);
    let rows: [Row; 3] = [
        (
            "both",
            false,
            Some("flaky"),
            &[
                "fault.started late slow 250ms",
                "fault.finished late slow 250ms",
                "fault.started flaky error 503",
                "fault.finished flaky error 503",
            ],
        ),
        ("dry run", true, None, &["fault.skipped late slow 250ms dry_run"]),
        ("without a span", false, None, &[]),
    ];
    for (name, is_dry_run, injected, expected) in rows {
        set.set_guards(Guards::new().dry_run(is_dry_run)).unwrap();
        set.replace([late(), on("flaky").enabled(!is_dry_run)]).unwrap();
        exporter.reset();
        let context = if name == "without a span" {
            Context::new()
        } else {
            Context::new().with_span(provider.tracer("tests").start("request"))
        };
        through(&set).with_context(context.clone()).await;
        context.span().end();
        drop(context);
        let spans = exporter.get_finished_spans().unwrap();
        let Some(span) = spans.first() else {
            assert!(expected.is_empty(), "{name}");
            continue;
        };
        let found = span.attributes.iter().rfind(|attribute| attribute.key.as_str() == "fault.injected");
        assert_eq!(found.map(|attribute| attribute.value.to_string()).as_deref(), injected, "{name}");
        let mut texts = Vec::new();
        for event in &span.events.events {
            let get = |key: &str| {
                let found = event.attributes.iter().find(|attribute| attribute.key.as_str() == key);
                found.map(|attribute| attribute.value.to_string()).unwrap_or_default()
            };
            assert_eq!((&*get("fault.set"), &*get("fault.side")), ("shop", "server"));
            let actions = get("fault.actions");
            let actions = actions.trim_matches(['[', ']', '"']);
            let text = format!("{} {} {actions} {}", event.name, get("fault.name"), get("fault.reason"));
            texts.push(text.trim_end().to_owned());
        }
        assert_eq!(texts, expected, "{name}");
    }
}
