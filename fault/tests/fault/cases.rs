//! What go-fault's own tests pin down and we keep, and its defects that we mended.
//!
//! Rows name the behaviours of github.com/lingrino/go-fault, module version 2.

use http::Method;
use waylay_fault::{
    Call, Delay, Fault, Injector, Reject, Verdict, chain, custom, error, random, reject, slow,
};

use crate::rig::{Log, get, is_struck, request, send, striking};

fn noop() -> Injector {
    custom("noop", |_: Call| async { Verdict::Continue })
}

#[tokio::test]
async fn the_gate_of_its_handler_tests() {
    let sent = [("x-testing", "val")];
    let fault = || striking(error(500));
    let rows = [
        ("not enabled", fault().enabled(false), 202),
        ("all", fault(), 500),
        ("path block list /", fault().block_paths(["/"]), 202),
        ("path allow list /", fault().allow_paths(["/"]), 500),
        ("path allow list of others", fault().allow_paths(["/onlyinject"]), 202),
        ("path in both lists", fault().block_paths(["/"]).allow_paths(["/"]), 202),
        ("header allow list", fault().allow_headers(sent), 500),
        ("header allow list of others", fault().allow_headers([("header", "not in test request")]), 202),
        ("one of two", fault().allow_headers([("x-testing", "val"), ("other", "not in request")]), 500),
        ("header in both lists", fault().block_headers(sent).allow_headers(sent), 202),
        ("off, allowed", fault().enabled(false).allow_paths(["/"]).allow_headers(sent), 202),
        (
            "path or header is not enough",
            fault().allow_paths(["/"]).allow_headers([("x-testing", "other")]),
            202,
        ),
        ("noop", striking(noop()), 202),
    ];
    for (name, fault, status) in rows {
        let (seen, text) = send(&fault.build().unwrap(), request(Method::GET, "/", &sent)).await;
        assert_eq!(seen, Some(status), "{name}");
        assert_eq!(text, if status == 500 { "Internal Server Error" } else { "Accepted" }, "{name}");
    }
}

/// It refuses statuses without a registered phrase and lets 1xx through; we do the reverse.
#[tokio::test]
async fn statuses() {
    for status in [0, 1, 99, 100, 101, 102, 103, 199, 600, 999, 1000, u16::MAX] {
        assert!(Fault::new("f", error(status)).build().is_err(), "{status}");
    }
    let phrases = [
        (200, "OK"),
        (226, "IM Used"),
        (418, "I'm a teapot"),
        (451, "Unavailable For Legal Reasons"),
        (511, "Network Authentication Required"),
    ];
    for (status, text) in phrases {
        let fault = striking(error(status)).build().unwrap();
        assert_eq!(send(&fault, get("/")).await, (Some(status), text.to_owned()));
    }
    for status in [299, 306, 419, 499, 509, 520, 599] {
        let fault = striking(error(status)).build().unwrap();
        assert_eq!(send(&fault, get("/")).await, (Some(status), status.to_string()));
    }
    let fault = striking(error(418).text("wow very random")).build().unwrap();
    assert_eq!(send(&fault, get("/")).await, (Some(418), "wow very random".to_owned()));
}

/// Its request with a first header value that is not wanted escapes every list; ours does not.
#[tokio::test]
async fn second_header_values_count() {
    let sent = [("x-a", "0"), ("x-a", "1")];
    let block = striking(error(500)).block_headers([("X-A", "1")]).build().unwrap();
    assert!(!is_struck(&block, request(Method::GET, "/", &sent)).await);
    let allow = striking(error(500)).allow_headers([("X-A", "1")]).build().unwrap();
    assert!(is_struck(&allow, request(Method::GET, "/", &sent)).await);
    // Its entry with an empty value matches where the header is absent.
    let block = striking(error(500)).block_headers([("x-a", "")]).build().unwrap();
    assert!(is_struck(&block, get("/")).await);
}

