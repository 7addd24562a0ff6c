//! Plans applied to running sets.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{ApplyError, FaultPlan, FaultSet, SetEvent, SkipReason};

pub(crate) fn staging() -> (FaultSet, Arc<Mutex<Vec<SetEvent>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let log = events.clone();
    let set = FaultSet::builder()
        .environment("staging")
        .on_event(move |event| log.lock().unwrap().push(event.clone()))
        .build();
    (set, events)
}

pub(crate) fn plan(rest: &str) -> FaultPlan {
    let text = format!("version = 1\nenvironments = [\"staging\"]\n{rest}");
    FaultPlan::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}"))
}

pub(crate) async fn status(set: &FaultSet, request: Request<String>) -> u16 {
    let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    set.layer().layer(inner).oneshot(request).await.unwrap().status().as_u16()
}

pub(crate) fn get(path: &str) -> Request<String> {
    Request::get(path).body(String::new()).unwrap()
}

#[tokio::test]
async fn a_plan_loads_only_in_its_environments() {
    let plan = plan("[[fault]]\nname = \"a\"\nparticipation = 1\nerror = 503\n");
    let production = FaultSet::builder().environment("production").build();
    let rejected = production.apply(&plan).unwrap_err();
    assert_eq!(rejected.to_string(), "the plan is for staging, and this is production");
    assert_eq!((status(&production, get("/")).await, production.revision()), (200, 0));
    let undeclared = FaultSet::new();
    assert!(matches!(undeclared.apply(&plan), Err(ApplyError::NoEnvironment { .. })));
    let (set, events) = staging();
    set.apply(&plan).unwrap();
    assert_eq!(status(&set, get("/")).await, 503);
    assert_eq!(*events.lock().unwrap(), [SetEvent::Applied { revision: 1, faults: 1 }]);
}

