//! Facts about go-fault, row by row: its behavior, and this crate's.
//!
//! Each row has the number of a fact (`fault-028` is 28), and is built through the public interface
//! and sent through a service. The rows of connections are in `tests/wire/go_fault_rows.rs`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Response};
use tokio::time::Instant;
use waylay_fault::{
    Delay, Fault, FaultBuilder, InjectContext, InjectOutcome, Injector, Key, Sampler, chain, custom, error,
    random_by, slow,
};

use crate::support::{always, block_on, request, send};
use crate::{control, decision, go_fault, selection};

/// One request to a fault around `202 Accepted`.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) injector: &'static str,
    pub(crate) enabled: bool,
    pub(crate) participation: f64,
    pub(crate) draw: Option<f64>,
    pub(crate) paths: [Vec<String>; 2],
    pub(crate) headers: [Vec<(String, String)>; 2],
    /// An allow list is set, and has no entry.
    pub(crate) empty_allow: bool,
    pub(crate) path: String,
    pub(crate) sent: Vec<(String, String)>,
}

/// The outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Came {
    Passed,
    Injected,
    /// The fault cannot be built.
    Rejected,
}

pub(crate) const BLOCK: usize = 0;
pub(crate) const ALLOW: usize = 1;

pub(crate) fn sent(path: &str, headers: &[(&str, &str)]) -> Sent {
    Sent {
        injector: "error 500",
        enabled: true,
        participation: 1.0,
        draw: None,
        paths: Default::default(),
        headers: Default::default(),
        empty_allow: false,
        path: path.to_owned(),
        sent: owned(headers),
    }
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Sent {
    fn paths(mut self, list: usize, entries: &[&str]) -> Self {
        self.empty_allow = list == ALLOW && entries.is_empty();
        self.paths[list] = entries.iter().map(|entry| (*entry).to_owned()).collect();
        self
    }

    fn headers(mut self, list: usize, entries: &[(&str, &str)]) -> Self {
        self.headers[list] = owned(entries);
        self
    }

    pub(crate) async fn send(&self) -> (Came, String) {
        let injector = match self.injector {
            "noop" => noop(),
            _ => error(500).into(),
        };
        let mut fault = Fault::new("row", injector).enabled(self.enabled).participation(self.participation);
        if let Some(draw) = self.draw {
            fault = fault.draw_with(move |_| draw);
        }
        let [block, allow] = self.paths.clone();
        fault = fault.block_paths(block);
        if !allow.is_empty() || self.empty_allow {
            fault = fault.allow_paths(allow);
        }
        let [block, allow] = self.headers.clone();
        fault = fault.block_headers(block);
        if !allow.is_empty() {
            fault = fault.allow_headers(allow);
        }
        let Ok(fault) = fault.build() else { return (Came::Rejected, String::new()) };
        let headers: Vec<_> = self.sent.iter().map(|(name, value)| (&**name, &**value)).collect();
        match send(&fault, request(Method::GET, &self.path, &headers)).await {
            (Some(202), text) => (Came::Passed, text),
            (status, text) => {
                assert_eq!(status, Some(500));
                (Came::Injected, text)
            }
        }
    }
}

fn noop() -> Injector {
    custom("noop", |_: InjectContext| async { InjectOutcome::Continue })
}

/// The filter and its lists. Where the behavior differs, this crate's is in the row, and the number
/// is in [`DIFFERENT`].
pub(crate) fn gate() -> Vec<(u16, Sent, Came)> {
    use Came::{Injected, Passed, Rejected};
    let val = [("x-testing", "val")];
    let at = |path: &str| sent(path, &[]);
    let root = || sent("/", &val);
    let x = |values: &[&str]| sent("/", &values.iter().map(|value| ("X-A", *value)).collect::<Vec<_>>());
    let entry = |value| [("X-A", value)];
    let both = |path, value| sent(path, &[("X-A", value)]).paths(ALLOW, &["/a"]).headers(ALLOW, &entry("1"));
    vec![
        (18, at("/a").paths(ALLOW, &["/b"]), Passed),
        (26, Sent { enabled: false, injector: "noop", ..root() }, Passed),
        (28, root(), Injected),
        (29, Sent { draw: Some(1.0), ..root() }, Passed),
        (30, root().paths(BLOCK, &["/"]), Passed),
        (31, root().paths(ALLOW, &["/"]), Injected),
        (32, root().paths(ALLOW, &["/onlyinject"]), Passed),
        (33, root().paths(BLOCK, &["/"]).paths(ALLOW, &["/"]), Passed),
        (35, root().headers(ALLOW, &val), Injected),
        (36, root().headers(ALLOW, &[("header", "not in test request")]), Passed),
        (37, root().headers(ALLOW, &[("x-testing", "val"), ("other", "not in request")]), Injected),
        (38, root().headers(BLOCK, &val).headers(ALLOW, &val), Passed),
        (39, Sent { enabled: false, ..root().paths(ALLOW, &["/"]).headers(ALLOW, &val) }, Passed),
        (40, Sent { injector: "noop", ..root() }, Passed),
        (41, at("/a").paths(ALLOW, &["/a"]), Injected),
        (44, at("/A").paths(ALLOW, &["/a"]), Passed),
        (45, at("/%61").paths(ALLOW, &["/a"]), Injected),
        (47, at("/a%20b").paths(ALLOW, &["/a%20b"]), Rejected),
        (48, at("/a%20b").paths(ALLOW, &["/a b"]), Injected),
        (49, at("/a/b").paths(ALLOW, &["/a"]), Passed),
        (50, at("//a").paths(ALLOW, &["/a"]), Passed),
        (52, at("/a").paths(ALLOW, &[]), Rejected),
        (53, at("/a").paths(BLOCK, &[]), Injected),
        (55, at("/b").paths(BLOCK, &["/a"]), Injected),
        (56, x(&["1"]).headers(ALLOW, &entry("1")), Injected),
        (58, x(&["Yes"]).headers(ALLOW, &[("x-a", "yes")]), Passed),
        (59, x(&["0", "1"]).headers(ALLOW, &entry("1")), Injected),
        (60, x(&["1", "0"]).headers(ALLOW, &entry("1")), Injected),
        (61, x(&["1, 2"]).headers(ALLOW, &entry("1")), Passed),
        (63, x(&["1"]).headers(ALLOW, &entry("")), Passed),
        (64, x(&["1"]).headers(ALLOW, &entry("*")), Passed),
        (66, x(&["0", "1"]).headers(BLOCK, &entry("1")), Passed),
        (67, sent("/", &[("Host", "example.com")]).headers(ALLOW, &[("Host", "example.com")]), Injected),
        (68, both("/a", "1"), Injected),
        (70, both("/b", "1"), Passed),
    ]
}

/// The differences: entries with escapes and empty allow
/// lists are rejected, all values of a header count, the host can
/// be matched, and a status is valid if a client receives a response with it, not by a registry.
pub(crate) fn differs_on_purpose(number: u16) -> bool {
    [13, 23, 47, 52, 59, 66, 67, 94, 95, 101, 103, 106, 111, 114].contains(&number)
}

#[tokio::test]
async fn filters_and_lists() {
    for (number, sent, wanted) in gate() {
        let (came, text) = sent.send().await;
        assert_eq!(came, wanted, "{number}: {sent:?}");
        let wanted = match came {
            Came::Passed => "Accepted",
            Came::Injected => "Internal Server Error",
            Came::Rejected => "",
        };
        assert_eq!(text, wanted, "{number}");
    }
}

/// A participation, whether it is valid, and whether it is set at the start or later.
pub(crate) fn shares() -> [(u16, f64, bool); 11] {
    [
        (6, 0.0, true),
        (7, 1.0, true),
        (8, -0.0, true),
        (9, 1e-45, true),
        (10, -0.0001, false),
        (11, 1.0001, false),
        (12, f64::INFINITY, false),
        (13, f64::NAN, false),
        (21, -0.1, false),
        (22, 1.1, false),
        (23, f64::NAN, false),
    ]
}

/// Tests whether both ways of setting a participation accept it; a rejected one keeps the old one
/// (25).
pub(crate) async fn is_share(share: f64) -> bool {
    let built = Fault::new("row", error(500)).participation(share).build().is_ok();
    let fault = always(error(500)).build().unwrap();
    let control = fault.control();
    let set = control.set_participation(share).is_ok();
    assert_eq!(built, set, "{share}");
    assert_eq!(control.participation(), if set { share } else { 1.0 });
    if !set {
        assert_eq!(send(&fault, request(Method::GET, "/", &[])).await.0, Some(500));
    }
    set
}

#[tokio::test]
async fn participations() {
    for (number, share, wanted) in shares() {
        assert_eq!(is_share(share).await, wanted, "{number}");
    }
}

pub(crate) const RATES: [(u16, f64); 4] = [(72, 0.0), (73, 0.0001), (74, 0.3298), (76, 1.0)];

/// The share of the sent requests that are injected.
pub(crate) async fn rate(share: f64, requests: u32) -> f64 {
    let fault = always(error(500)).participation(share).seed(100).build().unwrap();
    let mut injected = 0;
    for _ in 0..requests {
        injected += u32::from(send(&fault, request(Method::GET, "/", &[])).await.0 == Some(500));
    }
    f64::from(injected) / f64::from(requests)
}

#[test]
fn rates() {
    for (number, share) in RATES {
        let seen = block_on(rate(share, 5_000));
        let sigma = (share * (1.0 - share) / 5_000.0).sqrt();
        assert!((seen - share).abs() <= 5.0 * sigma, "{number}: {seen} of {share}");
    }
}

/// A status, and the default text of its response; `None` if it is rejected.
pub(crate) const STATUSES: [(u16, u16, Option<&str>); 27] = [
    (88, 0, None),
    (91, 99, None),
    (94, 102, None),
    (95, 103, None),
    (96, 199, None),
    (97, 200, Some("OK")),
    (100, 226, Some("IM Used")),
    (101, 299, Some("299")),
    (102, 304, Some("")),
    (103, 306, Some("306")),
    (104, 308, Some("Permanent Redirect")),
    (105, 418, Some("I'm a teapot")),
    (106, 419, Some("419")),
    (109, 429, Some("Too Many Requests")),
    (110, 451, Some("Unavailable For Legal Reasons")),
    (111, 499, Some("499")),
    (113, 508, Some("Loop Detected")),
    (114, 509, Some("509")),
    (115, 510, Some("Not Extended")),
    (116, 511, Some("Network Authentication Required")),
    (119, 600, None),
    (142, 204, Some("")),
    (146, 103, None),
    (147, 101, None),
    // With a custom reporter.
    (90, 200, Some("OK")),
    // Not in go-fault's tests: the limits of the range.
    (0, 100, None),
    (0, u16::MAX, None),
];

/// With custom texts.
pub(crate) const TEXTS: [(u16, u16, &str); 3] =
    [(86, 201, "Accepted"), (87, 418, "wow very random"), (122, 500, "very custom text")];

/// The response, if the fault can be built.
pub(crate) async fn answered(status: u16, text: Option<&str>) -> Option<String> {
    let answer = text.map_or(error(status), |text| error(status).text(text));
    let fault = always(answer).reporter(|_: &waylay_fault::Event<'_>| {}).build().ok()?;
    let (seen, text) = send(&fault, request(Method::GET, "/", &[])).await;
    assert_eq!(seen, Some(status));
    Some(text)
}

#[tokio::test]
async fn statuses_and_texts() {
    for (number, status, wanted) in STATUSES {
        assert_eq!(answered(status, None).await.as_deref(), wanted, "{number}: {status}");
    }
    for (number, status, text) in TEXTS {
        assert_eq!(answered(status, Some(text)).await.as_deref(), Some(text), "{number}");
    }
}

/// Requests with switches between them, and their statuses.
pub(crate) const STEPS: [(u16, [&str; 3], [u16; 2]); 2] = [
    (19, ["request", "set_enabled(false)", "request"], [500, 202]),
    (20, ["request", "set_participation(0.0)", "request"], [500, 202]),
];

pub(crate) async fn stepped(steps: &[&str]) -> Vec<u16> {
    let fault = always(error(500)).build().unwrap();
    let mut statuses = Vec::new();
    for step in steps {
        let value = step.split(['(', ')']).nth(1);
        match (*step, value) {
            ("request", _) => {
                statuses.extend(send(&fault, request(Method::GET, "/", &[])).await.0);
            }
            (step, Some(value)) if step.starts_with("set_enabled") => {
                fault.control().set_enabled(value.parse().unwrap());
            }
            (step, Some(value)) if step.starts_with("set_participation") => {
                fault.control().set_participation(value.parse().unwrap()).unwrap();
            }
            _ => panic!("{step}"),
        }
    }
    statuses
}

#[tokio::test]
async fn switching_between_requests() {
    for (number, steps, wanted) in STEPS {
        assert_eq!(stepped(&steps).await, wanted, "{number}");
    }
}

/// Links of a chain, by the names in go-fault's tests, and the text that the client receives: there
/// a link writes a word and continues, here it writes the word to a log.
pub(crate) const CHAINS: [(u16, &[&str], &str); 8] = [
    (149, &[], "Accepted"),
    (152, &["noop", "500s"], "Internal Server Error"),
    (153, &[], "Accepted"),
    (154, &[], "Accepted"),
    (155, &["one"], "oneAccepted"),
    (156, &["noop", "one"], "oneAccepted"),
    (159, &["one", "stop", "two"], "one"),
    // Derived from its neighbors, not in go-fault's tests.
    (0, &["one", "500s", "two"], "oneInternal Server Error"),
];

/// The injector of this name, which writes its word.
pub(crate) fn link(name: &str, log: &Arc<Mutex<String>>) -> Injector {
    let (log, name) = (log.clone(), name.to_owned());
    match &*name {
        "500s" => error(500).into(),
        "noop" => noop(),
        "stop" => custom("stop", |_: InjectContext| async { InjectOutcome::Respond(Response::default()) }),
        "one" | "two" => custom("word", move |_: InjectContext| {
            log.lock().unwrap().push_str(&name);
            async { InjectOutcome::Continue }
        }),
        other => panic!("{other}"),
    }
}

/// The words of the injectors and the client's text, for one request.
pub(crate) async fn output_of(make: impl FnOnce(&Arc<Mutex<String>>) -> Injector) -> String {
    let log = Arc::new(Mutex::new(String::new()));
    let fault = always(make(&log)).build().unwrap();
    let (_, text) = send(&fault, request(Method::GET, "/", &[])).await;
    let log = log.lock().unwrap();
    format!("{log}{text}")
}

#[tokio::test]
async fn chains() {
    for (number, links, wanted) in CHAINS {
        let seen = output_of(|log| chain(links.iter().map(|name| link(name, log)))).await;
        assert_eq!(seen, wanted, "{number}");
    }
}

/// Choices, the picked one, and the text that the client receives. In go-fault the generator picks;
/// here an index function does.
pub(crate) const PICKS: [(u16, &[&str], usize, &str); 6] = [
    (168, &["noop"], 0, "Accepted"),
    (169, &["noop", "500s"], 1, "Internal Server Error"),
    (170, &["noop", "500s"], 0, "Accepted"),
    (171, &["noop", "500s"], 1, "Internal Server Error"),
    (174, &["one", "two"], 1, "twoAccepted"),
    (175, &["noop", "noop", "noop", "noop", "noop", "noop", "two"], 6, "twoAccepted"),
];

#[tokio::test]
async fn picks() {
    for (number, choices, index, wanted) in PICKS {
        let make = |log: &_| random_by(choices.iter().map(|name| link(name, log)), move |_| index);
        assert_eq!(output_of(make).await, wanted, "{number}");
    }
}

/// Seconds, and whether a custom sleep function returns at once.
pub(crate) const WAITS: [(u16, u64, bool); 2] = [(125, 0, false), (127, 3600, true)];

/// Sends one request through a delay and returns the time it took.
pub(crate) async fn waited(seconds: u64, noop: bool) -> Duration {
    let mut fault = always(slow(Delay::fixed(Duration::from_secs(seconds))));
    if noop {
        fault = fault.sleep_with(|_| std::future::ready(()));
    }
    let start = Instant::now();
    let seen = send(&fault.build().unwrap(), request(Method::GET, "/", &[])).await;
    assert_eq!(seen, (Some(202), "Accepted".to_owned()));
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn delays() {
    for (number, seconds, noop) in WAITS {
        assert_eq!(waited(seconds, noop).await, Duration::ZERO, "{number}");
    }
    assert_eq!(waited(2, false).await, Duration::from_secs(2));
}

/// Invalid settings of each kind, where go-fault has an option that fails (4, 89, 128, 134, 172).
/// All are reported at once, and no fault is built.
#[test]
fn invalid_options() {
    let rows: [(u16, FaultBuilder, usize); 6] = [
        (4, Fault::new("f", noop()).participation(2.0).allow_paths(["a"]), 2),
        (89, Fault::new("f", error(200).header("a b", "")), 1),
        (128, Fault::new("f", slow(Delay::fixed("60 lightyears"))), 1),
        (134, Fault::new("f", waylay_fault::reject(waylay_fault::Reject::hang("x"))), 1),
        (166, Fault::new("f", waylay_fault::random::<Injector>([])), 1),
        (172, Fault::new("f", waylay_fault::random([(f64::NAN, noop())])), 1),
    ];
    for (number, builder, wanted) in rows {
        assert_eq!(builder.build().unwrap_err().iter().count(), wanted, "{number}");
    }
}

/// All options at once (1), and none (5, 15): disabled, no participation, no list, a random seed.
#[tokio::test]
async fn all_options() {
    let all = Fault::new("all", noop())
        .enabled(true)
        .participation(1.0)
        .block_paths(["/donotinject"])
        .allow_paths(["/onlyinject"])
        .block_headers([("block", "yes")])
        .allow_headers([("allow", "yes")])
        .seed(100)
        .draw_with(|_| 0.0)
        .build()
        .unwrap();
    assert_eq!(all.sampler(), &Sampler::new(100, "all"));
    assert!(all.control().enabled() && all.control().participation() == 1.0);

    let none = || Fault::new("none", error(500)).build().unwrap();
    let (one, other) = (none(), none());
    assert!(!one.control().enabled() && one.control().participation() == 0.0);
    // In go-fault it is 1 in every process, so that all replicas select in step.
    assert_ne!(one.sampler().seed(), other.sampler().seed());
    one.control().set_enabled(true);
    one.control().set_participation(0.5).unwrap();
    for number in 0..100 {
        let wanted = if one.sampler().draw(Key::Counter(number), b"").is_selected(0.5) { 500 } else { 202 };
        let path = if number % 2 == 0 { "/donotinject" } else { "/" };
        assert_eq!(send(&one, request(Method::GET, path, &[("block", "yes")])).await.0, Some(wanted));
    }
}

/// A client that leaves during a delay (131): the service is never called. go-fault still calls it.
#[tokio::test(start_paused = true)]
async fn a_leaving_client() {
    let fault = always(slow(Delay::fixed("2s"))).build().unwrap();
    let sent = tokio::time::timeout(
        Duration::from_millis(300),
        connect_target(&fault, |_| panic!("the service is not called")),
    );
    assert!(sent.await.is_err());
    assert_eq!(fault.control().counts().active, 0);
}

async fn connect_target(fault: &Fault, service: impl Fn(()) + Clone) {
    use tower::ServiceExt;
    use tower_layer::Layer;
    let inner = tower::service_fn(move |_: http::Request<String>| {
        service(());
        std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(String::new())))
    });
    fault.layer().layer(inner).oneshot(request(Method::GET, "/", &[])).await.unwrap();
}

type Alone = (&'static [u16], fn());

/// Facts with a separate test, which the compiler finds here.
const ALONE: [Alone; 16] = [
    (&[1, 5, 15], all_options),
    (&[4, 89, 128, 134, 166, 172], invalid_options),
    (&[24], control::switches_hold_under_load),
    (&[25], participations),
    (&[71, 82], decision::the_counter_selects_as_specified),
    (&[83], go_fault::seeds),
    (&[131], a_leaving_client),
    (&[136], control::reports_come_in_order),
    (&[160, 161, 162], go_fault::a_chain_runs_its_links_once_a_request),
    (&[163, 185], go_fault::events_of_chains_and_random),
    (&[164], go_fault::links_are_selected_together),
    (&[179], selection::custom_functions),
    (&[180], decision::weights_and_medians_hold),
    (&[181], go_fault::names_in_reports),
    (&[29], selection::custom_functions),
    (&[68, 70], filters_and_lists),
];

/// Facts without a counterpart, and the reason.
const NOT_OURS: [(u16, &str); 9] = [
    (2, "there is no null: a fault without an injector cannot be written"),
    (16, "there is no null: nor can an option that is none"),
    (80, "numbers of Go's generator; here the vectors of docs/decision.md"),
    (81, "numbers of Go's generator; here the vectors of docs/decision.md"),
    (130, "there is no null: `sleep_with` takes a function"),
    (150, "there is no null: nor can a link that is none"),
    (167, "there is no null: nor a choice"),
    (178, "numbers of Go's generator; here the vectors of docs/decision.md"),
    (186, "times on one machine; here the ratios of the bench `idle`"),
];

/// Every fact that has a row.
pub(crate) fn known() -> BTreeSet<u16> {
    let mut known: BTreeSet<u16> = ALONE.iter().flat_map(|(numbers, _)| numbers.iter().copied()).collect();
    known.extend(NOT_OURS.iter().map(|(number, _)| number));
    known.extend(gate().iter().map(|(number, ..)| number));
    known.extend(shares().iter().map(|(number, ..)| number));
    known.extend(RATES.iter().map(|(number, _)| number));
    known.extend(STATUSES.iter().map(|(number, ..)| number));
    known.extend(TEXTS.iter().map(|(number, ..)| number));
    known.extend(STEPS.iter().map(|(number, ..)| number));
    known.extend(CHAINS.iter().map(|(number, ..)| number));
    known.extend(PICKS.iter().map(|(number, ..)| number));
    known.extend(WAITS.iter().map(|(number, ..)| number));
    known
}

#[test]
fn excluded_facts_have_no_row() {
    let answered = |number| ALONE.iter().any(|(numbers, _)| numbers.contains(&number));
    assert!(NOT_OURS.iter().all(|(number, why)| !answered(*number) && !why.is_empty()));
}
