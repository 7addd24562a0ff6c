//! Every operation of the document, and schemathesis. In a separate process, since a halt is one of the process.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of the wrong expectation")]
#![allow(dead_code, reason = "the server of the other tests has more than is used here")]

use std::collections::BTreeSet;

use serde_json::json;

#[path = "admin/support.rs"]
mod support;

use support::{PLAN, Server, TOKEN, TOML, set};
use waylay_router::{Route, Router};

/// Two replicas of which nothing is known.
struct Pair;

impl waylay_fault_admin::Fleet for Pair {
    fn overview(&self) -> waylay_fault_admin::FleetFuture<'_> {
        let replicas = ["one", "two"].map(waylay_fault_admin::Replica::new);
        Box::pin(std::future::ready(Ok(waylay_fault_admin::FleetOverview::new(replicas))))
    }
}

/// Serves a set with a plan, a log, traffic and routes.
async fn server() -> Server {
    let set = set();
    set.apply(&waylay_fault::FaultPlan::from_toml(PLAN).unwrap()).unwrap();
    let routes =
        Router::builder().route(Route::get("/cart/{id}").name("cart").to(async || "a cart")).build().unwrap();
    let traffic = waylay_fault_admin::Traffic::new();
    Server::with(set, |admin| admin.traffic(&traffic).routes(&routes).fleet(Pair)).await
}

#[tokio::test]
async fn every_operation_is_answered_as_documented() {
    let server = server().await;
    let rows = [
        ("GET", "/health", "", 200),
        ("GET", "/status", "", 200),
        ("GET", "/faults", "", 200),
        ("GET", "/faults/flaky", "", 200),
        ("PATCH", "/faults/flaky", r#"{"enabled":true}"#, 200),
        ("POST", "/faults/flaky/reset", "{}", 200),
        ("GET", "/routes", "", 200),
        ("GET", "/fleet", "", 200),
        ("GET", "/explain?url=/cart/7", "", 200),
        ("GET", "/metrics", "", 200),
        ("POST", "/tickets", "{}", 200),
        ("GET", "/plan", "", 200),
        ("POST", "/plan/validate", PLAN, 200),
        ("PUT", "/plan", PLAN, 200),
        ("POST", "/halt", r#"{"reason":"test"}"#, 200),
        ("POST", "/rearm", "{}", 200),
        ("POST", "/resume", "{}", 200),
        ("DELETE", "/plan", "", 204),
    ];
    let mut seen = BTreeSet::new();
    let mut note = |method: &str, target: &str| {
        let operation = server.operation(method, target.split('?').next().unwrap());
        seen.insert(operation.unwrap_or_else(|| panic!("{method} {target}"))["operationId"].to_string());
    };
    for (method, target, body, status) in rows {
        note(method, target);
        let kind = if target.starts_with("/plan") { &[TOML, ("if-match", "*")][..] } else { &[] };
        let reply = server.change(method, target, kind, body).await;
        assert_eq!(reply.status, status, "{method} {target}: {}", reply.text);
        assert_eq!(waylay_fault::halted(), ["/halt", "/rearm"].contains(&target), "{target}");
        if target == "/halt" {
            let health = server.ask("GET", "/health", &[], "").await.json();
            assert_eq!(health, json!({"status": "ok", "is_halted": true}));
            let status = server.ask("GET", "/status", &[], "").await.json();
            assert_eq!(
                (&status["is_halted"], &status["faults"][0]["inactive"]),
                (&json!(true), &json!("halted"))
            );
        }
    }
    note("GET", "/events");
    assert_eq!(server.open("GET", "/events", &[], "").await.status(), 200);
    let log = server.set.event_log().unwrap().since(0);
    let log: Vec<String> = log.entries.iter().map(|entry| entry.event().to_string()).collect();
    for text in [
        "fault flaky changed by the admin API: enabled",
        "counters of fault flaky reset by the admin API",
        "plan drill applied by the admin API",
        "every fault halted by the admin API: test",
        "faults resumed by the admin API",
        "all faults removed by the admin API",
    ] {
        assert!(log.iter().any(|line| line == text), "{text}: {log:#?}");
    }
    let all: BTreeSet<String> = server.document()["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].to_string())
        .collect();
    assert_eq!(seen, all);
}

/// Another tool reads the document and makes many more requests: `SCHEMATHESIS` is its program.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis 4: `SCHEMATHESIS=schemathesis cargo test -- --ignored schemathesis`"]
async fn schemathesis_finds_no_disagreement() {
    let server = server().await;
    let file = std::env::temp_dir().join(format!("waylay-admin-{}.json", std::process::id()));
    let mut document = server.document().clone();
    // A stream that does not end; its tests are in `admin/events.rs`.
    document["paths"].as_object_mut().unwrap().remove("/events");
    std::fs::write(&file, document.to_string()).unwrap();
    let program = std::env::var("SCHEMATHESIS").unwrap_or("schemathesis".to_owned());
    let mut command = std::process::Command::new(program);
    command.arg("run").arg(&file).args(["--url", &format!("http://{}", server.address)]);
    command.args(["--header", &format!("Authorization: Bearer {TOKEN}")]);
    command.args([
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--max-examples",
        "60",
        "--seed",
        "1",
        "--phases",
        "coverage,fuzzing",
    ]);
    let status = tokio::task::spawn_blocking(move || command.status()).await.unwrap().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(status.success());
}