/// Its chain, mounted on its own, runs its links once more with every request.
#[tokio::test]
async fn a_chain_runs_its_links_once_a_request() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let runs = Arc::new(AtomicU32::new(0));
    let counter = || {
        let runs = runs.clone();
        custom("counter", move |_: Call| {
            let runs = runs.clone();
            async move {
                runs.fetch_add(1, Ordering::Relaxed);
                Verdict::Continue
            }
        })
    };
    let fault = striking(chain([chain([counter()]), chain([counter()])])).build().unwrap();
    for request in 1..=5 {
        send(&fault, get("/")).await;
        assert_eq!(runs.load(Ordering::Relaxed), 2 * request);
    }
}

/// Its chains and random picks; one draw for the whole of it.
#[tokio::test(start_paused = true)]
async fn trees() {
    let rows: [(Injector, Option<u16>); 9] = [
        (noop(), Some(202)),
        (chain::<Injector>([]), Some(202)),
        (chain([noop(), noop()]), Some(202)),
        (chain([noop(), error(500).into(), error(418).into()]), Some(500)),
        (chain([slow(Delay::fixed("0s")), reject(Reject::EmptyReply), error(418).into()]), None),
        (random([(1.0, error(418))]), Some(418)),
        (random([(0.0, error(500)), (1e-300, error(418)), (0.0, error(500))]), Some(418)),
        (random([(1.0, chain([slow(Delay::fixed("1h")), random([(2.0, error(418))])]))]), Some(418)),
        (chain([random([(1.0, noop()), (1.0, slow(Delay::fixed("1s")))]), error(418).into()]), Some(418)),
    ];
    for (injector, status) in rows {
        let text = format!("{injector:?}");
        assert_eq!(send(&striking(injector).build().unwrap(), get("/")).await.0, status, "{text}");
    }
}

/// Two of its faults under one seed strike the same requests; each of ours has its own stream.
#[tokio::test]
async fn faults_do_not_march_in_step() {
    let fault = |name| Fault::new(name, error(500)).enabled(true).participation(0.5).seed(1).build().unwrap();
    let (first, second, twin) = (fault("first"), fault("second"), fault("first"));
    let (mut apart, mut twins_apart) = (0, 0);
    for _ in 0..200 {
        let struck = is_struck(&first, get("/")).await;
        apart += u32::from(struck != is_struck(&second, get("/")).await);
        twins_apart += u32::from(struck != is_struck(&twin, get("/")).await);
    }
    assert!((65..=135).contains(&apart), "{apart} of 200 apart, five sigma around half");
    assert_eq!(twins_apart, 0, "equal seed and name decide alike");
}

/// Its reports run on goroutines of their own, so that the end may come before the start.
#[tokio::test]
async fn reports_end_after_they_start() {
    let log = Log::default();
    let fault = striking(error(500)).reporter(log.reporter()).build().unwrap();
    for _ in 0..100 {
        send(&fault, get("/")).await;
    }
    let phases: Vec<_> = log.take().into_iter().map(|(phase, _)| phase.to_string()).collect();
    assert!(phases.chunks(2).all(|pair| pair == ["started", "finished"]));
}