#[tokio::test(start_paused = true)]
async fn unchanged_faults_go_on_undisturbed() {
    let (set, _) = staging();
    let stuck = "[[fault]]\nname = \"stuck\"\nparticipation = 1\nallow_paths = [\"/stuck\"]\nreject = { how = \"hang\", max = \"1h\" }\n";
    let quota = "[[fault]]\nname = \"quota\"\nparticipation = 1\nquota = { limit = 2, window = \"1h\" }\n";
    let other = |code: u16| {
        format!(
            "[[fault]]\nname = \"other\"\nparticipation = 1\nallow_paths = [\"/other\"]\nerror = {code}\n"
        )
    };
    set.apply(&plan(&format!("{stuck}{quota}{}", other(500)))).unwrap();
    let hung = set.clone();
    let hung = tokio::spawn(async move { status(&hung, get("/stuck")).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(status(&set, get("/")).await, 200);
    set.apply(&plan(&format!("{}{stuck}{quota}", other(501)))).unwrap();
    assert_eq!((status(&set, get("/other")).await, hung.is_finished()), (501, false));
    assert_eq!(status(&set, get("/")).await, 200);
    assert_eq!(status(&set, get("/")).await, 429, "the window of the quota is the same");
    assert_eq!(set.control("other").unwrap().counts().injected, 1);
    set.apply(&plan(quota)).unwrap();
    assert_eq!(hung.await.unwrap(), 429, "it was let go, to the next fault of its set");
}

#[tokio::test]
async fn a_running_plan_says_how_it_runs() {
    let (set, _) = staging();
    let text = "[[fault]]\nname = \"a\"\nparticipation = 1\nerror = 503\n[[fault]]\nname = \"b\"\nenabled = false\nparticipation = 0.5\nerror = 503\n";
    let first = plan(text);
    set.apply(&first).unwrap();
    set.control("a").unwrap().set_enabled(false);
    set.control("b").unwrap().set_enabled(true);
    set.control("b").unwrap().set_participation(0.25).unwrap();
    let running = set.plan().unwrap();
    assert_eq!(
        running,
        plan(
            "[[fault]]\nname = \"a\"\nenabled = false\nparticipation = 1\nerror = 503\n[[fault]]\nname = \"b\"\nenabled = true\nparticipation = 0.25\nerror = 503\n"
        )
    );
    let (other, _) = staging();
    other.apply(&running).unwrap();
    assert_eq!(other.plan(), set.plan());
    // Applied again, the plan is the plan.
    set.apply(&first).unwrap();
    assert_eq!(set.plan(), Some(first));
    assert_eq!(status(&set, get("/")).await, 503);
    set.clear();
    assert_eq!(set.plan(), None);
}

#[tokio::test(start_paused = true)]
async fn guards_of_a_plan_hold() {
    let fault = "[[fault]]\nname = \"a\"\nparticipation = 1\nerror = 503\n";
    let rows = [
        ("ttl = \"10s\"\n", SkipReason::Expired),
        ("max_faults_per_second = 1\n", SkipReason::MaxRate),
        ("max_affected = 0.01\n", SkipReason::MaxAffected),
        ("protect = { headers = [\"x-a\"] }\n", SkipReason::Protected),
        ("protect = { paths = [\"/\"] }\n", SkipReason::Protected),
        ("dry_run = true\n", SkipReason::DryRun),
        ("enabled = false\n", SkipReason::NotEnabled),
    ];
    for (guard, reason) in rows {
        let (set, _) = staging();
        set.apply(&plan(&format!("{guard}{fault}"))).unwrap();
        let request = || Request::get("/").header("x-a", "1").body(String::new()).unwrap();
        if reason == SkipReason::MaxRate {
            assert_eq!(status(&set, request()).await, 503);
        }
        if reason == SkipReason::Expired {
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        assert_eq!(set.explain(&request()).faults()[0].skipped(), Some(reason), "{guard}");
        assert_eq!(status(&set, request()).await, 200, "{guard}");
    }
}

/// One plan and seed decide alike on any number of threads, and in any set.
#[test]
fn threads_do_not_change_what_is_injected() {
    let text = "seed = 42\ndecide_by = \"request_id\"\n\
        [[fault]]\nname = \"a\"\nparticipation = 0.3\ngroup = \"g\"\nerror = 500\n\
        [[fault]]\nname = \"b\"\nparticipation = 0.3\ngroup = \"g\"\nrandom = [{ error = 501 }, { weight = 2, error = 502 }]\n\
        [[fault]]\nname = \"c\"\nparticipation = 0.1\nerror = 503\n";
    let run = |threads: usize| {
        let (set, _) = staging();
        set.apply(&plan(text)).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).build().unwrap();
        runtime.block_on(async {
            let requests = (0..2000).map(|number| {
                let set = set.clone();
                tokio::spawn(async move {
                    let id = format!("request-{number}");
                    status(&set, Request::get("/").header("x-request-id", id).body(String::new()).unwrap())
                        .await
                })
            });
            let mut statuses = Vec::new();
            for request in requests.collect::<Vec<_>>() {
                statuses.push(request.await.unwrap());
            }
            statuses
        })
    };
    let one = run(1);
    for status in [200, 500, 501, 502, 503] {
        assert!(one.iter().filter(|known| **known == status).count() > 50, "{status}");
    }
    assert_eq!(run(2), one);
    assert_eq!(run(8), one);
    // Every process decides so, in every version: written down from a run.
    let head: Vec<_> = one[..20].to_vec();
    assert_eq!(head, HEAD);
}

const HEAD: [u16; 20] =
    [200, 200, 503, 500, 502, 200, 200, 200, 503, 502, 500, 200, 200, 503, 502, 200, 200, 200, 503, 200];

#[tokio::test]
async fn the_plan_has_the_limits_of_now_and_resets_them() {
    use waylay_fault::CountLimits;

    let (set, _) = staging();
    let first = plan("[[fault]]\nname = \"a\"\nparticipation = 1\nskip = 1\nlimit = 9\nerror = 503\n");
    set.apply(&first).unwrap();
    assert_eq!(set.plan(), Some(first.clone()));
    let control = set.control("a").unwrap();
    control.set_count_limits(CountLimits { skip: 0, every: 4, limit: Some(7) });
    let changed = plan("[[fault]]\nname = \"a\"\nparticipation = 1\nevery = 4\nlimit = 7\nerror = 503\n");
    assert_eq!(set.plan(), Some(changed));
    control.set_count_limits(CountLimits::default());
    assert_eq!(set.plan(), Some(plan("[[fault]]\nname = \"a\"\nparticipation = 1\nerror = 503\n")));
    set.apply(&first).unwrap();
    assert_eq!(control.count_limits(), CountLimits { skip: 1, every: 1, limit: Some(9) });
}

#[tokio::test]
async fn a_plan_from_elsewhere_needs_an_end() {
    let (set, events) = staging();
    let text = "[[fault]]\nname = \"a\"\nparticipation = 1\nerror = 503\n";
    let endless = plan(text);
    assert_eq!(set.check_remote(&endless), Err(ApplyError::NoEnd));
    assert!(events.lock().unwrap().is_empty(), "a check is no event");
    assert_eq!(set.apply_remote(&endless), Err(ApplyError::NoEnd));
    assert!(matches!(events.lock().unwrap()[..], [SetEvent::Rejected(_)]));
    for end in ["ttl = \"1m\"", "until = \"2999-01-01T00:00:00Z\""] {
        let plan = plan(&format!("{end}\n{text}"));
        assert_eq!((set.check_remote(&plan), set.apply_remote(&plan)), (Ok(()), Ok(())), "{end}");
    }
    let other = FaultSet::builder().environment("other").build();
    let plan = plan(&format!("ttl = \"1m\"\n{text}"));
    assert!(matches!(other.check_remote(&plan), Err(ApplyError::OtherEnvironment { .. })));
    assert_eq!(other.revision(), 0);
}
