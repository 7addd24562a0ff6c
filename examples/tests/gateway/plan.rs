//! The option `--plan`: a plan edited under load, and the check of one.

use std::io::BufRead;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::{Gateway, TOKEN, get, named, route, send};

/// Each edit takes effect, no request fails that no fault was injected into, and an invalid edit changes nothing.
#[test]
fn changes_under_load() {
    let plan_file = std::env::temp_dir().join(format!("waylay-faults-{}.toml", std::process::id()));
    let plan = |status: u16| {
        format!(
            "version = 1\nenvironments = [\"test\"]\nttl = \"15m\"\n[[fault]]\nname = \"faulty\"\n\
             participation = 1\nallow_paths = [\"/one/faulty\"]\nerror = {status}\n"
        )
    };
    std::fs::write(&plan_file, plan(500)).unwrap();
    let arguments = ["--plan", plan_file.to_str().unwrap()];
    let mut gateway = Gateway::quiet("plan", &route("one", named("one")), &arguments);
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (stop, address) = (Arc::clone(&stop), gateway.address);
            std::thread::spawn(move || {
                let mut requests = 0;
                while !stop.load(Ordering::Relaxed) {
                    let response = get(address, "/one/x");
                    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
                    requests += 1;
                }
                requests
            })
        })
        .collect();
    let is_active = |gateway: &Gateway, status: u16| {
        let response = gateway.get("/one/faulty");
        response.starts_with(&format!("HTTP/1.1 {status} "))
            && response.contains("x-fault-injected: faulty\r\n")
    };
    for status in 500..505 {
        std::fs::write(&plan_file, plan(status)).unwrap();
        while !is_active(&gateway, status) {}
    }
    std::fs::write(&plan_file, plan(505).replace("error", "eror").replace("15m", "soon")).unwrap();
    let message = gateway.stderr_until("8:1: `eror`");
    for expected in [
        "the running ones stay: 2 errors in the plan",
        "3:7: `ttl`: `soon`",
        "8:1: `eror` is not a key of a fault; did you mean `error`?",
    ] {
        assert!(message.contains(expected), "{expected} in\n{message}");
    }
    assert!(is_active(&gateway, 504), "the last valid plan stays in use");
    stop.store(true, Ordering::Relaxed);
    assert!(clients.into_iter().all(|client| client.join().unwrap() > 0));
    let _ = std::fs::remove_file(plan_file);
}

/// The console is on the admin listener, where it takes a plan with the token, and only that.
#[test]
fn a_plan_is_put_by_the_console() {
    let gateway = Gateway::start("console", &route("one", named("one")));
    let request = |method: &str, target: &str, host: &str, token: &str, body: &str| {
        let head = format!(
            "{method} /_faults{target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nif-none-match: *\r\n\
             content-type: application/toml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        send(gateway.admin, &head)
    };
    let plan = "version = 1\nenvironments = [\"test\"]\nttl = \"15m\"\n[[fault]]\nname = \"faulty\"\n\
        participation = 1\nallow_paths = [\"/one/faulty\"]\nerror = 503\n";
    for (target, host, token, status) in [
        ("", "localhost", "", "200"),
        ("/", "localhost", "", "200"),
        ("/faults", "localhost", "", "200"),
        ("/faults", "evil.example", TOKEN, "421"),
    ] {
        let response = request("GET", target, host, token, "");
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {response}");
    }
    let rejected = request("PUT", "/plan", "localhost", "another-token-of-tests", plan);
    assert!(rejected.starts_with("HTTP/1.1 401 "), "{rejected}");
    assert!(gateway.get("/one/faulty").starts_with("HTTP/1.1 200 "));
    let applied = request("PUT", "/plan", "localhost", TOKEN, plan);
    assert!(applied.starts_with("HTTP/1.1 200 "), "{applied}");
    assert!(gateway.get("/one/faulty").contains("x-fault-injected: faulty\r\n"));
    assert!(gateway.get("/one/x").starts_with("HTTP/1.1 200 "));
}

/// A refused connection to an upstream is a 502 that counts as injected: it does not stop the faults, as one of an
/// upstream that is down does.
#[test]
fn errors_of_faulty_connections_do_not_stop_the_faults() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plan_file = std::env::temp_dir().join(format!("waylay-upstreams-{}.toml", std::process::id()));
    let plan = |enabled: bool| {
        format!(
            "version = 1\nenvironments = [\"test\"]\nttl = \"15m\"\n[stop]\nwindow = \"10m\"\nmin_requests = 1\n\
             error_ratio = 0.0\n[[fault]]\nname = \"refused\"\nplacement = \"connector\"\nparticipation = 1\n\
             enabled = {enabled}\nreject = \"connection_refused\"\n[[fault]]\nname = \"other\"\nparticipation = 1\n\
             allow_paths = [\"/none\"]\nerror = 503\n"
        )
    };
    std::fs::write(&plan_file, plan(true)).unwrap();
    let table = route("up", named("up")) + &route("down", closed);
    let gateway = Gateway::quiet("upstreams", &table, &["--plan", plan_file.to_str().unwrap()]);
    while !gateway.get("/up").starts_with("HTTP/1.1 502 ") {}
    for _ in 0..5 {
        let response = gateway.get("/up");
        assert!(response.starts_with("HTTP/1.1 502 "), "{response}");
        assert!(response.contains("x-fault-injected: refused\r\n"), "{response}");
    }
    assert!(get(gateway.admin, "/_faults/status").contains("\"stopped\":null"));
    let metrics = get(gateway.admin, "/_faults/metrics");
    let genuine = "waylay_responses_total{origin=\"genuine\",outcome=\"error\"} 0\n";
    assert!(metrics.contains(genuine), "{metrics}");

    std::fs::write(&plan_file, plan(false)).unwrap();
    while !gateway.get("/up").starts_with("HTTP/1.1 200 ") {}
    let response = gateway.get("/down");
    assert!(response.starts_with("HTTP/1.1 502 ") && !response.contains("x-fault-injected"), "{response}");
    let status = get(gateway.admin, "/_faults/status");
    assert!(!status.contains("\"stopped\":null"), "{status}");
    let _ = std::fs::remove_file(plan_file);
}

