//! Custom injectors: every outcome, of the request and of the response.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Action, ClientError, Counts, Delay, Fault, FaultStream, INJECTED_HEADER, InjectContext, InjectOutcome,
    Injected, Injector, Phase, SkipReason, chain, custom, error, patch, slow,
};

use crate::support::{Log, always, get, request};

/// The outcome of one request to a service that responds 202: status, `x-seen` header, body, the mark, and
/// the actions in the extension.
type Seen = (u16, Option<String>, String, bool, Vec<Action>);

async fn seen(fault: &Fault, method: Method) -> Seen {
    let inner = service_fn(async |_: Request<String>| {
        let response = Response::builder().status(202).header("x-seen", "service");
        Ok::<_, Infallible>(response.body(String::from("Accepted")).unwrap())
    });
    let response = fault.layer().layer(inner).oneshot(request(method, "/", &[])).await.unwrap();
    let header = response.headers().get("x-seen").map(|value| value.to_str().unwrap().to_owned());
    let mark = response.headers().contains_key(INJECTED_HEADER);
    let actions =
        response.extensions().get::<Injected>().map_or(vec![], |injected| injected.actions().to_vec());
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .map_or("failed".into(), |body| String::from_utf8(body.to_bytes().to_vec()).unwrap());
    (status, header, body, mark, actions)
}

fn own(outcome: fn() -> InjectOutcome) -> Injector {
    custom("own", move |_: InjectContext| async move { outcome() })
}

/// An outcome that depends on the response.
fn inspecting(outcome: fn(&mut http::response::Parts) -> InjectOutcome) -> Injector {
    custom("own", move |_: InjectContext| async move { InjectOutcome::inspect(outcome) })
}

fn counts(change: impl Fn(&mut Counts)) -> Counts {
    let mut counts = Counts::default();
    counts.seen = 1;
    change(&mut counts);
    counts
}

fn teapot() -> InjectOutcome {
    let mut response = Response::new(Bytes::from("short and stout"));
    *response.status_mut() = StatusCode::IM_A_TEAPOT;
    InjectOutcome::Respond(response)
}

#[tokio::test(start_paused = true)]
async fn outcomes() {
    let action = || vec![Action::Custom("own".into())];
    let service =
        |actions: Vec<Action>| (202, Some("service".into()), "Accepted".into(), !actions.is_empty(), actions);
    let teapot_seen = || (418, None, "short and stout".into(), true, action());
    let failed = || (500, None, "failed".into(), true, action());
    let skipped = |reason| (Phase::Skipped(reason), vec![]);
    let finished = || (Phase::Finished, action());
    let injected = || counts(|counts| counts.injected = 1);
    let declined = || counts(|counts| counts.declined = 1);
    type Row = (&'static str, Injector, Seen, Counts, (Phase, Vec<Action>));
    let rows: Vec<Row> = vec![
        ("skip", own(|| InjectOutcome::Skip), service(vec![]), declined(), skipped(SkipReason::Declined)),
        ("continue", own(|| InjectOutcome::Continue), service(action()), injected(), finished()),
        ("respond", own(teapot), teapot_seen(), injected(), finished()),
        ("end", own(|| InjectOutcome::EmptyReply), failed(), injected(), finished()),
        (
            "skip the response",
            inspecting(|head| {
                // It is sent unchanged.
                head.headers.clear();
                head.status = StatusCode::OK;
                InjectOutcome::Skip
            }),
            service(vec![]),
            declined(),
            skipped(SkipReason::Declined),
        ),
        (
            "panic at the response",
            inspecting(|head| {
                head.headers.clear();
                panic!("inspecting")
            }),
            service(vec![]),
            counts(|counts| counts.callback_panicked = 1),
            skipped(SkipReason::CallbackPanicked),
        ),
        (
            "change the response",
            inspecting(|head| {
                assert_eq!(head.headers["x-seen"], "service");
                head.headers.insert("x-seen", "changed".parse().unwrap());
                head.status = StatusCode::OK;
                InjectOutcome::Continue
            }),
            (200, Some("changed".into()), "Accepted".into(), true, action()),
            injected(),
            finished(),
        ),
        ("replace the response", inspecting(|_| teapot()), teapot_seen(), injected(), finished()),
        ("end at the response", inspecting(|_| InjectOutcome::EmptyReply), failed(), injected(), finished()),
    ];
    for (name, injector, wanted, wanted_counts, end) in rows {
        let log = Log::default();
        let fault = always(injector).reporter(log.reporter()).build().unwrap();
        assert_eq!(seen(&fault, Method::GET).await, wanted, "{name}");
        assert_eq!(fault.control().counts(), wanted_counts, "{name}");
        assert_eq!(log.take(), [(Phase::Started, action()), end], "{name}");
    }
}

/// Links before one that skips stay, links after it are not run.
#[tokio::test(start_paused = true)]
async fn outcomes_in_chains() {
    let slow = || slow(Delay::fixed("1s"));
    let custom = || Action::Custom("own".into());
    let slept = || Action::Slow(Duration::from_secs(1));
    let skip = || own(|| InjectOutcome::Skip);
    let skip_response = || inspecting(|_| InjectOutcome::Skip);
    let go_on = || inspecting(|_| InjectOutcome::Continue);
    let rows: Vec<(&str, Vec<Injector>, u16, Vec<Action>)> = vec![
        ("slow, skip", vec![slow(), skip()], 202, vec![slept()]),
        ("skip, error", vec![skip(), error(503).into()], 202, vec![]),
        (
            "patch, skip, error",
            vec![patch().status(203).into(), skip(), error(503).into()],
            203,
            vec![Action::Patch(waylay_fault::Side::Response)],
        ),
        ("skip later, slow", vec![skip_response(), slow()], 202, vec![slept()]),
        ("continue later, slow", vec![go_on(), slow()], 202, vec![custom(), slept()]),
        ("continue later, error", vec![go_on(), error(503).into()], 503, vec![custom(), Action::Error(503)]),
        ("skip later, error", vec![skip_response(), error(503).into()], 503, vec![Action::Error(503)]),
        ("two of them", vec![skip_response(), go_on()], 202, vec![custom()]),
        ("both skip", vec![skip_response(), skip_response()], 202, vec![]),
        (
            "replaced error",
            vec![inspecting(|_| teapot()), error(503).into()],
            418,
            vec![custom(), Action::Error(503)],
        ),
    ];
    for (name, links, status, actions) in rows {
        let fault = always(chain(links)).build().unwrap();
        let (seen, _, _, mark, marked) = seen(&fault, Method::GET).await;
        assert_eq!((seen, mark, &marked), (status, !actions.is_empty(), &actions), "{name}");
        let counts = fault.control().counts();
        let injected = u64::from(!actions.is_empty());
        assert_eq!((counts.injected, counts.declined, counts.active), (injected, 1 - injected, 0), "{name}");
    }
}

/// A reporter of a part receives only its events, and none of skipped links.
#[tokio::test]
async fn reporters_of_parts() {
    let log = Log::default();
    let part = own(|| InjectOutcome::Skip).reporter(log.reporter());
    let fault = always(chain([slow(Delay::fixed("0s")), part])).build().unwrap();
    seen(&fault, Method::GET).await;
    assert_eq!(log.take(), [(Phase::Started, vec![Action::Custom("own".into())])]);
}

/// Without a response there is nothing to decide, and nothing is counted as injected.
#[tokio::test]
async fn responses_that_never_arrive() {
    let go_on = || inspecting(|_| InjectOutcome::Continue);
    let fault = always(go_on()).build().unwrap();
    let inner =
        service_fn(async |_: Request<String>| Err::<Response<String>, _>(std::io::Error::other("down")));
    assert!(fault.layer().layer(inner).oneshot(get("/")).await.is_err());
    let counts = fault.control().counts();
    assert_eq!((counts.injected, counts.not_deliverable, counts.active), (0, 1, 0));

    // A connection has no response.
    let fault = always(go_on()).build().unwrap();
    let mut server = FaultStream::accepted(tokio::io::duplex(64).0, None).fault(&fault);
    let _ = tokio::io::AsyncReadExt::read(&mut server, &mut [0; 8]).await;
    let counts = fault.control().counts();
    assert_eq!((counts.injected, counts.not_deliverable, counts.active), (0, 1, 0));
}

/// Around a client a response may be replaced by an error.
#[tokio::test]
async fn responses_of_clients() {
    let fault = always(inspecting(|head| {
        assert_eq!(head.status, 200);
        InjectOutcome::ConnectionReset
    }));
    let fault = fault.build().unwrap();
    let client = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new())));
    let error = fault.client_layer().layer(client).oneshot(get("/")).await.unwrap_err();
    let ClientError::Injected(injected) = error else { panic!("{error:?}") };
    assert_eq!(injected.kind(), std::io::ErrorKind::ConnectionReset);
}

