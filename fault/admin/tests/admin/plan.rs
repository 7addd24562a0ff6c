//! The plan: formats, tags, preconditions, errors with their places.

use serde_json::json;
use waylay_fault::FaultPlan;

use crate::support::{JSON, PLAN, Server, TOML, set};

/// Target, headers, content type of the response.
type Row = (&'static str, &'static [(&'static str, &'static str)], &'static str);

#[tokio::test]
async fn the_plan_is_shown_in_three_formats_which_read_back() {
    let server = Server::with_plan().await;
    let plan = server.set.plan().unwrap();
    let rows: [Row; 8] = [
        ("/plan", &[], "application/toml"),
        ("/plan", &[("accept", "*/*")], "application/toml"),
        ("/plan", &[("accept", "text/html, application/json;q=0.9")], "application/json"),
        ("/plan", &[("accept", "application/yaml")], "application/yaml"),
        ("/plan", &[("accept", "application/x-yaml")], "application/yaml"),
        ("/plan?format=json", &[("accept", "application/yaml")], "application/json"),
        ("/plan?format=yaml", &[], "application/yaml"),
        ("/plan?format=toml", &[], "application/toml"),
    ];
    let mut tags = std::collections::HashSet::new();
    for (target, headers, kind) in rows {
        let reply = server.ask("GET", target, headers, "").await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, kind));
        let read = match kind {
            "application/json" => FaultPlan::from_json(&reply.text),
            "application/yaml" => FaultPlan::from_yaml(&reply.text),
            _ => FaultPlan::from_toml(&reply.text),
        };
        assert_eq!(read.unwrap(), plan);
        let tag = reply.header("etag").to_owned();
        let known = server.ask("GET", target, &[headers, &[("if-none-match", &tag)]].concat(), "").await;
        assert_eq!((known.status.as_u16(), known.text.as_str(), known.header("etag")), (304, "", &*tag));
        tags.insert(tag);
    }
    assert_eq!(tags.len(), 3);
    assert_eq!(server.ask("GET", "/plan?format=ini", &[], "").await.status, 400);
    assert_eq!(Server::start().await.ask("GET", "/plan", &[], "").await.status, 404);
}

