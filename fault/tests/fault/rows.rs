//! Facts about go-fault, row by row: what it does with what it is given, and what we do.
//!
//! Each row has the number of a fact (`fault-028` is 28), and is built through the public interface
//! and sent through a service. The rows of the wire are in `tests/wire/rows.rs`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Response};
use tokio::time::Instant;
use waylay_fault::{
    Delay, Fault, FaultBuilder, InjectContext, InjectOutcome, Injector, Key, Sampler, chain, custom, error,
    random_by, slow,
};

use crate::rig::{block_on, request, send, striking};
use crate::{cases, control, decision, limits};

/// One request to a fault around `202 Accepted`.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) injector: &'static str,
    pub(crate) enabled: bool,
    pub(crate) participation: f64,
    pub(crate) draw: Option<f64>,
    pub(crate) paths: [Vec<String>; 2],
    pub(crate) headers: [Vec<(String, String)>; 2],
    /// An allow list is given, and has no entry.
    pub(crate) empty_allow: bool,
    pub(crate) path: String,
    pub(crate) sent: Vec<(String, String)>,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Came {
    Passed,
    Struck,
    /// No such fault can be built.
    Refused,
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
        let Ok(fault) = fault.build() else { return (Came::Refused, String::new()) };
        let headers: Vec<_> = self.sent.iter().map(|(name, value)| (&**name, &**value)).collect();
        match send(&fault, request(Method::GET, &self.path, &headers)).await {
            (Some(202), text) => (Came::Passed, text),
            (status, text) => {
                assert_eq!(status, Some(500));
                (Came::Struck, text)
            }
        }
    }
}

fn noop() -> Injector {
    custom("noop", |_: InjectContext| async { InjectOutcome::Continue })
}

/// The gate and its lists. Where theirs differs, ours stands here, and the number in [`MENDED`].
pub(crate) fn gate() -> Vec<(u16, Sent, Came)> {
    use Came::{Passed, Refused, Struck};
    let val = [("x-testing", "val")];
    let at = |path: &str| sent(path, &[]);
    let root = || sent("/", &val);
    let x = |values: &[&str]| sent("/", &values.iter().map(|value| ("X-A", *value)).collect::<Vec<_>>());
    let entry = |value| [("X-A", value)];
    let both = |path, value| sent(path, &[("X-A", value)]).paths(ALLOW, &["/a"]).headers(ALLOW, &entry("1"));
    vec![
        (18, at("/a").paths(ALLOW, &["/b"]), Passed),
        (26, Sent { enabled: false, injector: "noop", ..root() }, Passed),
        (28, root(), Struck),
        (29, Sent { draw: Some(1.0), ..root() }, Passed),
        (30, root().paths(BLOCK, &["/"]), Passed),
        (31, root().paths(ALLOW, &["/"]), Struck),
        (32, root().paths(ALLOW, &["/onlyinject"]), Passed),
        (33, root().paths(BLOCK, &["/"]).paths(ALLOW, &["/"]), Passed),
        (35, root().headers(ALLOW, &val), Struck),
        (36, root().headers(ALLOW, &[("header", "not in test request")]), Passed),
        (37, root().headers(ALLOW, &[("x-testing", "val"), ("other", "not in request")]), Struck),
        (38, root().headers(BLOCK, &val).headers(ALLOW, &val), Passed),
        (39, Sent { enabled: false, ..root().paths(ALLOW, &["/"]).headers(ALLOW, &val) }, Passed),
        (40, Sent { injector: "noop", ..root() }, Passed),
        (41, at("/a").paths(ALLOW, &["/a"]), Struck),
        (44, at("/A").paths(ALLOW, &["/a"]), Passed),
        (45, at("/%61").paths(ALLOW, &["/a"]), Struck),
        (47, at("/a%20b").paths(ALLOW, &["/a%20b"]), Refused),
        (48, at("/a%20b").paths(ALLOW, &["/a b"]), Struck),
        (49, at("/a/b").paths(ALLOW, &["/a"]), Passed),
        (50, at("//a").paths(ALLOW, &["/a"]), Passed),
        (52, at("/a").paths(ALLOW, &[]), Refused),
        (53, at("/a").paths(BLOCK, &[]), Struck),
        (55, at("/b").paths(BLOCK, &["/a"]), Struck),
        (56, x(&["1"]).headers(ALLOW, &entry("1")), Struck),
        (58, x(&["Yes"]).headers(ALLOW, &[("x-a", "yes")]), Passed),
        (59, x(&["0", "1"]).headers(ALLOW, &entry("1")), Struck),
        (60, x(&["1", "0"]).headers(ALLOW, &entry("1")), Struck),
        (61, x(&["1, 2"]).headers(ALLOW, &entry("1")), Passed),
        (63, x(&["1"]).headers(ALLOW, &entry("")), Passed),
        (64, x(&["1"]).headers(ALLOW, &entry("*")), Passed),
        (66, x(&["0", "1"]).headers(BLOCK, &entry("1")), Passed),
        (67, sent("/", &[("Host", "example.com")]).headers(ALLOW, &[("Host", "example.com")]), Struck),
        (68, both("/a", "1"), Struck),
        (70, both("/b", "1"), Passed),
    ]
}