/// The check of a plan prints what it does, or all its errors.
#[test]
fn is_checked() {
    let check = |file: &str| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        let output = command.args(["--plan".as_ref(), "check".as_ref(), file.as_os_str()]).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), text)
    };
    let (is_valid, text) = check("plan.toml");
    assert!(is_valid && text.starts_with("plan checkout-drill for staging, seed = 42"), "{text}");
    assert!(
        text.contains("\nslow-products (server): 25 %, ramp = \"2m\", allow_methods = [\"GET\"]"),
        "{text}"
    );
    let (is_valid, text) = check("gateway.toml");
    assert!(!is_valid && text.contains("`routes` is not a key of a plan"), "{text}");
}

/// The sample plan under load: each edit becomes active, requests fail only by faults, and a broken edit keeps the
/// running plan and shows each error with its caret.
#[test]
fn the_sample_plan_changes_under_load() {
    const SAMPLE: &str = include_str!("../../plan.toml");
    let plan_file = std::env::temp_dir().join(format!("waylay-sample-{}.toml", std::process::id()));
    // The limit of the sample is far below what this test sends.
    let plan = |status: u16| {
        let sample = SAMPLE.replace("[\"staging\"]", "[\"test\"]");
        let sample = sample.replace("max_faults_per_second = 20", "max_faults_per_second = 100_000");
        sample.replace("error = 502", &format!("error = {status}"))
    };
    std::fs::write(&plan_file, plan(502)).unwrap();
    let table = route("one", named("one")) + &route("api", named("api"));
    let mut gateway = Gateway::with("sample", &table, &["--plan", plan_file.to_str().unwrap()]);
    let Gateway { address, child, stderr, .. } = &mut gateway;
    let (address, process) = (*address, child.id().to_string());
    let (stop, log) = (AtomicBool::new(false), Mutex::new(String::new()));
    let wait_for = |text: &str| {
        while !log.lock().unwrap().contains(text) {
            std::thread::yield_now();
        }
    };
    let attempts = AtomicUsize::new(0);
    let is_active = |status: u16| {
        let key = attempts.fetch_add(1, Ordering::Relaxed);
        let request = format!(
            "POST /api/v1/carts/9/orders HTTP/1.1\r\nhost: {address}\r\nidempotency-key: {key}\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n"
        );
        let response = send(address, &request);
        response.starts_with(&format!("HTTP/1.1 {status} "))
            && response.contains("x-fault-injected: retried-orders\r\n")
    };
    let (good, lost) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut line = String::new();
            while stderr.read_line(&mut line).unwrap() > 0 {
                log.lock().unwrap().push_str(&std::mem::take(&mut line));
            }
        });
        let clients: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (mut good, mut lost) = (0, 0);
                    while !stop.load(Ordering::Relaxed) {
                        // Of the faults only the one on connections selects this path.
                        let response = get(address, "/one/x");
                        if response.is_empty() {
                            lost += 1;
                        } else {
                            assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
                            good += 1;
                        }
                    }
                    (good, lost)
                })
            })
            .collect();
        for (revision, status) in [(1, 502), (2, 504), (3, 503)] {
            std::fs::write(&plan_file, plan(status)).unwrap();
            while !is_active(status) {}
            wait_for(&format!("faults applied: revision {revision}, 4 faults"));
        }
        let broken = plan(5000).replace("participation = 0.25", "participaton = 0.25");
        std::fs::write(&plan_file, broken.replace("\"30s\"", "\"soon\"")).unwrap();
        wait_for("the running ones stay: 3 errors in the plan");
        // The last of the errors, and its caret.
        wait_for(&format!("error = 5000 }}]\n   | {}^^^^", " ".repeat(38)));
        while !is_active(503) {}
        stop.store(true, Ordering::Relaxed);
        let totals = clients.into_iter().map(|client| client.join().unwrap());
        let totals = totals.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        // Its stderr ends.
        assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
        totals
    });
    let log = log.into_inner().unwrap();
    for shown in [
        "22:10: `window`: `soon` has no number at column 1",
        "22 | window = \"soon\"\n   |          ^^^^^^\n",
        "`participaton` is not a key of a fault; did you mean `participation`?",
        "   | ^^^^^^^^^^^^\n",
        "5000 is out of range; `error` is",
    ] {
        assert!(log.contains(shown), "{shown} in\n{log}");
    }
    // Each lost connection is one that the plan reset.
    let resets = log.matches("fault lost-connections started: toxic reset_peer").count();
    assert!(good > 0 && lost <= resets, "{good} good, {lost} lost, {resets} reset");
    let _ = std::fs::remove_file(plan_file);
}
