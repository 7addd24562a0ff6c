//! Server-sent events: ids, resumption, status, tickets, limits.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use waylay_fault_admin::Token;

use crate::support::{Server, TOKEN, set};

/// Reads a stream event by event.
struct Stream {
    body: Incoming,
    text: String,
}

#[derive(Debug, Default, PartialEq)]
struct Event {
    id: String,
    kind: String,
    data: Value,
}

impl Stream {
    async fn open(server: &Server, target: &str, headers: &[(&str, &str)]) -> Self {
        let response = server.open("GET", target, headers, "").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let mut parsed = Event::default();
                for line in event.lines() {
                    match line.split_once(": ") {
                        Some(("id", id)) => parsed.id = id.to_owned(),
                        Some(("event", kind)) => parsed.kind = kind.to_owned(),
                        Some(("data", data)) => parsed.data = serde_json::from_str(data).unwrap(),
                        Some(("retry", _)) => {}
                        _ => assert!(line.starts_with(':'), "{line}"),
                    }
                }
                if !parsed.kind.is_empty() {
                    return parsed;
                }
                continue;
            }
            let frame = self.body.frame().await.unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    async fn log(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < count {
            let event = self.next().await;
            if event.kind != "status" {
                events.push(event);
            }
        }
        events
    }
}

fn summaries(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.data["summary"].as_str().unwrap_or(&event.kind)).collect()
}

#[tokio::test]
async fn a_reader_goes_on_where_it_ended() {
    let server = Server::with_plan().await;
    let log = server.set.event_log().unwrap().clone();
    log.note("two");
    let mut stream = Stream::open(&server, "/events", &[]).await;
    let events = stream.log(2).await;
    assert_eq!(summaries(&events), ["faults applied: revision 1, 2 faults", "two"]);
    assert_eq!((&events[1].data["event"], &events[1].data["number"]), (&json!("note"), &json!(2)));
    log.note("three");
    assert_eq!(summaries(&stream.log(1).await), ["three"]);
    drop(stream);
    log.note("four\nwith a \"line\"");
    let after = ("last-event-id", events[1].id.as_str());
    let again = Stream::open(&server, "/events", &[after]).await.log(2).await;
    assert_eq!(summaries(&again), ["three", "four\nwith a \"line\""]);
    let target = format!("/events?after={}", again[0].id);
    assert_eq!(summaries(&Stream::open(&server, &target, &[]).await.log(1).await), ["four\nwith a \"line\""]);
    // The id of a process before: all that is held.
    for id in ["other.2", "2", "x", &format!("{}x", events[0].id)] {
        let all = Stream::open(&server, "/events", &[("last-event-id", id)]).await.log(4).await;
        assert_eq!(all[0].id, events[0].id, "{id}");
    }
}

#[tokio::test]
async fn a_reader_is_told_what_it_missed() {
    let server = Server::start().await;
    let log = server.set.event_log().unwrap();
    let first = {
        log.note("first");
        let mut stream = Stream::open(&server, "/events", &[]).await;
        stream.log(1).await.remove(0).id
    };
    (0..150).for_each(|number| _ = log.note(format!("note {number}")));
    let events = Stream::open(&server, "/events", &[("last-event-id", &first)]).await.log(2).await;
    assert_eq!((&*events[0].kind, &events[0].data), ("missed", &json!({"missed": 50})));
    assert_eq!(summaries(&events[1..]), ["note 50"]);
}

#[tokio::test]
async fn the_status_comes_at_first_and_has_no_id() {
    let server = Server::with_plan().await;
    let mut stream = Stream::open(&server, "/events?status=true", &[]).await;
    let first = stream.next().await;
    assert_eq!((&*first.kind, &*first.id), ("status", ""));
    assert_eq!(first.data["faults"][0]["name"], "slow-cart");
    let second = loop {
        let event = stream.next().await;
        if event.kind == "status" {
            break event;
        }
    };
    assert_eq!(second.data["instance"], first.data["instance"]);
    // Without a log there is the status alone.
    let set = waylay_fault::FaultSet::new();
    let bare = Server::with(set, |admin| admin).await;
    assert_eq!(Stream::open(&bare, "/events?status=true", &[]).await.next().await.kind, "status");
    assert_eq!(bare.ask("GET", "/events?status=perhaps", &[], "").await.status, 400);
}

