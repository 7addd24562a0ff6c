//! Tables that change while they serve.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tower::ServiceExt;
use waylay_router::{FileWatcher, Matched, ReloadEvent, Route, Router, SwapRouter, Urls};

use crate::{get, text_of};

/// Returns a router whose responses and URLs have its number.
fn version(number: usize) -> Router {
    Router::builder()
        .route(
            Route::get("/x")
                .name("link")
                .to(async move |matched: Matched, urls: Urls| {
                    tokio::task::yield_now().await;
                    let link = urls.builder(&format!("v{}", matched.route().unwrap().priority())).unwrap();
                    format!(
                        "{number} {} {}",
                        matched.urls().builder("link").unwrap().build().unwrap(),
                        link.build().unwrap()
                    )
                })
                .priority(number as i32),
        )
        .route(Route::get(format!("/v{number}")).name(format!("v{number}")).to(async || ""))
        .build()
        .unwrap()
}

/// Each request uses one table only: its response and its URL have the same number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_keeps_its_table() {
    let swap = SwapRouter::new(version(0));
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = {
        let (swap, stop) = (swap.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut number = 1;
            while !stop.load(Ordering::Relaxed) {
                swap.replace(version(number));
                number += 1;
            }
        })
    };
    let seen = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let (swap, seen) = (swap.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                // Until some tables have been replaced, for a minimum time.
                let mut asked = 0;
                while asked < 500 || seen.load(Ordering::Relaxed) <= 3 {
                    asked += 1;
                    let response = swap.clone().oneshot(get("/x")).await.unwrap();
                    assert_eq!(response.status(), 200);
                    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
                    let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
                    let number: usize = body.split(' ').next().unwrap().parse().unwrap();
                    assert_eq!(body, format!("{number} /x /v{number}"));
                    seen.fetch_max(number, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
}

/// An invalid file leaves the previous table; a file that is replaced through a link is detected.
#[tokio::test(start_paused = true)]
async fn reloads_a_file() {
    let folder = std::env::temp_dir().join(format!("waylay-follow-{}", std::process::id()));
    let file = |name: &str| folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(file("one"), "/one").unwrap();
    std::fs::write(file("two"), "/two\n/{bad").unwrap();
    std::fs::write(file("three"), "/two\n/three").unwrap();
    let point = |to: &str| {
        // A new link in place of the old one, in one step.
        let _ = std::fs::remove_file(file("next"));
        #[cfg(unix)]
        std::os::unix::fs::symlink(file(to), file("next")).unwrap();
        #[cfg(not(unix))]
        std::fs::copy(file(to), file("next")).unwrap();
        std::fs::rename(file("next"), file("table")).unwrap();
    };
    point("one");
    let swap = SwapRouter::new(Router::builder().build().unwrap());
    let (described, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let follower = {
        let swap = swap.clone();
        let watcher = FileWatcher::new(file("table")).every(Duration::from_secs(1));
        tokio::spawn(async move {
            let build = |text: &str| {
                let add =
                    |all: waylay_router::Builder, path: &str| all.route(Route::get(path).to(async || "here"));
                text.lines().fold(Router::builder(), add).build()
            };
            let report = |followed| {
                let word = match followed {
                    ReloadEvent::Replaced(diff) => diff.to_string(),
                    ReloadEvent::Rejected(errors) => format!("refused: {errors}"),
                    ReloadEvent::ReadFailed(error) => format!("unread: {}", error.kind()),
                    _ => String::new(),
                };
                let _ = described.send(word);
            };
            swap.reload(watcher, build, report).await
        })
    };
    let ask = async |path: &str| text_of(&swap.current(), get(path)).await.0;
    assert_eq!(heard.recv().await.unwrap(), "+ GET, HEAD /one\n");
    assert_eq!(ask("/one").await, 200);
    point("two");
    let refused = heard.recv().await.unwrap();
    assert!(refused.starts_with("refused") && refused.contains("    /{bad\n     ^"), "{refused}");
    assert_eq!((ask("/one").await, ask("/two").await), (200, 404));
    point("three");
    assert_eq!(heard.recv().await.unwrap(), "+ GET, HEAD /three\n+ GET, HEAD /two\n- GET, HEAD /one\n");
    assert_eq!((ask("/one").await, ask("/two").await), (404, 200));
    std::fs::remove_file(file("table")).unwrap();
    assert_eq!(heard.recv().await.unwrap(), "unread: entity not found");
    assert_eq!(ask("/two").await, 200);
    follower.abort();
    std::fs::remove_dir_all(&folder).unwrap();
}

/// An empty file, and a valid one without routes, leave the previous table, unless the watcher allows them.
#[tokio::test(start_paused = true)]
async fn an_empty_table_needs_a_setting() {
    let path = std::env::temp_dir().join(format!("waylay-empty-{}", std::process::id()));
    let build = |text: &str| {
        let lines = text.lines().filter(|line| line.starts_with('/'));
        lines.fold(Router::builder(), |all, path| all.route(Route::get(path).to(async || "here"))).build()
    };
    for (is_allowed, comment, empty, status) in [
        (false, "the table has no routes, the previous one serves on", "the file is empty", 200),
        (true, "the table is replaced:\n- GET, HEAD /one\n", "the table is replaced:\n", 404),
    ] {
        std::fs::write(&path, "/one").unwrap();
        let watcher = FileWatcher::new(&path).every(Duration::from_secs(1));
        assert_eq!(watcher.path(), path);
        let watcher = if is_allowed { watcher.allow_empty() } else { watcher };
        let swap = SwapRouter::new(Router::builder().build().unwrap());
        let (events, mut reported) = tokio::sync::mpsc::unbounded_channel();
        let served = swap.clone();
        let task = tokio::spawn(async move {
            let report = |event: ReloadEvent<_>| {
                let _ = events.send(event.to_string());
            };
            served.reload(watcher, build, report).await
        });
        assert_eq!(reported.recv().await.unwrap(), "the table is replaced:\n+ GET, HEAD /one\n");
        std::fs::write(&path, "# nothing").unwrap();
        assert_eq!(reported.recv().await.unwrap(), comment);
        assert_eq!(text_of(&swap.current(), get("/one")).await.0, status);
        std::fs::write(&path, "\n").unwrap();
        let event = reported.recv().await.unwrap();
        assert!(event.contains(empty), "{event}");
        assert_eq!(text_of(&swap.current(), get("/one")).await.0, status);
        task.abort();
    }
    std::fs::remove_file(&path).unwrap();
}

/// A build waits for a task of the same thread: it runs elsewhere.
#[tokio::test]
async fn builds_delay_no_request() {
    let file = std::env::temp_dir().join(format!("waylay-slow-{}", std::process::id()));
    std::fs::write(&file, "/x").unwrap();
    let swap = SwapRouter::new(version(1));
    let (served, wait) = std::sync::mpsc::channel::<()>();
    let (replaced, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (watched, watcher) = (swap.clone(), FileWatcher::new(&file));
    let follower = tokio::spawn(async move {
        let build = move |_: &str| wait.recv_timeout(Duration::from_secs(20)).map(|()| version(2));
        let report = move |event| replaced.send(matches!(event, ReloadEvent::Replaced(_))).unwrap();
        watched.reload(watcher, build, report).await
    });
    tokio::task::yield_now().await;
    assert!(text_of(&swap.current(), get("/x")).await.1.starts_with("1 "));
    served.send(()).unwrap();
    assert!(heard.recv().await.unwrap());
    assert!(text_of(&swap.current(), get("/x")).await.1.starts_with("2 "));
    follower.abort();
    std::fs::remove_file(&file).unwrap();
}
