//! The store of a fleet on a real server: compare-and-set, deletion, time to live, reports, loss of the store.
//!
//! Three processes under one plan, and the halt, which is one of a process, are in `examples/tests/fleet.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of the wrong expectation")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use waylay_fault::{EventLog, FaultPlan, FaultSet};
use waylay_fault_nats::{FleetError, NatsFleet, PutError, ReplicaState};

mod support;

use support::NatsServer;

fn plan(id: &str, ttl: &str) -> String {
    format!(
        "version = 1\nid = '{id}'\nenvironments = ['staging']\nttl = '{ttl}'\n\n\
         [[fault]]\nname = 'flaky'\nparticipation = 1\nerror = 503\n"
    )
}

/// A replica in this process, and a signal at each of its events.
struct Member {
    fleet: NatsFleet,
    set: FaultSet,
    changed: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Member {
    async fn join(server: &NatsServer, name: &str) -> Self {
        let changed = Arc::new(Notify::new());
        let (on_set, on_fleet) = (changed.clone(), changed.clone());
        let set = FaultSet::builder().environment("staging").event_log(EventLog::new(100));
        let set = set.on_event(move |_| on_set.notify_one()).build();
        let fleet = NatsFleet::builder(server.url()).instance(name).on_event(move |_| on_fleet.notify_one());
        let fleet =
            fleet.interval(Duration::from_millis(200)).poll(Duration::from_secs(1)).connect().await.unwrap();
        let task = tokio::spawn({
            let (fleet, set) = (fleet.clone(), set.clone());
            async move { fleet.run(&set).await }
        });
        Self { fleet, set, changed, task }
    }

    /// Waits for events until this holds.
    async fn until(&self, what: &str, holds: impl Fn(&FaultSet) -> bool) {
        let begin = Instant::now();
        while !holds(&self.set) {
            let waited = tokio::time::timeout(Duration::from_secs(60), self.changed.notified()).await;
            assert!(waited.is_ok(), "{what}: {:#?}", self.log());
        }
        println!("{what}: {:.0?}", begin.elapsed());
    }

    async fn until_plan(&self, id: Option<&str>) {
        let what = format!("plan {id:?}");
        self.until(&what, |set| set.plan().as_ref().and_then(FaultPlan::id) == id).await;
    }

    fn log(&self) -> Vec<String> {
        let page = self.set.event_log().unwrap().since(0);
        page.entries.iter().map(|entry| entry.event().to_string()).collect()
    }
}

#[tokio::test]
#[ignore = "needs nats-server"]
async fn a_write_needs_the_revision_that_is_there() {
    let server = NatsServer::start();
    let fleet = NatsFleet::builder(server.url()).connect().await.unwrap();
    assert_eq!(fleet.plan().await.unwrap(), None);
    let first = fleet.put_plan(&plan("a", "15m"), None).await.unwrap();
    assert!(matches!(
        fleet.put_plan(&plan("b", "15m"), None).await,
        Err(PutError::Stale { expected: None, found: Some(found) }) if found == first
    ));
    let second = fleet.put_plan(&plan("b", "15m"), Some(first)).await.unwrap();
    assert!(second > first);
    let error = fleet.put_plan(&plan("c", "15m"), Some(first)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the store has revision {second}, not revision {first}; read it, and change that one")
    );
    assert!(matches!(fleet.delete_plan(first).await, Err(PutError::Stale { .. })));
    let stored = fleet.plan().await.unwrap().unwrap();
    assert_eq!((stored.revision, stored.text), (second, plan("b", "15m")));

    fleet.delete_plan(second).await.unwrap();
    assert_eq!(fleet.plan().await.unwrap(), None);
    assert!(matches!(
        fleet.put_plan(&plan("c", "15m"), Some(second)).await,
        Err(PutError::Stale { found: None, .. })
    ));
    assert!(fleet.put_plan(&plan("c", "15m"), None).await.unwrap() > second);

    // What is no plan for a fleet is not written.
    let rows = [
        ("version = 1\nenvironments = []", "environments"),
        ("x", "1:"),
        ("version = 1\nenvironments = ['a']", "needs an end"),
    ];
    for (text, message) in rows {
        let error = fleet.put_plan(text, None).await.unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }

    assert_eq!(fleet.halt_reason().await.unwrap(), None);
    for (reason, stored) in [("the real thing", "the real thing"), ("false", ""), ("", "")] {
        fleet.halt(reason).await.unwrap();
        assert_eq!(fleet.halt_reason().await.unwrap().as_deref(), Some(stored), "{reason}");
    }
    fleet.resume().await.unwrap();
    assert_eq!(fleet.halt_reason().await.unwrap(), None);
}

#[tokio::test]
#[ignore = "needs nats-server"]
async fn a_replica_follows_the_plan_through_deletion_and_loss_of_the_store() {
    let mut server = NatsServer::start();
    let member = Member::join(&server, "one").await;
    let fleet = &member.fleet;
    let first = fleet.put_plan(&plan("a", "15m"), None).await.unwrap();
    member.until_plan(Some("a")).await;
    assert!(member.set.status().expires_in.is_some_and(|left| left <= Duration::from_secs(900)));
    fleet.delete_plan(first).await.unwrap();
    member.until_plan(None).await;

    // Again, and again the same: its time begins anew.
    let second = fleet.put_plan(&plan("b", "15m"), None).await.unwrap();
    member.until_plan(Some("b")).await;
    let revision = member.set.revision();
    let third = fleet.put_plan(&plan("b", "15m"), Some(second)).await.unwrap();
    member.until("the same plan again", |set| set.revision() > revision).await;

    // The server is gone, and its store with it: the plan stays, and the next one comes through, although its revision is lower.
    server.kill();
    server.forget();
    member
        .until("loss of the server", |_| {
            member.log().iter().any(|line| line.starts_with("source of faults lost"))
        })
        .await;
    assert!(matches!(fleet.plan().await, Err(FleetError::NotConnected { .. })));
    assert_eq!(member.set.plan().as_ref().and_then(FaultPlan::id), Some("b"));
    server.restart();
    // The first request may come before the connection.
    let fourth = loop {
        if let Ok(revision) = fleet.put_plan(&plan("c", "15m"), None).await {
            break revision;
        }
    };
    assert!(fourth < third);
    member.until_plan(Some("c")).await;
    let fifth = fleet.put_plan(&plan("d", "15m"), Some(fourth)).await.unwrap();
    member.until_plan(Some("d")).await;

    // A replica that starts later has what is left of the time; one that comes too late does not begin the plan.
    fleet.put_plan(&plan("short", "5s"), Some(fifth)).await.unwrap();
    member.until_plan(Some("short")).await;
    let second = Member::join(&server, "two").await;
    second.until_plan(Some("short")).await;
    assert!(second.set.status().expires_in.is_some_and(|left| left < Duration::from_secs(5)));
    for member in [&member, &second] {
        member
            .until("the end of its time", |_| {
                member.log().iter().any(|line| line.starts_with("faults expired"))
            })
            .await;
    }
    let third = Member::join(&server, "three").await;
    third
        .until("a plan that is over", |_| {
            third.log().iter().any(|line| line.contains("is over, it is not applied"))
        })
        .await;
    assert_eq!(third.set.plan(), None);
}

#[tokio::test]
#[ignore = "needs nats-server"]
async fn replicas_report_and_vanish() {
    let server = NatsServer::start();
    let fleet = NatsFleet::builder(server.url()).instance("operator").connect().await.unwrap();
    assert_eq!(fleet.replicas().await.unwrap(), []);
    let one = Member::join(&server, "one").await;
    let two = Member::join(&server, "two").await;
    let revision = fleet.put_plan(&plan("a", "15m"), None).await.unwrap();
    let table = async |wanted: &[(&str, Option<u64>, ReplicaState)]| {
        let begin = Instant::now();
        loop {
            // Not that of `fleet`, which reads once a second.
            let reader = NatsFleet::builder(server.url()).connect().await.unwrap();
            let table = reader.replicas().await.unwrap();
            let found: Vec<_> = table.iter().map(|row| (&*row.instance, row.revision, row.state)).collect();
            if found == wanted {
                return table;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "{table:#?}");
        }
    };
    let running = |name| (name, Some(revision), ReplicaState::Running);
    let rows = table(&[running("one"), running("two")]).await;
    assert!(
        rows.iter()
            .all(|row| row.plan.as_deref() == Some("a") && row.environment.as_deref() == Some("staging"))
    );

    // Changed on one replica alone, by its console.
    one.set.clear();
    table(&[("one", None, ReplicaState::Empty), running("two")]).await;
    two.fleet.leave().await.unwrap();
    table(&[("one", None, ReplicaState::Empty)]).await;
    // Without a farewell, as after a crash.
    one.task.abort();
    table(&[]).await;
}