#[tokio::test]
async fn a_ticket_opens_the_stream_and_nothing_else() {
    let server = Server::with(set(), |admin| admin.hosts(["chaos.example"])).await;
    server.set.event_log().unwrap().note("one");
    let host = ("host", "chaos.example");
    let reply = server.change("POST", "/tickets", &[host], "{}").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["expires_in_seconds"], 30.0);
    let ticket = reply.json()["ticket"].as_str().unwrap().to_owned();
    let events = format!("/events?status=false&ticket={ticket}");
    for _ in 0..2 {
        assert_eq!(summaries(&Stream::open(&server, &events, &[host]).await.log(1).await), ["one"]);
    }
    for target in ["/events", "/events?ticket=", "/events?ticket=x", &format!("/status?ticket={ticket}")] {
        assert_eq!(server.ask("GET", target, &[host], "").await.status, 401, "{target}");
    }
    let bearer = format!("Bearer {ticket}");
    assert_eq!(server.ask("GET", "/status", &[host, ("authorization", &bearer)], "").await.status, 401);
    assert!(Token::new(TOKEN).is_ok());
}

#[tokio::test]
async fn streams_are_limited_and_give_their_places_back() {
    let server = Server::start().await;
    let mut streams = Vec::new();
    for _ in 0..32 {
        streams.push(Stream::open(&server, "/events", &[]).await);
    }
    let reply = server.ask("GET", "/events", &[], "").await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (503, "5"));
    streams.clear();
    // The server notices the closed connections; nothing here waits for a time.
    while server.open("GET", "/events", &[], "").await.status() != 200 {
        tokio::task::yield_now().await;
    }
}

/// A stop has additional members, and an error of a plan several lines.
#[tokio::test]
async fn every_kind_of_event_is_one_line_of_json() {
    use http::{Request, Response};
    use tower::{ServiceExt, service_fn};
    use tower_layer::Layer;
    use waylay_fault::FaultPlan;

    let server = Server::start().await;
    let plan = "version = 1\nenvironments = ['staging']\nttl = '1m'\nstop = { window = '10s', min_requests = 1, error_ratio = 0 }\n\
        [[fault]]\nname = 'a'\nparticipation = 1\nallow_paths = ['/a']\nerror = 503\n";
    server.set.apply(&FaultPlan::from_toml(plan).unwrap()).unwrap();
    let inner = service_fn(async |request: Request<String>| {
        let status = if request.uri().path() == "/bad" { 500 } else { 200 };
        Response::builder().status(status).body(String::new())
    });
    for path in ["/a", "/bad"] {
        let request = Request::get(path).body(String::new()).unwrap();
        server.set.layer().layer(inner).oneshot(request).await.unwrap();
    }
    let elsewhere = FaultPlan::from_toml(&plan.replace("staging", "other")).unwrap();
    server.set.apply(&elsewhere).unwrap_err();
    server.set.rearm();
    server.set.event_log().unwrap().note("{\"a\":{\"b\":\n\n}}");
    let events = Stream::open(&server, "/events", &[]).await.log(7).await;
    let kinds: Vec<_> = events.iter().map(|event| event.data["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["applied", "started", "finished", "stopped", "rejected", "rearmed", "note"]);
    assert_eq!(events[3].data["reason"]["exceeding"], 1, "{:?}", events[3]);
    assert_eq!(summaries(&events[6..]), ["{\"a\":{\"b\":\n\n}}"]);
}

#[tokio::test]
async fn closed_streams_end() {
    let server = Server::start().await;
    let open = server.open("GET", "/events?status=true", &[], "").await;
    let waiting = server.open("GET", "/events", &[], "").await;
    server.admin.close_streams();
    for stream in [open, waiting, server.open("GET", "/events", &[], "").await] {
        // The whole body, which ends properly.
        stream.into_body().collect().await.unwrap();
    }
}