/// A status without content takes the body away, however it is set.
#[tokio::test]
async fn statuses_without_content() {
    for status in [204, 205, 304] {
        let change = custom("own", move |_: InjectContext| async move {
            InjectOutcome::inspect(move |head| {
                head.status = StatusCode::from_u16(status).unwrap();
                InjectOutcome::Continue
            })
        });
        let respond = custom("own", move |_: InjectContext| async move {
            let response = Response::builder().status(status).header("content-length", "5");
            InjectOutcome::Respond(response.body(Bytes::from("hello")).unwrap())
        });
        for injector in [change, respond] {
            let fault = always(injector).build().unwrap();
            let inner = service_fn(async |_: Request<String>| {
                let response = Response::builder().header("content-length", "4").body(String::from("real"));
                Ok::<_, Infallible>(response.unwrap())
            });
            let response = fault.layer().layer(inner).oneshot(get("/")).await.unwrap();
            assert_eq!(response.status(), status);
            assert!(!response.headers().contains_key("content-length"), "{:?}", response.headers());
            assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
            let counts = fault.control().counts();
            assert_eq!((counts.injected, counts.active), (1, 0), "{status}");
        }
    }
}

/// A fault that was disabled while the service worked does not change the response.
#[tokio::test]
async fn off_while_the_service_works() {
    let fault = always(inspecting(|_| teapot())).build().unwrap();
    let control = fault.control();
    let inner = service_fn(move |_: Request<String>| {
        control.set_enabled(false);
        std::future::ready(Ok::<_, Infallible>(Response::new(String::from("real"))))
    });
    let response = fault.layer().layer(inner).oneshot(get("/")).await.unwrap();
    assert_eq!(
        (response.status(), response.headers().contains_key(INJECTED_HEADER)),
        (StatusCode::OK, false)
    );
}

/// The function carries state from the request to the response.
#[tokio::test]
async fn requests_and_responses_share_what_is_captured() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = log.clone();
    let both = custom("both", move |context: InjectContext| {
        let writer = writer.clone();
        async move {
            let method = context.request().method().clone();
            InjectOutcome::inspect(move |head| {
                writer.lock().unwrap().push((method, head.status.as_u16()));
                InjectOutcome::Skip
            })
        }
    });
    let fault = always(both).build().unwrap();
    for method in [Method::GET, Method::HEAD] {
        seen(&fault, method).await;
    }
    assert_eq!(*log.lock().unwrap(), [(Method::GET, 202), (Method::HEAD, 202)]);
}