/// Where ours is not theirs: entries in escapes and empty allow lists are refused, all values of a header count, the host
/// can be matched, and statuses are judged by whether a client gets an answer, not by a registry.
pub(crate) fn mended(number: u16) -> bool {
    [13, 23, 47, 52, 59, 66, 67, 94, 95, 101, 103, 106, 111, 114].contains(&number)
}

#[tokio::test]
async fn the_gate_and_its_lists() {
    for (number, sent, wanted) in gate() {
        let (came, text) = sent.send().await;
        assert_eq!(came, wanted, "{number}: {sent:?}");
        let wanted = match came {
            Came::Passed => "Accepted",
            Came::Struck => "Internal Server Error",
            Came::Refused => "",
        };
        assert_eq!(text, wanted, "{number}");
    }
}

/// A participation, whether it is one, and whether it is set at the start or later.
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

/// Whether both ways of setting a participation take it; a refused one leaves the old one (25).
pub(crate) async fn is_share(share: f64) -> bool {
    let built = Fault::new("row", error(500)).participation(share).build().is_ok();
    let fault = striking(error(500)).build().unwrap();
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

/// How many of the requests are struck, each sent.
pub(crate) async fn rate(share: f64, requests: u32) -> f64 {
    let fault = striking(error(500)).participation(share).seed(100).build().unwrap();
    let mut struck = 0;
    for _ in 0..requests {
        struck += u32::from(send(&fault, request(Method::GET, "/", &[])).await.0 == Some(500));
    }
    f64::from(struck) / f64::from(requests)
}

#[test]
fn rates() {
    for (number, share) in RATES {
        let seen = block_on(rate(share, 5_000));
        let sigma = (share * (1.0 - share) / 5_000.0).sqrt();
        assert!((seen - share).abs() <= 5.0 * sigma, "{number}: {seen} of {share}");
    }
}

/// A status, and the text it is answered with unless another is given; none where it is refused.
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
    // With a reporter of one's own.
    (90, 200, Some("OK")),
    // Not asked for there, and the ends of what there is.
    (0, 100, None),
    (0, u16::MAX, None),
];

/// With texts of their own.
pub(crate) const TEXTS: [(u16, u16, &str); 3] =
    [(86, 201, "Accepted"), (87, 418, "wow very random"), (122, 500, "very custom text")];

