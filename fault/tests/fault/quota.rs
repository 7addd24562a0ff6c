//! Quotas per client: an oracle without a limit, a full table, many threads.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::{Method, Request, Response};
use proptest::prelude::*;
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{DecideBy, Delay, Fault, FaultStream, PeerAddr, Quota, chain, error, quota, slow};

use crate::support::{always, block_on, get, request};

/// The head of the response.
async fn head(fault: &Fault, request: Request<String>) -> Response<()> {
    let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    fault.layer().layer(inner).oneshot(request).await.unwrap().map(|_| ())
}

/// `None` if it passed, or the seconds of `Retry-After`.
async fn retry_after(fault: &Fault, request: Request<String>) -> Option<u64> {
    let head = head(fault, request).await;
    if head.status() == 200 {
        assert!(head.headers().is_empty(), "what passes is not touched");
        return None;
    }
    assert_eq!(head.status(), 429);
    Some(head.headers()["retry-after"].to_str().unwrap().parse().unwrap())
}

fn from(client: &str) -> Request<String> {
    request(Method::GET, "/", &[("x-client", client)])
}

fn per_header(limit: u64, window: Duration) -> Quota {
    quota(limit, window).per(DecideBy::Header("x-client".into()))
}

/// One request: its client, and the milliseconds after the one before.
#[derive(Debug, Clone, Copy)]
struct Sent {
    client: u8,
    after: u64,
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let pause = prop_oneof![Just(0), 1_u64..400, Just(1000), 1000_u64..3000];
    prop::collection::vec((0_u8..6, pause).prop_map(|(client, after)| Sent { client, after }), 1..80)
}

/// Evaluates all earlier requests for each request: the first of a client opens a window, and the
/// first after its end the next. In milliseconds.
fn oracle_by_history(limit: u64, window: u64, sent: &[Sent]) -> Vec<Option<u64>> {
    let mut now = 0;
    let times: Vec<_> = (sent.iter())
        .map(|sent| {
            now += sent.after;
            (sent.client, now)
        })
        .collect();
    let expected = |index: usize| {
        let (client, now) = times[index];
        let own = times[..=index].iter().filter(|(of, _)| *of == client).map(|(_, at)| *at);
        let (mut opened, mut count) = (None, 0);
        for at in own {
            match opened {
                Some(start) if at < start + window => count += 1,
                _ => (opened, count) = (Some(at), 1),
            }
        }
        (count > limit).then(|| (opened.unwrap() + window - now).div_ceil(1000))
    };
    (0..times.len()).map(expected).collect()
}

/// A list of windows, searched from end to end; when it is full, the one that ends first is
/// dropped.
fn oracle_by_list(limit: u64, window: u64, at_once: usize, sent: &[Sent]) -> Vec<Option<u64>> {
    let (mut now, mut list) = (0, Vec::<(u8, u64, u64)>::new());
    let mut expected = |sent: &Sent| {
        now += sent.after;
        list.retain(|(_, end, _)| now < *end);
        if !list.iter().any(|(client, ..)| *client == sent.client) {
            if list.len() == at_once {
                let first = (0..list.len()).min_by_key(|index| list[*index].1).unwrap();
                list.remove(first);
            }
            list.push((sent.client, now + window, 0));
        }
        let (_, end, used) = list.iter_mut().find(|(client, ..)| *client == sent.client).unwrap();
        *used += 1;
        (*used > limit).then(|| (*end - now).div_ceil(1000))
    };
    sent.iter().map(&mut expected).collect()
}

fn outcome(quota: Quota, sent: &[Sent]) -> Vec<Option<u64>> {
    let fault = always(quota).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let mut seen = Vec::new();
        for sent in sent {
            tokio::time::advance(Duration::from_millis(sent.after)).await;
            let name = sent.client.to_string();
            // The last client represents all requests without a key.
            let request = if sent.client == 5 { get("/") } else { from(&name) };
            seen.push(retry_after(&fault, request).await);
        }
        let counts = fault.control().counts();
        let passed = seen.iter().filter(|wait| wait.is_none()).count() as u64;
        assert_eq!((counts.outside_window, counts.injected), (passed, seen.len() as u64 - passed));
        seen
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_client_has_a_window(limit in 0_u64..5, window in 1_u64..5000, sent in sent()) {
        let quota = per_header(limit, Duration::from_millis(window));
        prop_assert_eq!(outcome(quota, &sent), oracle_by_history(limit, window, &sent));
    }

    #[test]
    fn one_window_serves_a_single_client(limit in 0_u64..5, window in 1_u64..5000, sent in sent()) {
        let one: Vec<_> = sent.iter().map(|sent| Sent { client: 0, ..*sent }).collect();
        let all = quota(limit, Duration::from_millis(window));
        prop_assert_eq!(outcome(all, &sent), oracle_by_history(limit, window, &one));
    }

    #[test]
    fn a_full_table_closes_the_first_window(
        limit in 0_u64..4, window in 1_u64..5000, at_once in 1_usize..6, sent in sent(),
    ) {
        let quota = per_header(limit, Duration::from_millis(window)).max_clients(at_once);
        prop_assert_eq!(outcome(quota, &sent), oracle_by_list(limit, window, at_once, &sent));
    }
}

/// The smallest case.
#[tokio::test(start_paused = true)]
async fn one_client_too_many() {
    let fault = always(per_header(1, Duration::from_secs(60)).max_clients(2)).build().unwrap();
    for (client, wanted) in [
        ("a", None),
        ("a", Some(60)),
        ("b", None),
        // There is no room for a third: the window of `a` ends first and is closed.
        ("c", None),
        ("b", Some(60)),
        ("a", None),
        ("c", Some(60)),
        ("b", None),
    ] {
        assert_eq!(retry_after(&fault, from(client)).await, wanted, "{client}");
    }
}

