//! Decisions: the vectors of `docs/decision.md`, and statistical tests.

use http::Method;
use rand_core::Rng;
use siphasher::sip::SipHasher24;
use waylay_fault::{
    Action, Corruption, DecideBy, Delay, Draws, Fault, Group, Key, Sampler, chain, corrupt, error, random,
    slow,
};

use crate::support::{Log, always, get, is_injected, request, send};

const SPECIFICATION: &str = include_str!("../../docs/decision.md");

/// The rows of the table under this heading.
fn vectors(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = SPECIFICATION.split_once(&format!("## {heading}\n")).expect("the heading is there");
    let section = section.split("\n## ").next().unwrap_or(section);
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn draw(sampler: &Sampler, key: &str, attempt: &str) -> Draws {
    let (kind, value) = key.split_once(' ').unwrap();
    let key = match kind {
        "counter" => Key::Counter(value.parse().unwrap()),
        "header" => Key::Header(value.as_bytes()),
        "client" => Key::Client(value.parse().unwrap()),
        "trace" => Key::TraceId(u128::from_str_radix(value, 16).unwrap().to_be_bytes()),
        other => panic!("unknown key {other}"),
    };
    sampler.draw(key, attempt.as_bytes())
}

/// Short messages are hashed in one piece, long ones part by part.
#[test]
fn keys_of_every_length_are_hashed_as_specified() {
    let sip = |key0, key1, message: &[u8]| SipHasher24::new_with_keys(key0, key1).hash(message);
    let sampler = Sampler::new(7, "lengths");
    let stream = sip(7, 0, b"lengths");
    let text: Vec<u8> = (b' '..=b'~').collect();
    for length in 0..=text.len() {
        for attempt in [0, 1, 15, 40, 95] {
            let (key, attempt) = (&text[..length], &text[..attempt]);
            let message = [&[1][..], &(length as u64).to_le_bytes(), key, attempt].concat();
            assert_eq!(sampler.draw(Key::Header(key), attempt).hash(), sip(7, stream, &message), "{length}");
        }
    }
}

#[test]
fn decisions_follow_the_specification() {
    let rows = vectors("Decisions");
    assert!(rows.len() >= 12);
    for row in rows {
        let [seed, name, key, attempt, hash, share] = row[..] else { panic!("{row:?}") };
        let draws = draw(&Sampler::new(seed.parse().unwrap(), name), key, attempt);
        assert_eq!(format!("{:016x}", draws.hash()), hash, "{row:?}");
        let share: f64 = share.parse().unwrap();
        // This share is the first that does not select the request.
        assert!(!draws.is_selected(share) && draws.is_selected(share.next_up()), "{row:?}");
    }
}

#[test]
fn draws_follow_the_specification() {
    let rows = vectors("Draws");
    assert!(rows.len() >= 15);
    for row in rows {
        let [hash, place, index, value, share, normal] = row[..] else { panic!("{row:?}") };
        let root = draw(&Sampler::new(7, "flaky-orders"), "header request-41", "");
        assert_eq!(format!("{:016x}", root.hash()), hash);
        let place = place.split('.').filter(|number| !number.is_empty());
        let mut draws = place.fold(root, |draws, number| draws.child(number.parse().unwrap()));
        for _ in 0..index.parse().unwrap() {
            draws.next_u64();
        }
        assert_eq!(format!("{:016x}", draws.clone().next_u64()), value, "{row:?}");
        assert_eq!(format!("{:08x}", draws.clone().next_u32()), value[..8], "{row:?}");
        assert_eq!(draws.clone().uniform().to_bits(), share.parse::<f64>().unwrap().to_bits(), "{row:?}");
        assert_eq!(draws.clone().normal().to_bits(), normal.parse::<f64>().unwrap().to_bits(), "{row:?}");
        let mut bytes = [0; 11];
        draws.fill_bytes(&mut bytes);
        assert_eq!(bytes[..8], u64::from_str_radix(value, 16).unwrap().to_le_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn steps_follow_the_specification() {
    let rows = vectors("Steps");
    assert!(rows.len() >= 12);
    for row in rows {
        let [seed, name, key, uniform, lognormal, picked] = row[..] else { panic!("{row:?}") };
        let log = Log::default();
        let tree = chain([
            slow(Delay::uniform("50ms", "150ms")),
            slow(Delay::lognormal("90ms", 0.4).max("150ms")),
            random([(3.0, error(500)), (0.0, error(501)), (2.0, error(502)), (3.0, error(503))]),
        ]);
        let fault = Fault::new(name, tree)
            .enabled(true)
            .participation(1.0)
            .seed(seed.parse().unwrap())
            .decide_by(DecideBy::Header("x-id".into()))
            .reporter(log.reporter())
            .build()
            .unwrap();
        let (_, id) = key.split_once(' ').unwrap();
        send(&fault, request(Method::GET, "/", &[("x-id", id)])).await;
        let (_, actions) = log.take().pop().unwrap();
        let [Action::Slow(first), Action::Slow(second), Action::Error(status)] = actions[..] else {
            panic!("{actions:?}")
        };
        let seen = [
            format!("{}ns", first.as_nanos()),
            format!("{}ns", second.as_nanos()),
            (status - 500).to_string(),
        ];
        assert_eq!(seen, [uniform, lognormal, picked], "{row:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn delays_follow_the_specification() {
    let rows = vectors("Delays");
    assert!(rows.len() >= 12);
    for row in rows {
        let [seed, name, key, normal, exponential, quantiles] = row[..] else { panic!("{row:?}") };
        let log = Log::default();
        let tree = chain([
            slow(Delay::normal("90ms", "20ms").max("2s")),
            slow(Delay::exponential("10ms").max("1s")),
            slow(Delay::quantiles("p50=20ms p90=100ms p99=1s")),
        ]);
        let fault = Fault::new(name, tree).enabled(true).participation(1.0).seed(seed.parse().unwrap());
        let fault = fault.decide_by(DecideBy::RequestId).reporter(log.reporter()).build().unwrap();
        let (_, id) = key.split_once(' ').unwrap();
        send(&fault, request(Method::GET, "/", &[("x-request-id", id)])).await;
        let (_, actions) = log.take().pop().unwrap();
        let seen: Vec<_> = actions
            .iter()
            .map(|action| match action {
                Action::Slow(time) => format!("{}ns", time.as_nanos()),
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(seen, [normal, exponential, quantiles], "{row:?}");
    }
}

/// The oracle of the message tests uses the same draws.
#[test]
fn messages_follow_the_specification() {
    let rows = vectors("Messages");
    assert!(rows.len() >= 12);
    let root = Sampler::new(7, "feed").draw(Key::Counter(0), b"");
    for (number, row) in (0..).zip(rows) {
        let mut draws = root.child(number);
        let shares: Vec<_> = [0.2, 0.3, 0.3, 0.5].into_iter().map(|limit| draws.uniform() < limit).collect();
        let word = |index: usize, word| if shares[index] { word } else { "-" };
        let held = match shares[3] {
            true => format!("{}ns", 10_000_000 + (draws.child(0).uniform() * 10_000_000.0) as u64),
            false => "-".to_owned(),
        };
        let seen =
            [&*number.to_string(), word(0, "dropped"), word(1, "duplicated"), word(2, "reordered"), &held];
        assert_eq!(seen, row[..]);
    }
}

#[tokio::test]
async fn flips_follow_the_specification() {
    use http_body_util::{BodyExt, Full};
    use tower::ServiceExt;
    use tower_layer::Layer;
    for row in vectors("Flips") {
        let [share, flips] = row[..] else { panic!("{row:?}") };
        let fault = Fault::new("noise", corrupt(Corruption::BitFlips(share.parse().unwrap())));
        let fault = fault.enabled(true).participation(1.0).seed(7).build().unwrap();
        let inner = tower::service_fn(async |_: http::Request<String>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::from(vec![0; 10_000])))
        });
        let response = fault.layer().layer(inner).oneshot(get("/")).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let changed = body.iter().enumerate().filter(|(_, byte)| **byte != 0);
        let seen: Vec<_> =
            changed.take(6).map(|(at, byte)| format!("{at}.{}", byte.trailing_zeros())).collect();
        assert_eq!(seen.join(", "), flips);
    }
}

#[tokio::test]
async fn groups_follow_the_specification() {
    let rows = vectors("Groups");
    assert!(rows.len() >= 10);
    let group = Group::new("cart").seed(7);
    let member = |weight| {
        let fault = always(error(500)).group(&group, weight).decide_by(DecideBy::RequestId);
        fault.build().unwrap()
    };
    let members = [member(3.0), member(1.0), member(4.0)];
    for row in rows {
        let ["7", "cart", key, picked] = row[..] else { panic!("{row:?}") };
        let (_, id) = key.split_once(' ').unwrap();
        for (number, member) in members.iter().enumerate() {
            let injected = is_injected(member, request(Method::GET, "/", &[("x-request-id", id)])).await;
            assert_eq!(injected, number.to_string() == picked, "{row:?}");
        }
    }
}

#[tokio::test]
pub(crate) async fn the_counter_selects_as_specified() {
    let (_, text) = SPECIFICATION.split_once("injected: ").unwrap();
    let wanted: Vec<u64> =
        text.trim().trim_end_matches('.').split(", ").map(|hit| hit.parse().unwrap()).collect();
    // Requests that a list rejects do not advance the counter, however they are mixed in.
    for every in [1, 2, 3] {
        let fault = Fault::new("flaky-orders", error(500))
            .enabled(true)
            .participation(0.05)
            .seed(7)
            .block_paths(["/blocked"])
            .build()
            .unwrap();
        let mut injected = Vec::new();
        for number in 0..300 {
            for _ in 1..every {
                assert!(!is_injected(&fault, get("/blocked")).await);
                assert!(!is_injected(&fault, get("/healthz")).await);
            }
            if is_injected(&fault, get("/")).await {
                injected.push(number);
            }
        }
        assert_eq!(injected, wanted);
    }
}

/// Five standard deviations: one run in a million fails by chance, and the seeds are fixed.
fn assert_share(selected: u64, of: u64, expected: f64, what: &str) {
    let sigma = (of as f64 * expected * (1.0 - expected)).sqrt();
    let off = selected as f64 - of as f64 * expected;
    assert!(off.abs() <= 5.0 * sigma, "{what}: {selected} of {of}, {:.1} sigma off {expected}", off / sigma);
}

const REQUESTS: u64 = 200_000;

#[test]
fn participation_holds() {
    let shares = [0.0, 1e-4, 0.001, 0.01, 0.1, 0.3298, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0];
    for seed in [0, 7] {
        let sampler = Sampler::new(seed, "flaky");
        let draws: Vec<_> = (0..REQUESTS).map(|number| sampler.draw(Key::Counter(number), b"")).collect();
        for share in shares {
            let selected = draws.iter().filter(|draws| draws.is_selected(share)).count();
            assert_share(selected as u64, REQUESTS, share, "counter");
        }
    }
    let ids =
        (0..REQUESTS).map(|number| Sampler::new(7, "flaky").draw(Key::Header(&number.to_be_bytes()), b""));
    assert_share(ids.filter(|draws| draws.is_selected(0.1)).count() as u64, REQUESTS, 0.1, "header");
}

/// Every share from 0.0001 to 0.9999 in steps of 0.0001.
#[test]
fn every_share_holds() {
    let sampler = Sampler::new(7, "flaky");
    let mut draws: Vec<_> = (0..REQUESTS).map(|number| sampler.draw(Key::Counter(number), b"")).collect();
    draws.sort_unstable_by_key(Draws::hash);
    for step in 1..10_000 {
        let share = f64::from(step) / 10_000.0;
        let selected = draws.partition_point(|draws| draws.is_selected(share));
        assert_share(selected as u64, REQUESTS, share, "every share");
    }
}

/// The same with requests through the service, for a few shares.
#[tokio::test]
async fn draws_equal_injections() {
    for share in [0.0, 1e-4, 0.3298, 0.9999, 1.0] {
        let fault = always(error(500)).participation(share).seed(7).build().unwrap();
        let sampler = fault.sampler();
        for number in 0..2000 {
            let wanted = sampler.draw(Key::Counter(number), b"").is_selected(share);
            assert_eq!(is_injected(&fault, get("/")).await, wanted, "{share} {number}");
        }
    }
}

#[test]
fn faults_and_attempts_are_independent() {
    let (p, q) = (0.1, 0.25);
    let (slow, flaky, other) = (Sampler::new(7, "slow"), Sampler::new(7, "flaky"), Sampler::new(8, "slow"));
    let mut both = [0; 4];
    for number in 0..REQUESTS {
        let key = Key::Counter(number);
        if slow.draw(key, b"").is_selected(p) {
            both[0] += u64::from(flaky.draw(key, b"").is_selected(q));
            both[1] += u64::from(other.draw(key, b"").is_selected(q));
            both[2] += u64::from(slow.draw(key, b"2").is_selected(q));
            both[3] += u64::from(slow.draw(Key::Counter(number + 1), b"").is_selected(q));
        }
    }
    for (selected, what) in
        both.into_iter().zip(["another name", "another seed", "another attempt", "the next request"])
    {
        assert_share(selected, REQUESTS, p * q, what);
    }
}

#[test]
fn nodes_are_independent_of_the_decision_and_each_other() {
    let sampler = Sampler::new(7, "tree");
    let (mut below, mut both) = (0, 0);
    for number in 0..REQUESTS {
        let root = sampler.draw(Key::Counter(number), b"");
        if root.is_selected(0.5) {
            let first = root.child(0).uniform() < 0.5;
            below += u64::from(first);
            both += u64::from(first && root.child(1).uniform() < 0.5);
        }
    }
    assert_share(below, REQUESTS, 0.25, "a child");
    assert_share(both, REQUESTS, 0.125, "two children");
}

#[test]
pub(crate) fn weights_and_medians_hold() {
    let mut picks = [0_u64; 4];
    let weights = [(3.0, error(500)), (0.0, error(501)), (1.0, error(502)), (4.0, error(503))];
    let fault = always(random(weights)).seed(7).build().unwrap();
    crate::support::block_on(async {
        for _ in 0..20_000 {
            let status = send(&fault, get("/")).await.0.unwrap();
            picks[usize::from(status - 500)] += 1;
        }
    });
    assert_eq!(picks[1], 0, "a weight of 0 is never picked");
    for (selected, share) in picks.into_iter().zip([0.375, 0.0, 0.125, 0.5]) {
        assert_share(selected, 20_000, share, "weight");
    }
    let mut draws = Sampler::new(7, "normal").draw(Key::Counter(0), b"");
    let normals: Vec<f64> = (0..REQUESTS).map(|_| draws.normal()).collect();
    // Shares of the standard normal distribution below these points.
    for (point, share) in [(-2.0, 0.022_750_131_948_179), (0.0, 0.5), (1.0, 0.841_344_746_068_543)] {
        let selected = normals.iter().filter(|value| **value < point).count() as u64;
        assert_share(selected, REQUESTS, share, "normal");
    }
}

#[test]
fn a_higher_participation_selects_a_superset() {
    let sampler = Sampler::new(7, "ramp");
    let draws = (0..REQUESTS).map(|number| sampler.draw(Key::Counter(number), b""));
    assert!(draws.filter(|draws| draws.is_selected(0.01)).all(|draws| draws.is_selected(0.05)));
}

/// One decision per trace; without a valid trace id each request has its own draw.
#[tokio::test]
async fn trace_ids_follow_w3c() {
    let valid = [
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-ffffffffffffffff-00",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings",
    ];
    let invalid = [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ];
    let fault = |seed| {
        let builder = always(error(500)).participation(0.5).seed(seed).decide_by(DecideBy::TraceId);
        builder.build().unwrap()
    };
    for header in valid {
        for seed in 0..32 {
            let id = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
            let wanted = Sampler::new(seed, "test").draw(Key::TraceId(id), b"").is_selected(0.5);
            assert_eq!(
                is_injected(&fault(seed), request(Method::GET, "/", &[("traceparent", header)])).await,
                wanted
            );
        }
    }
    for header in invalid {
        let fault = fault(7);
        for number in 0..32 {
            let wanted = Sampler::new(7, "test").draw(Key::Counter(number), b"").is_selected(0.5);
            let seen = is_injected(&fault, request(Method::GET, "/", &[("traceparent", header)])).await;
            assert_eq!(seen, wanted, "{header:?}");
        }
    }
}

/// Replicas agree independently of the order of requests, and a retry has its own draw.
#[tokio::test]
async fn replicas_agree_by_request_id_and_attempt() {
    let replica = || {
        always(error(500))
            .participation(0.5)
            .seed(7)
            .decide_by(DecideBy::Header("x-request-id".into()))
            .attempt_header("x-attempt")
            .build()
            .unwrap()
    };
    let (first, second) = (replica(), replica());
    let mut decisions = Vec::new();
    for id in 0..100 {
        for attempt in ["1", "2"] {
            let headers = [("x-request-id", &*id.to_string()), ("x-attempt", attempt)];
            decisions.push(is_injected(&first, request(Method::GET, "/", &headers)).await);
        }
    }
    let mut again = Vec::new();
    for id in (0..100).rev() {
        for attempt in ["2", "1"] {
            let headers = [("x-request-id", &*id.to_string()), ("x-attempt", attempt)];
            again.push(is_injected(&second, request(Method::GET, "/", &headers)).await);
        }
    }
    again.reverse();
    assert_eq!(decisions, again);
    assert!(decisions.chunks(2).any(|attempts| attempts[0] != attempts[1]));
}

#[test]
fn seeds_are_random_by_default() {
    let seed = || Fault::new("f", error(500)).build().unwrap().sampler().seed();
    assert_ne!(seed(), seed());
}