/// Its lists, entry for entry. Where it looks at the first value of a header only, we look at all;
/// where an entry of nothing matches an absent header, ours does not; and `Host` can be matched.
#[tokio::test]
async fn lists() {
    let paths: [(&[&str], &str, bool); 9] = [
        (&["/a"], "/a", true),
        (&["/a"], "/A", false),
        (&["/a"], "/%61", true),
        (&["/a b"], "/a%20b", true),
        (&["/a"], "/a/b", false),
        (&["/a"], "/a/", false),
        (&["/a"], "//a", false),
        (&["/a"], "/a?b=/c", true),
        (&[], "/a", true),
    ];
    for (list, path, wanted) in paths {
        let allow = striking(error(500)).allow_paths(list.iter().copied()).build().unwrap();
        assert_eq!(is_struck(&allow, get(path)).await, wanted, "{list:?} {path}");
        let block = striking(error(500)).block_paths(list.iter().copied()).build().unwrap();
        assert_eq!(is_struck(&block, get(path)).await, !wanted || list.is_empty(), "{list:?} {path}");
    }
    // Its entry written in escapes never matches; ours is refused.
    assert!(striking(error(500)).allow_paths(["/a%20b"]).build().is_err());

    type Row<'a> = ((&'a str, &'a str), &'a [(&'a str, &'a str)], bool);
    let headers: [Row<'_>; 9] = [
        (("X-A", "1"), &[("x-a", "1")], true),
        (("x-a", "yes"), &[("X-A", "Yes")], false),
        (("X-A", "1"), &[("X-A", "0"), ("X-A", "1")], true),
        (("X-A", "1"), &[("X-A", "1"), ("X-A", "0")], true),
        (("X-A", "1"), &[("X-A", "1, 2")], false),
        (("X-A", ""), &[], false),
        (("X-A", ""), &[("X-A", "1")], false),
        (("X-A", "*"), &[("X-A", "1")], false),
        (("Host", "example.com"), &[("host", "example.com")], true),
    ];
    for (entry, sent, wanted) in headers {
        let allow = striking(error(500)).allow_headers([entry]).build().unwrap();
        assert_eq!(is_struck(&allow, request(Method::GET, "/", sent)).await, wanted, "{entry:?} {sent:?}");
        let block = striking(error(500)).block_headers([entry]).build().unwrap();
        assert_eq!(is_struck(&block, request(Method::GET, "/", sent)).await, !wanted, "{entry:?} {sent:?}");
    }
    // A path list and a header list must both let a request through.
    for (path, value, wanted) in
        [("/a", "1", true), ("/a", "0", false), ("/b", "1", false), ("/b", "0", false)]
    {
        let both = striking(error(500)).allow_paths(["/a"]).allow_headers([("x-a", "1")]).build().unwrap();
        assert_eq!(is_struck(&both, request(Method::GET, path, &[("x-a", value)])).await, wanted);
    }
}

/// It lets NaN pass, after which nothing ever fires; and so it does a wait function that is none.
#[tokio::test]
async fn participations() {
    for share in [0.0, 1.0, -0.0, 1e-45, f64::MIN_POSITIVE, 0.9999] {
        assert!(Fault::new("f", error(500)).participation(share).build().is_ok(), "{share}");
    }
    for share in [-0.0001, 1.0001, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert!(Fault::new("f", error(500)).participation(share).build().is_err(), "{share}");
    }
    let fault = Fault::new("f", error(500)).build().unwrap();
    let control = fault.control();
    assert_eq!((control.enabled(), control.participation()), (false, 0.0));
    control.set_enabled(true);
    control.set_participation(1.0).unwrap();
    for share in [-0.1, 1.1, f64::NAN] {
        assert!(control.set_participation(share).is_err());
        assert!(is_struck(&fault, get("/")).await, "the old one is kept");
    }
    control.set_participation(0.0).unwrap();
    assert!(!is_struck(&fault, get("/")).await);
}

/// Its two faults of one seed decide alike; so do ours of one seed and one name, and a request
/// that a list turns away moves neither.
#[tokio::test]
async fn seeds() {
    let fault =
        || striking(error(500)).participation(0.5).seed(100).block_paths(["/blocked"]).build().unwrap();
    let (one, other) = (fault(), fault());
    for _ in 0..200 {
        assert!(!is_struck(&other, get("/blocked")).await);
        assert_eq!(is_struck(&one, get("/")).await, is_struck(&other, get("/")).await);
    }
}

/// Its injectors report under the names of their types; ours say what they do.
#[tokio::test(start_paused = true)]
async fn names_in_reports() {
    let rows: [(Injector, &str); 6] = [
        (reject(Reject::EmptyReply), "reject empty_reply"),
        (error(500).into(), "error 500"),
        (slow(Delay::fixed("90ms")), "slow 90ms"),
        (chain([slow(Delay::fixed("90ms")), error(500).into()]), "slow 90ms, error 500"),
        (random([(1.0, error(418))]), "error 418"),
        (noop(), "custom noop"),
    ];
    for (injector, wanted) in rows {
        let log = Log::default();
        let fault = striking(injector).reporter(log.reporter()).build().unwrap();
        send(&fault, get("/")).await;
        for (_, deeds) in log.take() {
            let deeds: Vec<_> = deeds.iter().map(ToString::to_string).collect();
            assert_eq!(deeds.join(", "), wanted);
        }
    }
}
