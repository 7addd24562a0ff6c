//! Events of `tracing`: one for each injection, and those of a set.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;
use waylay_fault::{Delay, Fault, FaultSet, Guards, Injector, chain, error, slow};

use crate::support::{block_on, get};

/// Keeps events and recorded span fields as text.
#[derive(Clone, Default)]
struct Keeper(Arc<Mutex<Vec<String>>>, Arc<Mutex<Option<&'static Metadata<'static>>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl Subscriber for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "waylay_fault" || metadata.is_span()
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        *self.1.lock().unwrap() = Some(attributes.metadata());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut text = Text("span".into());
        values.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(event.metadata().level().to_string());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    /// There is one span at most in these tests.
    fn current_span(&self) -> Current {
        match self.1.lock().unwrap().as_ref() {
            Some(metadata) => Current::new(Id::from_u64(1), metadata),
            None => Current::none(),
        }
    }
}

/// Runs a function under a subscriber.
fn observe(keeper: &Keeper, act: impl FnOnce()) {
    // With one subscriber only, an event that another test emits first, outside of it, would be taken for disabled.
    let _other = tracing::Dispatch::new(Keeper::default());
    tracing::subscriber::with_default(keeper.clone(), act);
}

/// The span of the request has the fault's name, if it declared the field; the event comes once for each
/// injection.
#[test]
fn the_span_of_a_request_names_its_fault() {
    let rows = [(true, true, 2), (true, false, 0), (false, true, 1)];
    for (is_declared, is_enabled, count) in rows {
        let keeper = Keeper::default();
        observe(&keeper, || {
            let span = match is_declared {
                true => tracing::info_span!("request", fault.injected = tracing::field::Empty),
                false => tracing::info_span!("request", status = tracing::field::Empty),
            };
            let fault = Fault::new("flaky", error(503)).enabled(is_enabled).participation(1.0);
            let fault = fault.build().unwrap();
            span.in_scope(|| block_on(crate::support::send(&fault, get("/orders"))));
        });
        let seen = keeper.0.lock().unwrap().clone();
        let wanted = [
            "span fault.injected=\"flaky\"",
            "INFO message=fault injected fault=\"flaky\" actions=error 503 method=GET path=\"/orders\"",
        ];
        assert_eq!(seen, wanted[2 - count..], "declared: {is_declared}");
    }
}

/// Within a nested router, events have the path that the server got.
#[cfg(feature = "axum")]
#[test]
fn events_have_the_path_that_the_server_got() {
    let keeper = Keeper::default();
    observe(&keeper, || {
        let fault = Fault::new("flaky", error(503)).enabled(true).participation(1.0).build().unwrap();
        let mut request = get("/orders");
        request.extensions_mut().insert(axum::extract::OriginalUri("/api/orders?id=7".parse().unwrap()));
        block_on(crate::support::send(&fault, request));
    });
    let seen = keeper.0.lock().unwrap().clone();
    assert!(matches!(seen.as_slice(), [event] if event.ends_with("path=\"/api/orders\"")), "{seen:?}");
}

#[test]
fn injections_and_events_of_a_set_are_traced() {
    let keeper = Keeper::default();
    observe(&keeper, || {
        let set = FaultSet::new();
        let injector = chain::<Injector>([slow(Delay::fixed("0s")), error(503).into()]);
        let fault = || {
            Fault::new("a", chain::<Injector>([slow(Delay::fixed("0s")), error(503).into()])).enabled(true)
        };
        set.replace([Fault::new("a", injector).enabled(true).participation(1.0)]).unwrap();
        let request = |set: &FaultSet| {
            let inner = tower::service_fn(async |_: http::Request<String>| {
                Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
            });
            let service = tower_layer::Layer::layer(&set.layer(), inner);
            drop(block_on(tower::ServiceExt::oneshot(service, get("/orders?id=7"))).unwrap());
        };
        request(&set);
        set.replace([fault().participation(0.0)]).unwrap();
        request(&set);
        set.set_guards(Guards::new().dry_run(true)).unwrap();
        set.replace([fault().participation(1.0)]).unwrap();
        request(&set);
        set.set_guards(Guards::new().ttl("0s")).unwrap();
        request(&set);
    });
    assert_eq!(
        *keeper.0.lock().unwrap(),
        [
            "INFO message=faults applied: revision 1, 1 faults",
            "INFO message=fault injected fault=\"a\" actions=slow 0ns, error 503 method=GET path=\"/orders\"",
            "INFO message=faults applied: revision 2, 1 faults",
            "INFO message=faults applied: revision 3, 1 faults",
            "INFO message=fault not injected: dry run fault=\"a\" actions=slow 0ns, error 503 method=GET path=\"/orders\"",
            "WARN message=faults expired: every fault is disabled",
        ]
    );
}
