//! Files as sources of plans: edits, swaps, partial writes, losses.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use waylay_fault::{FaultSet, FileSource, PlanFormat, PlanReport, PlanSource, PlanText, SetEvent};

use crate::apply::{get, staging, status};

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("waylay-plan-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(status: u16) -> String {
    format!(
        "version = 1\nenvironments = [\"staging\"]\nttl = \"1h\"\n[[fault]]\nname = \"a\"\nparticipation = 1\nerror = {status}\n"
    )
}

fn follow(set: &FaultSet, path: &Path) -> tokio::task::JoinHandle<()> {
    let (set, source) = (set.clone(), FileSource::new(path).unwrap());
    tokio::spawn(async move { set.follow(source).await })
}

/// Longer than two readings and shorter than a second.
const SOON: Duration = Duration::from_millis(900);

type Log = Arc<Mutex<Vec<SetEvent>>>;

fn take(events: &Log) -> Vec<SetEvent> {
    std::mem::take(&mut *events.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn edits_are_active_within_a_second_and_broken_ones_never() {
    let folder = Folder::new("edits");
    let path = folder.0.join("plan.toml");
    fs::write(&path, text(501)).unwrap();
    let (set, events) = staging();
    let follower = follow(&set, &path);
    sleep(SOON).await;
    assert_eq!(status(&set, get("/")).await, 501);
    for turn in 502..510 {
        fs::write(&path, text(turn)).unwrap();
        sleep(SOON).await;
        assert_eq!(status(&set, get("/")).await, turn);
    }
    take(&events);

    fs::write(&path, text(504).replace("error", "eror").replace("ttl = \"1h\"", "ttl = 1")).unwrap();
    sleep(Duration::from_secs(60)).await;
    let rejected = take(&events);
    let [SetEvent::Rejected(why)] = &rejected[..] else { panic!("once: {rejected:?}") };
    assert!(why.contains("2 errors in the plan") && why.contains("did you mean `error`?"), "{why}");
    assert!(why.contains("7 | eror = 504\n  | ^^^^"), "{why}");
    assert_eq!(status(&set, get("/")).await, 509, "the last good plan runs");

    // Back to what runs: nothing is applied, and its time does not begin anew.
    fs::write(&path, text(509)).unwrap();
    sleep(SOON).await;
    assert_eq!(take(&events), []);
    assert!(set.status().expires_in.unwrap() < Duration::from_secs(3600 - 60));
    follower.abort();
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_config_map_is_swapped_by_its_link() {
    let folder = Folder::new("configmap");
    // As the kubelet does it: plan.toml -> ..data/plan.toml, ..data -> ..2026_1, swapped by rename.
    let revision = |number: u16| {
        let name = format!("..2026_{number}");
        fs::create_dir(folder.0.join(&name)).unwrap();
        fs::write(folder.0.join(&name).join("plan.toml"), text(number)).unwrap();
        let link = folder.0.join("..data_tmp");
        std::os::unix::fs::symlink(&name, &link).unwrap();
        fs::rename(&link, folder.0.join("..data")).unwrap();
    };
    revision(501);
    std::os::unix::fs::symlink("..data/plan.toml", folder.0.join("plan.toml")).unwrap();
    let (set, _) = staging();
    let follower = follow(&set, &folder.0.join("plan.toml"));
    sleep(SOON).await;
    assert_eq!(status(&set, get("/")).await, 501);
    revision(502);
    fs::remove_dir_all(folder.0.join("..2026_501")).unwrap();
    sleep(SOON).await;
    assert_eq!(status(&set, get("/")).await, 502);
    follower.abort();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_being_written_is_no_plan() {
    let folder = Folder::new("partial");
    let path = folder.0.join("plan.toml");
    fs::write(&path, text(501)).unwrap();
    let (set, events) = staging();
    let follower = follow(&set, &path);
    sleep(SOON).await;
    take(&events);
    let whole = text(502);
    for cut in [0, 10, 40, 60, 90, whole.len() - 3] {
        fs::write(&path, &whole[..cut]).unwrap();
        sleep(Duration::from_millis(250)).await;
    }
    fs::write(&path, &whole).unwrap();
    sleep(SOON).await;
    assert_eq!(take(&events), [SetEvent::Applied { revision: 2, faults: 1 }]);
    assert_eq!(status(&set, get("/")).await, 502);
    follower.abort();
}

#[tokio::test(start_paused = true)]
async fn a_lost_file_leaves_the_plan_until_its_time_is_over() {
    let folder = Folder::new("lost");
    let path = folder.0.join("plan.toml");
    let (set, events) = staging();
    let follower = follow(&set, &path);
    sleep(SOON).await;
    assert!(matches!(&take(&events)[..], [SetEvent::SourceLost(why)] if why.contains("plan.toml")));
    fs::write(&path, text(501)).unwrap();
    sleep(SOON).await;
    assert_eq!(take(&events), [SetEvent::Applied { revision: 1, faults: 1 }]);

    fs::remove_file(&path).unwrap();
    sleep(Duration::from_secs(600)).await;
    assert!(matches!(&take(&events)[..], [SetEvent::SourceLost(_)]));
    assert_eq!(status(&set, get("/")).await, 501);
    // Come back as it was, it is the plan that runs.
    fs::write(&path, text(501)).unwrap();
    sleep(Duration::from_secs(600)).await;
    assert_eq!(take(&events), []);
    fs::remove_file(&path).unwrap();
    sleep(Duration::from_secs(2401)).await;
    // Without any request.
    assert!(matches!(&take(&events)[..], [SetEvent::SourceLost(_), SetEvent::Expired]));
    assert_eq!(status(&set, get("/")).await, 200);
    follower.abort();
}

/// Texts one after the other, and the reports of what became of them.
struct Texts {
    texts: Vec<std::io::Result<String>>,
    reports: Arc<Mutex<Vec<String>>>,
}

impl PlanSource for Texts {
    const IS_REMOTE: bool = true;

    async fn load(&mut self) -> std::io::Result<PlanText> {
        self.texts.remove(0).map(|text| PlanText { text, format: PlanFormat::Toml })
    }

    async fn changed(&mut self) {
        if self.texts.is_empty() {
            std::future::pending::<()>().await;
        }
    }

    async fn report(&mut self, report: &PlanReport<'_>) {
        self.reports.lock().unwrap().push(report.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn remote_plans_need_an_end_and_hear_the_result() {
    let (set, _) = staging();
    let reports = Arc::new(Mutex::new(Vec::new()));
    let texts = vec![
        Ok(text(501)),
        Ok(text(501)),
        Err(std::io::ErrorKind::TimedOut.into()),
        Ok(text(502).replace("ttl = \"1h\"\n", "")),
        Ok(text(503).replace("staging", "production")),
        Ok("version = 1".into()),
        Ok(text(504)),
    ];
    let source = Texts { texts, reports: reports.clone() };
    let follower = tokio::spawn({
        let set = set.clone();
        async move { set.follow(source).await }
    });
    sleep(SOON).await;
    let reports = reports.lock().unwrap().clone();
    assert_eq!(
        reports[..5],
        [
            "applied as revision 1",
            "unchanged, revision 1",
            "the source cannot be read: timed out",
            "a plan of a remote source needs an end; set `ttl` or `until`",
            "the plan is for production, and this is staging",
        ]
    );
    assert!(
        reports[5].starts_with("1 error in the plan\n1:1: a plan needs `environments`"),
        "{}",
        reports[5]
    );
    assert_eq!(reports[6], "applied as revision 2");
    follower.abort();
}