#[tokio::test]
async fn a_change_needs_the_tag_of_the_plan_that_it_replaces() {
    let server = Server::start().await;
    let put = async |headers: &[(&str, &str)], plan: &str| {
        server.change("PUT", "/plan", &[headers, &[TOML]].concat(), plan).await
    };
    let other = PLAN.replace("0.25", "0.5");
    assert_eq!(put(&[], PLAN).await.status, 428);
    assert_eq!(put(&[("if-match", "*")], PLAN).await.status, 412, "there is no plan yet");
    assert_eq!(put(&[("if-match", "\"1-a\"")], PLAN).await.status, 412);
    assert_eq!(put(&[("if-none-match", "\"1-a\"")], PLAN).await.status, 400);
    assert_eq!(server.set.revision(), 0);
    let reply = put(&[("if-none-match", "*")], PLAN).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let first = reply.header("etag").to_owned();
    let view = reply.json();
    assert_eq!((&view["revision"], &view["faults"]), (&json!(1), &json!(["slow-cart", "flaky"])));
    assert_eq!(format!("\"{}\"", view["tag"].as_str().unwrap()), first);
    assert_eq!(put(&[("if-none-match", "*")], &other).await.status, 412);
    assert_eq!(put(&[("if-match", &first), ("if-none-match", "*")], &other).await.status, 412);
    // A switch changes the plan, so its tag as well.
    server.change("PATCH", "/faults/flaky", &[], r#"{"enabled":true}"#).await;
    let reply = put(&[("if-match", &first)], &other).await;
    assert_eq!(reply.status, 412);
    let current = server.ask("GET", "/plan?format=yaml", &[], "").await.header("etag").to_owned();
    let weak = format!("W/{current}");
    assert_eq!(put(&[("if-match", &weak)], &other).await.status, 412, "a weak tag is not compared");
    let list = format!("\"x\", {current}");
    assert_eq!(put(&[("if-match", &list)], &other).await.status, 200, "the tag of any format");
    assert_eq!(server.set.control("slow-cart").unwrap().participation(), 0.5);
    let delete = async |headers: &[(&str, &str)]| server.change("DELETE", "/plan", headers, "").await.status;
    assert_eq!(delete(&[]).await, 428);
    assert_eq!(delete(&[("if-match", &first)]).await, 412);
    assert_eq!(delete(&[("if-match", "*")]).await, 204);
    assert_eq!(server.set.status().faults, 0);
    assert_eq!(delete(&[("if-match", "*")]).await, 412);
}

#[tokio::test]
async fn a_plan_from_elsewhere_needs_an_end_and_the_environment() {
    let server = Server::with_plan().await;
    let rows = [
        (PLAN.replace("ttl = \"15m\"", ""), 422, "needs an end"),
        (PLAN.replace("staging", "production"), 409, "the plan is for production"),
        (PLAN.replace("0.25", "25"), 422, "out of range"),
        ("version =".to_owned(), 422, "errors"),
        (String::new(), 422, "errors"),
    ];
    for (plan, status, text) in rows {
        let reply = server.change("PUT", "/plan", &[TOML, ("if-match", "*")], &plan).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        assert!(reply.text.contains(text), "{}", reply.text);
    }
    assert_eq!(server.set.revision(), 1);
    let reply = Server::with(waylay_fault::FaultSet::builder().environment("").build(), |admin| admin).await;
    let reply = reply.change("PUT", "/plan", &[TOML, ("if-none-match", "*")], PLAN).await;
    assert_eq!(reply.status, 409, "{}", reply.text);
}

#[tokio::test]
async fn errors_have_their_places_in_each_format() {
    let server = Server::with(set(), |admin| admin).await;
    let texts = [
        (
            TOML,
            "version = 1\nenvironments = [\"staging\"]\nfault = [{ name = \"a\", participation = 2, errror = 503 }]\n",
        ),
        (
            JSON,
            "{\"version\": 1, \"environments\": [\"staging\"],\n \"fault\": [{\"name\": \"a\", \"participation\": 2, \"errror\": 503}]}\n",
        ),
        (
            ("content-type", "application/yaml"),
            "version: 1\nenvironments: [staging]\nfault:\n  - name: a\n    participation: 2\n    errror: 503\n",
        ),
    ];
    for (kind, text) in texts {
        let reply = server.change("POST", "/plan/validate", &[kind], text).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let view = reply.json();
        assert_eq!((&view["is_valid"], &view["faults"]), (&json!(false), &json!([])));
        let errors = view["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 2, "{view}");
        for (error, wrong) in errors.iter().zip(["2", "errror"]) {
            let range = ["start", "end"].map(|key| usize::try_from(error[key].as_u64().unwrap()).unwrap());
            assert!(text[range[0]..range[1]].contains(wrong), "{error}");
            let line =
                text.lines().nth(usize::try_from(error["line"].as_u64().unwrap()).unwrap() - 1).unwrap();
            assert!(line.contains(wrong), "{error}");
        }
        let put = server.change("PUT", "/plan", &[kind, ("if-none-match", "*")], text).await;
        assert_eq!((put.status.as_u16(), &put.json()["errors"]), (422, &view["errors"]));
    }
    let view = server.change("POST", "/plan/validate", &[TOML], PLAN).await.json();
    assert_eq!((&view["is_valid"], &view["rejected"]), (&json!(true), &json!(null)));
    assert_eq!(view["faults"], json!(["slow-cart", "flaky"]));
    let view =
        server.change("POST", "/plan/validate", &[TOML], &PLAN.replace("ttl = \"15m\"", "")).await.json();
    assert_eq!(view["is_valid"], false);
    assert!(view["rejected"].as_str().unwrap().contains("needs an end"));
    assert_eq!(server.set.revision(), 0);
}
