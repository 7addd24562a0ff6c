//! Selection: quotas, windows, groups, and decisions made once.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Action, DecideBy, Delay, Event, Fault, Group, Injector, Key, PeerAddr, Phase, Sampler, chain, error,
    quota, random, slow,
};

use crate::support::{Log, always, get, is_injected, request, send};

/// Sends this number of requests and returns those that were injected.
async fn injected(fault: &Fault, count: u64) -> Vec<u64> {
    let mut injected = Vec::new();
    for number in 0..count {
        if is_injected(fault, get("/")).await {
            injected.push(number);
        }
    }
    injected
}

#[tokio::test]
async fn count_windows_count_selected_requests() {
    for (skip, every, limit) in
        [(0, 1, 3), (2, 1, u64::MAX), (0, 3, u64::MAX), (2, 3, 2), (5, 2, 1), (100, 1, 1)]
    {
        let fault = always(error(500)).skip(skip).every(every).limit(limit).build().unwrap();
        let wanted: Vec<_> = (0..20)
            .filter(|number| {
                *number >= skip && (number - skip) % every == 0 && (number - skip) / every < limit
            })
            .collect();
        assert_eq!(injected(&fault, 20).await, wanted, "{skip} {every} {limit}");
        let counts = fault.control().counts();
        assert_eq!((counts.injected, counts.outside_window), (wanted.len() as u64, 20 - wanted.len() as u64));
    }
    // A request that is not deliverable is not counted in the window, nor is one that the draw did
    // not select.
    let fault = always(waylay_fault::reject(waylay_fault::Reject::EmptyReply)).limit(1).build().unwrap();
    assert!(!is_injected(&fault, request(Method::HEAD, "/", &[])).await);
    assert!(!is_injected(&fault, get("/healthz")).await);
    assert_eq!(injected(&fault, 5).await, [0]);
    let half = || always(error(500)).participation(0.5).seed(7);
    let all = injected(&half().build().unwrap(), 40).await;
    assert_eq!(injected(&half().skip(2).limit(3).build().unwrap(), 40).await, all[2..5]);
}

#[tokio::test(start_paused = true)]
async fn quotas_reset_with_each_window() {
    let fault = always(quota(3, "10s")).build().unwrap();
    let mut seen = Vec::new();
    for _ in 0..12 {
        let at = Instant::now();
        let inner = service_fn(async |_: Request<String>| {
            Ok::<_, std::convert::Infallible>(Response::new(String::new()))
        });
        let response = fault.layer().layer(inner).oneshot(get("/")).await.unwrap();
        let wait = response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
        seen.push((response.status().as_u16(), wait));
        assert_eq!(at, Instant::now());
        tokio::time::advance(Duration::from_millis(1500)).await;
    }
    let ok = || (200, None);
    let full = |wait: &str| (429, Some(wait.to_owned()));
    // The first request opens the window, which ends at 10 s; the next one begins at 10.5 s.
    let wanted = [
        ok(),
        ok(),
        ok(),
        full("6"),
        full("4"),
        full("3"),
        full("1"),
        ok(),
        ok(),
        ok(),
        full("6"),
        full("5"),
    ];
    assert_eq!(seen.len(), wanted.len());
    assert_eq!(seen[..7], wanted[..7]);
    assert_eq!(seen[7..].iter().map(|(status, _)| *status).collect::<Vec<_>>(), [200, 200, 200, 429, 429]);
    let counts = fault.control().counts();
    assert_eq!((counts.injected, counts.outside_window), (6, 6));

    let own = quota(0, "1h").response(error(503).text("full").retry_after("7s"));
    let fault = always(chain::<Injector>([slow(Delay::fixed("1s")), own.into()])).build().unwrap();
    assert_eq!(send(&fault, get("/")).await, (Some(503), "full".to_owned()));
}

