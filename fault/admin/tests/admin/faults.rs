//! Faults: list, changes, counters, explanation, metrics.

use http::{Request, Response};
use serde_json::json;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use waylay_fault_admin::Traffic;
use waylay_router::{Route, Router};

use crate::support::{JSON, PLAN, Server, set};

#[tokio::test]
async fn faults_are_shown_with_what_they_do_and_where() {
    let server = Server::with_plan().await;
    let faults = server.ask("GET", "/faults", &[], "").await.json();
    assert_eq!(faults.as_array().unwrap().len(), 2);
    let cart = server.ask("GET", "/faults/slow-cart", &[], "").await.json();
    assert_eq!(cart, faults[0]);
    assert_eq!(
        (&cart["name"], &cart["placement"], &cart["enabled"], &cart["participation"]),
        (&json!("slow-cart"), &json!("server"), &json!(true), &json!(0.25))
    );
    assert_eq!((&cart["routes"], &cart["action"]), (&json!(["/cart/*"]), &json!(r#"slow = "90ms""#)));
    assert_eq!(cart["limits"], json!({"skip": 0, "every": 1, "limit": null, "selected": 0}));
    assert_eq!((&faults[1]["inactive"], &faults[1]["routes"]), (&json!("not enabled"), &json!([])));
    let status = server.ask("GET", "/status", &[], "").await.json();
    assert_eq!(status["faults"], faults);
    assert_eq!(
        (&status["revision"], &status["environment"], &status["is_halted"], &status["stopped"]),
        (&json!(1), &json!("staging"), &json!(false), &json!(null))
    );
    assert_eq!(
        (&status["guards"]["max_active"], &status["guards"]["stop_error_ratio"]),
        (&json!(50), &json!(0.2))
    );
    let left = status["expires_in_seconds"].as_f64().unwrap();
    assert!(left > 800.0 && left <= 900.0, "{left}");
    assert_eq!(server.ask("GET", "/faults/slow-cars", &[], "").await.status, 404);
}

#[tokio::test]
async fn a_change_sets_what_it_names_and_is_in_the_plan() {
    let server = Server::with_plan().await;
    let body = r#"{"enabled":true,"participation":0.5,"skip":1,"every":2,"limit":3}"#;
    let reply = server.change("PATCH", "/faults/flaky", &[], body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let view = reply.json();
    assert_eq!((&view["enabled"], &view["participation"]), (&json!(true), &json!(0.5)));
    assert_eq!(view["limits"], json!({"skip": 1, "every": 2, "limit": 3, "selected": 0}));
    let plan = server.ask("GET", "/plan?format=json", &[], "").await.json();
    let flaky = &plan["fault"][1];
    assert_eq!(
        (&flaky["participation"], &flaky["skip"], &flaky["every"], &flaky["limit"]),
        (&json!(0.5), &json!(1), &json!(2), &json!(3))
    );
    assert_ne!(flaky["enabled"], false);
    let reply = server.change("PATCH", "/faults/flaky", &[], r#"{"limit":0,"skip":0,"every":1}"#).await;
    assert_eq!(reply.json()["limits"]["limit"], json!(null));
    assert!(!server.ask("GET", "/plan", &[], "").await.text.contains("limit"));
    // The plan as it was resets the fault.
    let headers = [("content-type", "application/toml"), ("if-match", "*")];
    server.change("PUT", "/plan", &headers, PLAN).await;
    let view = server.ask("GET", "/faults/flaky", &[], "").await.json();
    assert_eq!((&view["enabled"], &view["participation"]), (&json!(false), &json!(1.0)));
}

#[tokio::test]
async fn an_invalid_change_is_a_problem_and_changes_nothing() {
    let server = Server::with_plan().await;
    let before = server.ask("GET", "/faults/flaky", &[], "").await.json();
    let rows = [
        ("flaky", r#"{"enabled":true,"participation":1.1}"#, 422, "participation"),
        ("flaky", r#"{"enabled":true,"participation":-0.1}"#, 422, "participation"),
        ("flaky", r#"{"participation":"NaN","enabled":1}"#, 422, "/enabled"),
        ("flaky", r#"{"enabled":true,"every":0}"#, 422, "every"),
        ("flaky", r#"{"skip":-1}"#, 422, "skip"),
        ("flaky", r#"{"enabled":"#, 400, "malformed"),
        ("flaky", r#"{"enbled":true}"#, 422, "enbled"),
        ("flaky", "{}", 422, "nothing to change"),
        ("flaky", "", 422, "nothing to change"),
        ("flaky", "[]", 422, ""),
        ("flakey", r#"{"enabled":true}"#, 404, "there is no fault `flakey`"),
    ];
    for (fault, body, status, text) in rows {
        let reply = server.change("PATCH", &format!("/faults/{fault}"), &[], body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text);
        assert!(reply.text.contains(text), "{body}: {}", reply.text);
    }
    assert_eq!(server.ask("GET", "/faults/flaky", &[], "").await.json(), before);
}

#[tokio::test]
async fn counters_and_metrics_follow_the_traffic() {
    let traffic = Traffic::new();
    let measured = traffic.clone();
    let set = set();
    set.apply(&waylay_fault::FaultPlan::from_toml(PLAN).unwrap()).unwrap();
    set.control("slow-cart").unwrap().set_enabled(false);
    let server = Server::with(set.clone(), move |admin| admin.traffic(&measured)).await;
    let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new())));
    let service = ServiceBuilder::new().layer(traffic.layer()).layer(set.layer()).service(inner);
    for is_enabled in [true, false, true] {
        server.change("PATCH", "/faults/flaky", &[], &json!({"enabled": is_enabled}).to_string()).await;
        for _ in 0..2 {
            service.clone().oneshot(Request::new(String::new())).await.unwrap();
        }
    }
    let view = server.ask("GET", "/faults/flaky", &[], "").await.json();
    assert_eq!((&view["counts"]["seen"], &view["counts"]["injected"]), (&json!(4), &json!(4)));
    let status = server.ask("GET", "/status", &[], "").await.json();
    let traffic = &status["traffic"];
    assert_eq!((&traffic["genuine"]["responses"], &traffic["genuine"]["errors"]), (&json!(2), &json!(0)));
    assert_eq!((&traffic["injected"]["responses"], &traffic["injected"]["errors"]), (&json!(4), &json!(4)));
    let metrics = server.ask("GET", "/metrics", &[], "").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        r#"waylay_fault_requests_total{fault="flaky",side="server",outcome="injected"} 4"#,
        r#"waylay_fault_enabled{fault="slow-cart",side="server"} 0"#,
        r#"waylay_fault_requests_total{fault="flaky",side="server",outcome="no_match"} 0"#,
        r#"waylay_responses_total{origin="injected",outcome="error"} 4"#,
        r#"waylay_response_seconds_count{origin="genuine"} 2"#,
        r#"waylay_response_seconds_bucket{origin="genuine",le="+Inf"} 2"#,
        "waylay_fault_halted 0",
    ] {
        assert!(metrics.text.lines().any(|known| known == line), "{line}\n{}", metrics.text);
    }
    check_exposition(&metrics.text);
    let reset = server.change("POST", "/faults/flaky/reset", &[JSON], r#"{"reason":"again"}"#).await.json();
    assert_eq!((&reset["counts"]["seen"], &reset["counts"]["injected"]), (&json!(0), &json!(0)));
}

/// Each sample is of the family above it, and each family has one type and help.
fn check_exposition(text: &str) {
    let mut families = std::collections::HashSet::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert_eq!(rest.split(' ').next(), Some(&*family), "{line}");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(families.insert(family.clone()), "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = name.split('{').next().unwrap();
            assert!(name.starts_with(&family), "{line} in {family}");
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
        }
    }
}

#[tokio::test]
async fn a_request_is_explained_without_being_counted() {
    let router =
        Router::builder().route(Route::get("/cart/{id}").name("cart").to(async || "a cart")).build().unwrap();
    let set = set();
    set.apply(&waylay_fault::FaultPlan::from_toml(PLAN).unwrap()).unwrap();
    set.control("slow-cart").unwrap().set_participation(1.0).unwrap();
    let server = Server::with(set, |admin| admin.routes(&router)).await;
    let explain = async |query: &str| server.ask("GET", &format!("/explain?{query}"), &[], "").await;
    let reply = explain("url=/cart/7&header=x-a:%20b&header=x-c:d").await.json();
    assert_eq!(
        reply["faults"],
        json!([
            {"name": "slow-cart", "placement": "server", "skipped": null, "actions": ["slow 90ms"]},
            {"name": "flaky", "placement": "server", "skipped": "not enabled", "actions": []},
        ])
    );
    assert!(reply["route"].as_str().unwrap().contains("cart"), "{reply}");
    let reply = explain("url=/other").await.json();
    assert_eq!(reply["faults"][0]["skipped"], "no match");
    assert_eq!(server.set.control("slow-cart").unwrap().counts().seen, 0);
    let reply = explain("method=A%20B&url=nowhere&header=a%20b").await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["errors"].as_array().unwrap().len()),
        (400, 3),
        "{}",
        reply.text
    );
    assert_eq!(explain("").await.status, 400);
    let routes = server.ask("GET", "/routes", &[], "").await.json();
    assert_eq!((&routes[0]["name"], &routes[0]["template"]), (&json!("cart"), &json!("/cart/{id}")));
    assert_eq!(Server::start().await.ask("GET", "/routes", &[], "").await.status, 404);
}

/// Lists of routes decide by name and template, as in a layer within the router.
#[tokio::test]
async fn a_request_is_explained_with_the_route_that_it_matches() {
    let router = Router::builder()
        .route(Route::get("/cart/{id}").name("cart").to(async || "a cart"))
        .route(Route::post("/cart/{id}").to(async || "changed"))
        .route(Route::get("/search").to(async || "found"))
        .build()
        .unwrap();
    let plan = r#"
version = 1
environments = ["staging"]
[[fault]]
name = "by-name"
participation = 1
allow_routes = ["cart"]
error = 503
[[fault]]
name = "by-template"
participation = 1
allow_routes = ["/cart/{id}"]
error = 502
[[fault]]
name = "not-there"
participation = 1
block_routes = ["/search"]
error = 500
"#;
    let set = set();
    set.apply(&waylay_fault::FaultPlan::from_toml(plan).unwrap()).unwrap();
    let with_routes = Server::with(set.clone(), |admin| admin.routes(&router)).await;
    let without = Server::with(set, |admin| admin).await;
    let rows = [
        (&with_routes, "GET", "/cart/7", ["error 503", "error 502", "error 500"]),
        // Another route of the same template, without a name.
        (&with_routes, "POST", "/cart/7", ["no match", "error 502", "error 500"]),
        (&with_routes, "GET", "/search", ["no match", "no match", "no match"]),
        (&with_routes, "GET", "/missing", ["no match", "no match", "error 500"]),
        (&without, "GET", "/cart/7", ["no match", "no match", "error 500"]),
    ];
    for (server, method, url, expected) in rows {
        let reply = server.ask("GET", &format!("/explain?method={method}&url={url}"), &[], "").await.json();
        let faults = reply["faults"].as_array().unwrap().iter();
        let found: Vec<_> = faults
            .map(|fault| fault["skipped"].as_str().or(fault["actions"][0].as_str()).unwrap().to_owned())
            .collect();
        assert_eq!(found, expected, "{method} {url}: {reply}");
    }
}

#[tokio::test]
async fn misses_are_problems() {
    let server = Server::start().await;
    let rows = [
        ("GET", "/nothing", 404),
        ("GET", "/faults/", 404),
        ("GET", "//faults", 400),
        ("GET", "/faults/%zz", 400),
        ("DELETE", "/faults", 405),
        ("PUT", "/", 405),
        ("GET", "/halt", 405),
    ];
    for (method, target, status) in rows {
        let reply = server.change(method, target, &[], "").await;
        assert_eq!(reply.status, status, "{method} {target}: {}", reply.text);
        assert_eq!(reply.status == 405, reply.headers.contains_key("allow"), "{method} {target}");
    }
}