/// What it is answered with, if it can be built.
pub(crate) async fn answered(status: u16, text: Option<&str>) -> Option<String> {
    let answer = text.map_or(error(status), |text| error(status).text(text));
    let fault = striking(answer).reporter(|_: &waylay_fault::Event<'_>| {}).build().ok()?;
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

/// Requests with switches between them, and the statuses that come.
pub(crate) const STEPS: [(u16, [&str; 3], [u16; 2]); 2] = [
    (19, ["request", "set_enabled(false)", "request"], [500, 202]),
    (20, ["request", "set_participation(0.0)", "request"], [500, 202]),
];

pub(crate) async fn stepped(steps: &[&str]) -> Vec<u16> {
    let fault = striking(error(500)).build().unwrap();
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
async fn switches_between_requests() {
    for (number, steps, wanted) in STEPS {
        assert_eq!(stepped(&steps).await, wanted, "{number}");
    }
}

/// Links of a chain, by the names of their tests, and what the client reads: theirs write a word and
/// go on, ours say the word to a log.
pub(crate) const CHAINS: [(u16, &[&str], &str); 8] = [
    (149, &[], "Accepted"),
    (152, &["noop", "500s"], "Internal Server Error"),
    (153, &[], "Accepted"),
    (154, &[], "Accepted"),
    (155, &["one"], "oneAccepted"),
    (156, &["noop", "one"], "oneAccepted"),
    (159, &["one", "stop", "two"], "one"),
    // One that is told by its neighbours, not by them.
    (0, &["one", "500s", "two"], "oneInternal Server Error"),
];

/// The injector of this name, which says its word.
pub(crate) fn link(name: &str, said: &Arc<Mutex<String>>) -> Injector {
    let (said, name) = (said.clone(), name.to_owned());
    match &*name {
        "500s" => error(500).into(),
        "noop" => noop(),
        "stop" => custom("stop", |_: InjectContext| async { InjectOutcome::Respond(Response::default()) }),
        "one" | "two" => custom("word", move |_: InjectContext| {
            said.lock().unwrap().push_str(&name);
            async { InjectOutcome::Continue }
        }),
        other => panic!("{other}"),
    }
}

/// What the injectors said, and the client read, for one request.
pub(crate) async fn told(make: impl FnOnce(&Arc<Mutex<String>>) -> Injector) -> String {
    let said = Arc::new(Mutex::new(String::new()));
    let fault = striking(make(&said)).build().unwrap();
    let (_, text) = send(&fault, request(Method::GET, "/", &[])).await;
    let said = said.lock().unwrap();
    format!("{said}{text}")
}

#[tokio::test]
async fn chains() {
    for (number, links, wanted) in CHAINS {
        let seen = told(|said| chain(links.iter().map(|name| link(name, said)))).await;
        assert_eq!(seen, wanted, "{number}");
    }
}

/// Choices, the one that is picked, and what the client reads. Which one theirs picks is its
/// generator's to say; here it is an index function's.
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
        let make = |said: &_| random_by(choices.iter().map(|name| link(name, said)), move |_| index);
        assert_eq!(told(make).await, wanted, "{number}");
    }
}

/// Seconds, and whether a sleep function of one's own takes no time.
pub(crate) const WAITS: [(u16, u64, bool); 2] = [(125, 0, false), (127, 3600, true)];

/// Sends one request through a wait and tells how long it took.
pub(crate) async fn waited(seconds: u64, noop: bool) -> Duration {
    let mut fault = striking(slow(Delay::fixed(Duration::from_secs(seconds))));
    if noop {
        fault = fault.sleep_with(|_| std::future::ready(()));
    }
    let start = Instant::now();
    let seen = send(&fault.build().unwrap(), request(Method::GET, "/", &[])).await;
    assert_eq!(seen, (Some(202), "Accepted".to_owned()));
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn waits() {
    for (number, seconds, noop) in WAITS {
        assert_eq!(waited(seconds, noop).await, Duration::ZERO, "{number}");
    }
    assert_eq!(waited(2, false).await, Duration::from_secs(2));
}

/// Wrong settings of each kind, which theirs would learn from an option that fails (4, 89, 128, 134,
/// 172). All are told at once, and there is no fault then.
#[test]
fn options_that_fail() {
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

/// All of their options at once (1), and none (5, 15): off, for no request, under no list, with dice
/// of its own.
#[tokio::test]
async fn options_of_a_fault() {
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
    // Theirs is 1 in every process, so that all replicas strike in step.
    assert_ne!(one.sampler().seed(), other.sampler().seed());
    one.control().set_enabled(true);
    one.control().set_participation(0.5).unwrap();
    for number in 0..100 {
        let wanted = if one.sampler().draw(Key::Counter(number), b"").is_selected(0.5) { 500 } else { 202 };
        let path = if number % 2 == 0 { "/donotinject" } else { "/" };
        assert_eq!(send(&one, request(Method::GET, path, &[("block", "yes")])).await.0, Some(wanted));
    }
}

/// A client that leaves during a wait (131): the service is never called. Theirs still calls it.
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves() {
    let fault = striking(slow(Delay::fixed("2s"))).build().unwrap();
    let sent = tokio::time::timeout(
        Duration::from_millis(300),
        told_to(&fault, |_| panic!("the service is not called")),
    );
    assert!(sent.await.is_err());
    assert_eq!(fault.control().counts().active, 0);
}

async fn told_to(fault: &Fault, service: impl Fn(()) + Clone) {
    use tower::ServiceExt;
    use tower_layer::Layer;
    let inner = tower::service_fn(move |_: http::Request<String>| {
        service(());
        std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(String::new())))
    });
    fault.layer().layer(inner).oneshot(request(Method::GET, "/", &[])).await.unwrap();
}

type Alone = (&'static [u16], fn());

/// Facts that have a test of their own, which the compiler finds here.
const ALONE: [Alone; 16] = [
    (&[1, 5, 15], options_of_a_fault),
    (&[4, 89, 128, 134, 166, 172], options_that_fail),
    (&[24], control::switches_hold_under_load),
    (&[25], participations),
    (&[71, 82], decision::the_counter_strikes_as_specified),
    (&[83], cases::seeds),
    (&[131], a_client_that_leaves),
    (&[136], control::reports_come_in_order),
    (&[160, 161, 162], cases::a_chain_runs_its_links_once_a_request),
    (&[163, 185], cases::what_is_reported),
    (&[164], cases::links_fire_together),
    (&[179], limits::own_functions),
    (&[180], decision::weights_and_medians_are_met),
    (&[181], cases::names_in_reports),
    (&[29], limits::own_functions),
    (&[68, 70], the_gate_and_its_lists),
];

/// Facts without a counterpart, and why.
const NOT_OURS: [(u16, &str); 9] = [
    (2, "there is no null: a fault without an injector cannot be written"),
    (16, "there is no null: nor can an option that is none"),
    (80, "numbers of Go's generator; ours are the vectors of docs/decision.md"),
    (81, "numbers of Go's generator; ours are the vectors of docs/decision.md"),
    (130, "there is no null: `sleep_with` takes a function"),
    (150, "there is no null: nor can a link that is none"),
    (167, "there is no null: nor a choice"),
    (178, "numbers of Go's generator; ours are the vectors of docs/decision.md"),
    (186, "times on one machine; ours are in the bench `idle`, as ratios"),
];

/// Every fact that is answered here.
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
fn what_is_left_out_is_not_tested_elsewhere() {
    let answered = |number| ALONE.iter().any(|(numbers, _)| numbers.contains(&number));
    assert!(NOT_OURS.iter().all(|(number, why)| !answered(*number) && !why.is_empty()));
}