#[tokio::test]
async fn clients_are_identified_like_decisions() {
    let of = |by| always(quota(1, "1h").per(by)).build().unwrap();
    let address = |ip: &str, port| {
        let mut request = get("/");
        let ip: IpAddr = ip.parse().unwrap();
        request.extensions_mut().insert(PeerAddr(SocketAddr::new(ip, port)));
        request
    };
    let with = |name: &'static str, value: &str| request(Method::GET, "/", &[(name, value)]);
    let trace = |id: char, span: char| {
        let (id, span) = (id.to_string().repeat(32), span.to_string().repeat(16));
        with("traceparent", &format!("00-{id}-{span}-01"))
    };
    let streams = [0, 1].map(|_| FaultStream::accepted(tokio::io::duplex(8).0, None));
    let by = |index: usize| {
        let mut request = get("/");
        request.extensions_mut().insert(streams[index].connection().clone());
        request
    };
    // Of each: the same client twice, another one, and two without a key.
    let rows: Vec<(DecideBy, [Request<String>; 5])> = vec![
        (
            DecideBy::ClientIp,
            [
                address("192.0.2.1", 1),
                address("::ffff:192.0.2.1", 2),
                address("192.0.2.2", 1),
                get("/"),
                with("x-client", "a"),
            ],
        ),
        (
            DecideBy::Header("X-Client".into()),
            [from("a"), from("a"), from("A"), get("/"), with("x-request-id", "a")],
        ),
        (
            DecideBy::RequestId,
            [
                with("x-request-id", "1"),
                with("X-Request-Id", "1"),
                with("x-request-id", ""),
                get("/"),
                from("a"),
            ],
        ),
        (
            DecideBy::TraceId,
            [trace('a', '1'), trace('a', '2'), trace('b', '1'), get("/"), with("traceparent", "none")],
        ),
        (DecideBy::Connection, [by(0), by(0), by(1), get("/"), from("a")]),
    ];
    for (by, requests) in rows {
        let fault = of(by.clone());
        let mut seen = Vec::new();
        for request in requests {
            seen.push(head(&fault, request).await.status().as_u16());
        }
        assert_eq!(seen, [200, 429, 200, 200, 429], "{by:?}");
    }
    let all = of(DecideBy::Counter);
    let seen = [head(&all, from("a")).await.status(), head(&all, from("b")).await.status()];
    assert_eq!(seen.map(|status| status.as_u16()), [200, 429]);
}

#[tokio::test(start_paused = true)]
async fn rejections_state_the_limit() {
    let fault = always(per_header(0, Duration::from_millis(1500)).announce(true)).build().unwrap();
    let names = ["retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];
    let limits = async |fault: &Fault| {
        let head = head(fault, from("a")).await;
        names.map(|name| head.headers().get(name).map(|value| value.to_str().unwrap().to_owned()))
    };
    let wanted = |values: [&str; 4]| values.map(|value| Some(value.to_owned()));
    assert_eq!(limits(&fault).await, wanted(["2", "0", "0", "2"]));
    tokio::time::advance(Duration::from_millis(500)).await;
    assert_eq!(limits(&fault).await, wanted(["1", "0", "0", "1"]));

    let own = error(503).retry_after("7s").header("ratelimit-limit", "many");
    let fault = per_header(0, Duration::from_secs(9)).response(own).announce(true);
    let fault = always(fault).build().unwrap();
    assert_eq!(limits(&fault).await, wanted(["7", "many", "0", "9"]));

    let silent = always(quota(0, "9s")).build().unwrap();
    assert_eq!(limits(&silent).await[1..], [None, None, None]);
}

/// Windows longer than the clock's range never end, and cause no panic.
#[tokio::test(start_paused = true)]
async fn endless_windows() {
    let fault = always(quota(1, Duration::from_nanos(u64::MAX))).build().unwrap();
    assert_eq!(retry_after(&fault, get("/")).await, None);
    tokio::time::advance(Duration::from_secs(300 * 24 * 60 * 60)).await;
    assert!(retry_after(&fault, get("/")).await.is_some());
}

/// A link of a chain that applies to some clients only.
#[tokio::test(start_paused = true)]
async fn within_a_chain() {
    let tree = chain([slow(Delay::fixed("1s")), per_header(1, Duration::from_secs(60)).into()]);
    let fault = always(tree).build().unwrap();
    let start = Instant::now();
    for (client, status) in [("a", 200), ("b", 200), ("a", 429), ("c", 200), ("b", 429)] {
        assert_eq!(head(&fault, from(client)).await.status(), status, "{client}");
    }
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

/// However many threads send at once, each client passes exactly its limit.
#[test]
fn on_many_threads() {
    const LIMIT: u64 = 100;
    let fault = always(per_header(LIMIT, Duration::from_secs(3600)).max_clients(7)).build().unwrap();
    let worker = |number: usize| {
        let fault = fault.clone();
        move || {
            let mut passed = HashMap::new();
            for turn in 0..7 * 60 {
                let client = (number + turn) % 7;
                let status = block_on(head(&fault, from(&client.to_string()))).status();
                *passed.entry(client).or_insert(0) += u64::from(status == 200);
            }
            passed
        }
    };
    let mut passed = HashMap::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|number| scope.spawn(worker(number))).collect();
        for worker in workers {
            for (client, count) in worker.join().unwrap() {
                *passed.entry(client).or_insert(0) += count;
            }
        }
    });
    assert_eq!(passed, (0..7).map(|client| (client, LIMIT)).collect());
    let counts = fault.control().counts();
    assert_eq!((counts.outside_window, counts.injected), (7 * LIMIT, 4 * 7 * 60 - 7 * LIMIT));
}
