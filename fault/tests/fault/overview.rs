//! SetOverview: all that is known about a set, at one time.

use std::time::Duration;

use tower::ServiceExt;
use tower_layer::Layer;
use waylay_fault::{
    AutoStop, DecideBy, Fault, FaultPlacement, FaultSet, Group, Guards, SetOverview, SkipReason, error, quota,
};

use crate::support::get;

async fn send(set: &FaultSet, status: u16) {
    let inner = tower::service_fn(move |_: http::Request<String>| {
        let response = http::Response::builder().status(status).body(String::new()).unwrap();
        std::future::ready(Ok::<_, std::convert::Infallible>(response))
    });
    set.layer().layer(inner).oneshot(get("/")).await.unwrap();
}

fn set() -> FaultSet {
    FaultSet::builder().environment("staging").build()
}

#[tokio::test(start_paused = true)]
async fn an_overview_has_settings_and_counters() {
    let set = set();
    let group = Group::new("cart").seed(1);
    let soon = std::time::SystemTime::now() + Duration::from_secs(3600);
    set.replace_at([
        (
            FaultPlacement::Server,
            Fault::new("flaky", error(503)).enabled(true).participation(1.0).seed(7).skip(1).limit(2),
        ),
        (
            FaultPlacement::Client,
            (Fault::new("once", error(500)).participation(0.5).enabled(true).starts_at(soon))
                .group(&group, 1.0)
                .decide_by(DecideBy::RequestId)
                .first_per_key(3),
        ),
    ])
    .unwrap();
    let guards = Guards::new().ttl("1h").protect_paths(["/pay"]).protect_header("x-key", Some("secret"));
    let guards = guards.max_active(5).max_per_second(6).max_affected(0.5, "10s");
    set.set_guards(guards.stop(AutoStop::new("30s").error_ratio(0.9).latency(0.99, "2s"))).unwrap();
    for status in [200, 500, 200, 200] {
        send(&set, status).await;
    }

    let SetOverview { revision, environment, is_expired, expires_in, stop, guards, faults, .. } =
        set.overview();
    assert_eq!((revision, environment.as_deref(), is_expired), (1, Some("staging"), false));
    assert_eq!((expires_in, stop), (Some(Duration::from_secs(3600)), None));
    assert_eq!(guards.protected_paths, ["/pay"]);
    assert_eq!(guards.protected_headers, ["x-key"], "its value stays inside");
    assert_eq!(
        (guards.max_active, guards.max_per_second, guards.max_affected),
        (Some(5), Some(6), Some(0.5))
    );
    // The first is skipped by the share, the second by the fault's window.
    assert_eq!((guards.last_second, guards.window_requests, guards.window_injected), (2, 4, 2));
    assert_eq!((guards.server_responses.all, guards.server_responses.errors), (2, 1));
    assert_eq!((guards.stop_error_ratio, guards.stop_quantile), (Some(0.9), Some(0.99)));
    assert_eq!(guards.stop_latency, Some(Duration::from_secs(2)));

    let [flaky, once] = <[_; 2]>::try_from(faults).unwrap();
    assert_eq!((&*flaky.name, flaky.placement, flaky.is_enabled), ("flaky", FaultPlacement::Server, true));
    assert_eq!((flaky.inactive, flaky.participation, flaky.current_participation), (None, 1.0, 1.0));
    assert_eq!((flaky.skip, flaky.every, flaky.limit, flaky.seed), (1, 1, Some(2), 7));
    assert_eq!((flaky.counts.seen, flaky.counts.injected), (4, 2));
    assert_eq!((flaky.starts_in, flaky.ends_in), (None, None));
    assert_eq!(
        (&*once.name, once.placement, once.group.as_deref()),
        ("once", FaultPlacement::Client, Some("cart"))
    );
    assert_eq!((once.inactive, once.first_per_key), (Some(SkipReason::OutsideSchedule), Some(3)));
    assert_eq!((once.participation, once.current_participation), (0.5, 0.0));
    assert!(once.starts_in.is_some_and(|time| time > Duration::from_secs(3500)));
}

#[tokio::test(start_paused = true)]
async fn it_says_why_a_fault_is_inactive() {
    let on = || Fault::new("flaky", error(503)).enabled(true).participation(0.0);
    let inactive = |set: &FaultSet| set.overview().faults[0].inactive;

    let ramp = set();
    ramp.replace([on().participation(0.8).ramp(Duration::from_secs(10)).duration(Duration::from_secs(20))])
        .unwrap();
    tokio::time::advance(Duration::from_secs(5)).await;
    let fault = ramp.overview().faults.remove(0);
    assert_eq!((fault.inactive, fault.current_participation), (None, 0.4));
    assert_eq!(fault.ends_in, Some(Duration::from_secs(15)));
    tokio::time::advance(Duration::from_secs(15)).await;
    assert_eq!(inactive(&ramp), Some(SkipReason::OutsideSchedule));

    let stopped = set();
    stopped.replace([on()]).unwrap();
    let stop = AutoStop::new("30s").error_ratio(0.1).min_requests(1);
    stopped.set_guards(Guards::new().stop(stop)).unwrap();
    send(&stopped, 500).await;
    assert_eq!(inactive(&stopped), Some(SkipReason::Stopped));
    assert_eq!(stopped.overview().stop.map(|stop| stop.exceeding), Some(1));
    assert_eq!(stopped.overview().guards.server_responses.errors, 1);
    stopped.rearm();
    assert_eq!((inactive(&stopped), stopped.overview().stop), (None, None));

    let expired = set();
    expired.replace([on(), Fault::new("quota", quota(1, "1s")).enabled(true).participation(1.0)]).unwrap();
    expired.set_guards(Guards::new().ttl("1s").dry_run(true)).unwrap();
    assert!(expired.overview().guards.is_dry_run);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(expired.overview().is_expired);
    assert_eq!(inactive(&expired), Some(SkipReason::NotEnabled), "the end of the time disables");
}

#[cfg(feature = "serde")]
#[tokio::test(start_paused = true)]
async fn an_overview_is_data() {
    let set = set();
    set.replace([Fault::new("flaky", error(503)).participation(0.25).seed(7)]).unwrap();
    set.set_guards(Guards::new().ttl("90s").stop(AutoStop::new("30s").latency(0.5, "1500ms"))).unwrap();
    let mut data = serde_json::to_value(set.overview()).unwrap();
    assert_eq!(data["faults"][0]["counts"]["seen"], 0);
    data["faults"][0].as_object_mut().unwrap().remove("counts");
    let wanted = serde_json::json!({
        "revision": 1, "environment": "staging", "is_halted": false, "is_expired": false,
        "expires_in_seconds": 90.0, "stop": null,
        "guards": {
            "is_dry_run": false, "protected_paths": [], "protected_headers": [], "max_active": null, "active": 0,
            "max_per_second": null, "last_second": 0, "max_affected": null, "window_requests": 0,
            "window_injected": 0, "stop_error_ratio": null, "stop_quantile": 0.5, "stop_latency_seconds": 1.5,
            "server_responses": { "all": 0, "errors": 0, "late": 0 },
            "client_responses": { "all": 0, "errors": 0, "late": 0 },
        },
        "faults": [{
            "name": "flaky", "placement": "server", "is_enabled": false, "inactive": "not_enabled",
            "participation": 0.25, "current_participation": 0.0, "seed": 7, "group": null, "skip": 0, "every": 1,
            "limit": null, "selected": 0, "first_per_key": null, "starts_in_seconds": null,
            "ends_in_seconds": null,
        }],
    });
    assert_eq!(data, wanted);
}
