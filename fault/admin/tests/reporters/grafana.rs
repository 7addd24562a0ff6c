//! Grafana: annotations, posted to a server that plays its documented API.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{patch, post};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{AutoStop, FaultPlan, FaultSet, Guards};
use waylay_fault_admin::Grafana;

use crate::{ALONE, TOKEN, on, token};

/// A call that was accepted: the id, whether it made the annotation, and the body.
pub(crate) type Call = (u64, bool, Value);

/// The annotations API, as <https://grafana.com/docs/grafana/latest/developers/http_api/annotations/> describes it.
#[derive(Clone)]
pub(crate) struct FakeGrafana {
    annotations: Arc<Mutex<HashMap<u64, Value>>>,
    calls: mpsc::UnboundedSender<Call>,
}

type Answer = (StatusCode, [(http::HeaderName, &'static str); 1], String);

impl FakeGrafana {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Call>) {
        let (calls, received) = mpsc::unbounded_channel();
        (Self { annotations: Arc::default(), calls }, received)
    }

    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/grafana/api/annotations", post(create))
            .route("/grafana/api/annotations/{id}", patch(update))
            .with_state(self)
    }

    async fn start() -> (String, mpsc::UnboundedReceiver<Call>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let (fake, calls) = Self::new();
        tokio::spawn(async move { axum::serve(listener, fake.router()).await });
        (format!("http://{address}/grafana/"), calls)
    }
}

/// A member of a body, and the test of its value.
type Member = (&'static str, fn(&Value) -> bool);

fn answer(status: u16, body: &Value) -> Answer {
    (StatusCode::from_u16(status).unwrap(), [(CONTENT_TYPE, "application/json")], body.to_string())
}

/// Checks the head and the body: only these members, of these types.
fn check(headers: &HeaderMap, body: &str, members: &[Member]) -> Result<Value, Answer> {
    if headers.get(AUTHORIZATION).is_none_or(|value| *value != format!("Bearer {TOKEN}")) {
        return Err(answer(401, &json!({"message": "Invalid API key"})));
    }
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let is_json = headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/json");
    let known =
        |name: &str, value: &Value| members.iter().any(|(known, is_valid)| *known == name && is_valid(value));
    match body.as_object() {
        Some(object) if is_json && object.iter().all(|(name, value)| known(name, value)) => Ok(body),
        _ => Err(answer(400, &json!({"message": format!("bad request data: {body}")}))),
    }
}

async fn create(State(fake): State<FakeGrafana>, headers: HeaderMap, body: String) -> Answer {
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let is_tags = |value: &Value| value.as_array().is_some_and(|tags| tags.iter().all(Value::is_string));
    let members: [Member; 6] = [
        ("dashboardUID", Value::is_string),
        ("panelId", Value::is_u64),
        ("time", Value::is_u64),
        ("timeEnd", Value::is_u64),
        ("tags", is_tags),
        ("text", is_text),
    ];
    let body = match check(&headers, &body, &members) {
        Ok(body) if body["text"].is_string() => body,
        Ok(_) => {
            return answer(
                400,
                &json!({"message": "Failed to save annotation: text field should not be empty"}),
            );
        }
        Err(answer) => return answer,
    };
    let mut annotations = fake.annotations.lock().unwrap();
    let id = annotations.len() as u64 + 1;
    annotations.insert(id, body.clone());
    let _ = fake.calls.send((id, true, body));
    answer(200, &json!({"message": "Annotation added", "id": id}))
}

async fn update(
    State(fake): State<FakeGrafana>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let body = match check(&headers, &body, &[("timeEnd", Value::is_u64)]) {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let annotations = fake.annotations.lock().unwrap();
    let Some(annotation) = annotations.get(&id) else {
        return answer(404, &json!({"message": "Annotation not found"}));
    };
    assert!(body["timeEnd"].as_u64() >= annotation["time"].as_u64());
    let _ = fake.calls.send((id, false, body));
    answer(200, &json!({"message": "Annotation patched"}))
}

/// Sends a request whose genuine response has this status.
async fn request(set: &FaultSet, status: u16) {
    let inner = service_fn(move |_: Request<String>| {
        let response = Response::builder().status(status).body(Body::empty()).unwrap();
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let _ = set.layer().layer(inner).oneshot(Request::new(String::new())).await;
}

/// The next annotation that is made: its id, tags and text.
async fn made(calls: &mut mpsc::UnboundedReceiver<Call>) -> (u64, String, String) {
    let (id, is_new, body) = calls.recv().await.unwrap();
    assert!(is_new && body["timeEnd"].is_null(), "{body}");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert!(u128::from(body["time"].as_u64().unwrap()) <= now.as_millis(), "milliseconds: {body}");
    let tags: Vec<_> = body["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
    (id, tags.join(" "), body["text"].as_str().unwrap().to_owned())
}

/// The annotation of which a region is made next.
async fn ended(calls: &mut mpsc::UnboundedReceiver<Call>) -> u64 {
    let (id, is_new, body) = calls.recv().await.unwrap();
    assert!(!is_new, "{body}");
    id
}

#[tokio::test]
async fn what_happens_to_a_set_is_annotated() {
    let _alone = ALONE.lock().await;
    let (url, mut calls) = FakeGrafana::start().await;
    let set = FaultSet::builder().name("checkout").environment("staging").build();
    let grafana = Grafana::builder(url, token()).tags(["team:shop"]).build().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let following = tokio::spawn({
        let set = set.clone();
        async move { grafana.follow_until(&set, async { _ = stopped.await }).await }
    });
    let tags = |kind: &str| format!("{kind} waylay team:shop set:checkout environment:staging");
    // Until it is followed, nothing is noticed; then the set is as it is.
    set.replace([on("a"), on("b")]).unwrap();
    let (first, kind, text) = made(&mut calls).await;
    assert_eq!(kind, tags("plan"));
    assert_eq!(text, "faults active: revision 1: a, b");

    let plan = "version = 1\nid = \"drill\"\nenvironments = [\"staging\"]\nttl = \"1h\"\n[[fault]]\nname = \"c\"\n\
        participation = 1\nallow_paths = [\"/none\"]\nerror = 503\n";
    set.apply(&FaultPlan::from_toml(plan).unwrap()).unwrap();
    assert_eq!(ended(&mut calls).await, first);
    let (second, kind, text) = made(&mut calls).await;
    let expected = "faults applied: revision 2, 1 faults of plan drill: c";
    assert_eq!((kind, &*text), (tags("plan"), expected));

    let stop_at = || Guards::new().stop(AutoStop::new("30s").min_requests(1).error_ratio(0.0));
    set.set_guards(stop_at()).unwrap();
    request(&set, 500).await;
    assert_eq!(ended(&mut calls).await, second);
    let (_, kind, text) = made(&mut calls).await;
    assert_eq!(kind, tags("stopped"));
    assert!(text.starts_with("faults stopped: 1 of 1 genuine server responses"), "{text}");
    // A stop outlives a swap.
    set.replace([on("d").enabled(false)]).unwrap();
    let (_, kind, text) = made(&mut calls).await;
    assert_eq!(
        (kind, text.ends_with("; stopped until the set is armed again")),
        (tags("plan"), true),
        "{text}"
    );
    set.rearm();
    let (third, kind, text) = made(&mut calls).await;
    assert_eq!((kind, &*text), (tags("plan"), "faults armed again: revision 3: d"));

    waylay_fault::halt();
    let (halt, kind, text) = made(&mut calls).await;
    assert_eq!((kind, &*text), (tags("halt"), "every fault of the process is halted"));
    waylay_fault::resume();
    assert_eq!(ended(&mut calls).await, halt);

    set.set_guards(Guards::new().until(SystemTime::now() - Duration::from_secs(1))).unwrap();
    set.status();
    assert_eq!(ended(&mut calls).await, third);
    assert_eq!(made(&mut calls).await.1, tags("expired"));

    set.set_guards(Guards::new().dry_run(true)).unwrap();
    set.replace([on("e")]).unwrap();
    let (fourth, _, text) = made(&mut calls).await;
    assert_eq!(text, "faults applied: revision 4, 1 faults: e; dry run, nothing is injected");
    set.clear();
    assert_eq!(ended(&mut calls).await, fourth);
    // No region is open, so this ends none.
    set.clear();
    set.replace([on("f")]).unwrap();
    let (fifth, ..) = made(&mut calls).await;
    stop.send(()).unwrap();
    assert_eq!(ended(&mut calls).await, fifth, "the stop ends what is open");
    following.await.unwrap();
    assert!(calls.try_recv().is_err());
}

#[tokio::test]
async fn annotations_belong_to_a_dashboard_if_one_is_named() {
    let _alone = ALONE.lock().await;
    let set = FaultSet::new();
    set.replace((0..25).map(|number| on(&format!("f{number}")))).unwrap();
    for (panel, expected) in [(None, json!(null)), (Some(4), json!(4))] {
        let (url, mut calls) = FakeGrafana::start().await;
        let grafana = Grafana::builder(url, token());
        let grafana = match panel {
            Some(panel) => grafana.panel("faults", panel),
            None => grafana.dashboard("faults"),
        };
        // What is active at the stop is still annotated.
        grafana.build().unwrap().follow_until(&set, async {}).await;
        let (id, is_new, body) = calls.recv().await.unwrap();
        assert!(is_new);
        assert_eq!((&body["dashboardUID"], &body["panelId"]), (&json!("faults"), &expected));
        assert!(body["text"].as_str().unwrap().ends_with("f18, f19 and 5 more"), "{body}");
        assert_eq!(ended(&mut calls).await, id);
    }
}

#[test]
fn wrong_addresses_are_errors() {
    let rows = [
        ("grafana:3000", "begins with neither `http://` nor `https://`"),
        ("/grafana", "begins with neither `http://` nor `https://`"),
        ("ftp://grafana", "begins with neither `http://` nor `https://`"),
        ("http://", "is neither an absolute URL nor an absolute path"),
        ("http://admin:secret@grafana:3000", "has a login"),
        ("admin:secret@grafana", "has a login"),
    ];
    for (url, expected) in rows {
        let error = Grafana::builder(url, token()).build().unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("secret"), "{url}: {error}");
    }
    let builder = Grafana::builder("https://grafana", token());
    assert!(!format!("{builder:?}").contains(TOKEN), "{builder:?}");
    let grafana = Grafana::builder("http://grafana", token()).build().unwrap();
    assert!(!format!("{grafana:?}").contains(TOKEN), "{grafana:?}");
}