#[tokio::test]
async fn at_most_one_fault_of_a_group_is_injected() {
    let group = Group::new("orders").seed(7);
    let member = |name, weight, share| {
        Fault::new(name, error(500))
            .enabled(true)
            .participation(share)
            .seed(7)
            .group(&group, weight)
            .build()
            .unwrap()
    };
    let members = [member("a", 1.0, 1.0), member("b", 2.0, 1.0), member("c", 1.0, 0.5)];
    let mut selected = [0_u32; 3];
    for _ in 0..4000 {
        // Nested around one service, as layers are.
        let inner = service_fn(async |_: Request<String>| {
            Ok::<_, std::convert::Infallible>(Response::new(String::new()))
        });
        let service = tower::ServiceBuilder::new()
            .map_response(|response: Response<_>| response.map(|_| String::new()))
            .layer(members[0].layer())
            .map_response(|response: Response<_>| response.map(|_| String::new()))
            .layer(members[1].layer())
            .map_response(|response: Response<_>| response.map(|_| String::new()))
            .layer(members[2].layer())
            .service(inner);
        let response = service.oneshot(get("/")).await.unwrap();
        let names: Vec<_> = response.headers().get_all("x-fault-injected").iter().collect();
        assert!(names.len() <= 1, "{names:?}");
        for (name, selected) in ["a", "b", "c"].into_iter().zip(&mut selected) {
            *selected += u32::from(names.iter().any(|seen| *seen == name));
        }
    }
    // Weights 1, 2 and 1, the last of which selects half of its requests: five sigma.
    for (selected, share) in selected.into_iter().zip([0.25, 0.5, 0.125]) {
        let (mean, sigma) = (4000.0 * share, (4000.0 * share * (1.0_f64 - share)).sqrt());
        assert!((f64::from(selected) - mean).abs() <= 5.0 * sigma, "{selected} of {mean}");
    }
    let counts = members[0].control().counts();
    assert_eq!(counts.injected + counts.other_in_group, 4000);

    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(always(error(500)).group(&group, weight).build().is_err());
    }
}

/// A plan that is loaded again builds its faults again.
#[tokio::test]
async fn leaving_a_group_frees_the_position() {
    async fn picks(fault: &Fault) -> Vec<u32> {
        let mut picks = Vec::new();
        for id in 0..300 {
            let request = request(Method::GET, "/", &[("x-request-id", &id.to_string())]);
            if is_injected(fault, request).await {
                picks.push(id);
            }
        }
        picks
    }
    let group = Group::new("orders").seed(7);
    let member = || always(error(500)).decide_by(DecideBy::RequestId).group(&group, 1.0).build().unwrap();
    // A single member is always picked, however many there were before.
    let mut fault = member();
    for _ in 0..10 {
        fault = member();
    }
    assert_eq!(picks(&fault).await.len(), 300);
    drop(fault);

    // The remaining members share the requests of the one that left; a new member in its position
    // restores the picks.
    let [first, middle, last] = [member(), member(), member()];
    let before = [picks(&first).await, picks(&middle).await, picks(&last).await];
    assert_eq!(before.iter().map(Vec::len).sum::<usize>(), 300);
    let layer = middle.layer();
    drop(middle);
    assert_eq!(picks(&last).await, before[2], "a layer of it is still about");
    drop(layer);
    assert_eq!(picks(&first).await.len() + picks(&last).await.len(), 300);
    let middle = member();
    assert_eq!([picks(&first).await, picks(&middle).await, picks(&last).await], before);
}

/// A fault whose layer wraps a service twice selects no more requests than one whose layer wraps it
/// once.
#[tokio::test]
async fn a_request_is_decided_once() {
    let fault = Fault::new("twice", slow(Delay::fixed("0s")))
        .enabled(true)
        .participation(0.5)
        .seed(7)
        .build()
        .unwrap();
    let inner = service_fn(async |_: Request<String>| {
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    });
    let service = fault.layer().layer(fault.layer().layer(inner));
    let mut marks = HashMap::new();
    for _ in 0..400 {
        let response = service.clone().oneshot(get("/")).await.unwrap();
        *marks.entry(response.headers().get_all("x-fault-injected").iter().count()).or_insert(0) += 1;
    }
    assert!(!marks.contains_key(&2), "{marks:?}");
    // Five sigma around half of 400.
    assert!((150..=250).contains(&marks[&1]), "{marks:?}");
    let counts = fault.control().counts();
    assert_eq!((counts.seen, counts.already_decided, counts.injected), (800, 400, marks[&1]));

    // Another attempt is another decision.
    let fault = always(error(500)).attempt_header("x-attempt").participation(0.5).seed(7).build().unwrap();
    let inner = fault.layer().layer(service_fn(async |_: Request<String>| {
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    }));
    let retry = service_fn(move |mut request: Request<String>| {
        request.headers_mut().insert("x-attempt", "2".parse().unwrap());
        inner.clone().oneshot(request)
    });
    let mut outer = fault.layer().layer(retry);
    for _ in 0..50 {
        tower::Service::call(&mut outer, request(Method::GET, "/", &[("x-attempt", "1")])).await.unwrap();
    }
    let counts = fault.control().counts();
    assert_eq!(counts.already_decided, 0);
    assert!(counts.seen > 50);
}

