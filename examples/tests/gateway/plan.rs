//! The option `--plan`: a plan edited under load, and the check of one.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Gateway, get, named, route};

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
    let mut gateway = Gateway::with("plan", &route("one", named("one")), &arguments);
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
    assert!(text.contains("\nslow-cart (server): 25 %, ramp = \"2m\", allow_methods = [\"GET\"]"), "{text}");
    let (is_valid, text) = check("gateway.toml");
    assert!(!is_valid && text.contains("`routes` is not a key of a plan"), "{text}");
}