/// The counterparts of go-fault's own draw, index and sleep functions.
#[tokio::test(start_paused = true)]
pub(crate) async fn custom_functions() {
    let keys = Arc::new(Mutex::new(Vec::new()));
    let seen = keys.clone();
    let fault = always(error(500)).participation(0.4).block_paths(["/blocked"]).draw_with(move |key| {
        let Key::Counter(number) = key else { panic!("{key:?}") };
        seen.lock().unwrap().push(number);
        [0.0, 0.399, 0.4, 1.0, f64::NAN][number as usize % 5]
    });
    let fault = fault.build().unwrap();
    assert!(!is_injected(&fault, get("/blocked")).await);
    assert_eq!(injected(&fault, 10).await, [0, 1, 5, 6]);
    assert_eq!(*keys.lock().unwrap(), (0..10).collect::<Vec<_>>());
    // A draw of 1 is below no participation.
    let never = always(error(500)).draw_with(|_| 1.0).build().unwrap();
    assert!(!is_injected(&never, get("/")).await);

    let slept = Arc::new(AtomicU32::new(0));
    let counter = slept.clone();
    let fault = always(slow(Delay::fixed("1h"))).sleep_with(move |time| {
        counter.fetch_add(time.as_secs() as u32, Ordering::Relaxed);
        std::future::ready(())
    });
    let start = Instant::now();
    assert_eq!(send(&fault.build().unwrap(), get("/")).await.0, Some(202));
    assert_eq!((start.elapsed(), slept.load(Ordering::Relaxed)), (Duration::ZERO, 3600));

    let rows = [(0, 501), (1, 502), (2, 501), (usize::MAX, 502)];
    for (index, status) in rows {
        let manual_drain = waylay_fault::random_by([error(501), error(502)], move |_| index);
        assert_eq!(send(&always(manual_drain).build().unwrap(), get("/")).await.0, Some(status));
    }
    let none = Fault::new("f", waylay_fault::random_by(Vec::<Injector>::new(), |_| 0)).build().unwrap_err();
    assert!(none.to_string().contains("random"), "{none}");
}

/// A reporter of a part receives the events of this part only.
#[tokio::test(start_paused = true)]
async fn reporters_of_parts() {
    let (all, errors, delays) = (Log::default(), Log::default(), Log::default());
    let tree = chain([
        slow(Delay::fixed("1s")).reporter(delays.reporter()),
        random([(1.0, Injector::from(error(503)).reporter(errors.reporter())), (1.0, error(500).into())]),
    ]);
    let fault = always(tree).seed(7).reporter(all.reporter()).build().unwrap();
    for _ in 0..40 {
        send(&fault, get("/")).await;
    }
    let phases = |log: &Log| log.take();
    let all = phases(&all);
    assert_eq!(all.len(), 80);
    let second = Duration::from_secs(1);
    let wanted: Vec<_> = all.iter().map(|(phase, _)| (*phase, vec![Action::Slow(second)])).collect();
    assert_eq!(phases(&delays), wanted);
    let wanted: Vec<_> = (all.into_iter())
        .filter(|(_, actions)| actions[1] == Action::Error(503))
        .map(|(phase, _)| (phase, vec![Action::Error(503)]))
        .collect();
    assert!(!wanted.is_empty() && wanted.len() < 80);
    assert_eq!(phases(&errors), wanted);

    // Actions that were never begun are not reported at the end.
    let late = Log::default();
    let tree = chain([slow(Delay::fixed("1h")), Injector::from(error(503)).reporter(late.reporter())]);
    let fault = always(tree).build().unwrap();
    let control = fault.control();
    let waiting = tokio::spawn(async move { send(&fault, get("/")).await });
    tokio::time::sleep(second).await;
    control.set_enabled(false);
    assert_eq!(waiting.await.unwrap().0, Some(202));
    assert_eq!(phases(&late), [(Phase::Started, vec![Action::Error(503)])]);
    let quiet = always(error(500)).reporter(|_: &Event<'_>| {}).build().unwrap();
    assert!(is_injected(&quiet, get("/")).await);
}

/// One decision per client, in whatever form its address is given.
#[tokio::test]
async fn clients_are_decided_by_address() {
    let fault = always(error(500)).participation(0.5).seed(7).decide_by(DecideBy::ClientIp).build().unwrap();
    let from = |address: &str, port| {
        let mut request = get("/");
        request.extensions_mut().insert(PeerAddr(SocketAddr::new(address.parse().unwrap(), port)));
        request
    };
    for last in 1..40 {
        let address = format!("192.0.2.{last}");
        let ip: IpAddr = address.parse().unwrap();
        let wanted = Sampler::new(7, "test").draw(Key::Client(ip), b"").is_selected(0.5);
        for (address, port) in [(address.clone(), 1), (address.clone(), 2), (format!("::ffff:{address}"), 3)]
        {
            assert_eq!(is_injected(&fault, from(&address, port)).await, wanted, "{address}");
        }
    }
    // Without an address the counter decides.
    for number in 0..20 {
        let wanted = Sampler::new(7, "test").draw(Key::Counter(number), b"").is_selected(0.5);
        assert_eq!(is_injected(&fault, get("/")).await, wanted);
    }
}
