//! FileWatcher: reloads a router from a file.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::service::router::Router;
use crate::service::swap::SwapRouter;
use crate::table::diff::Diff;

/// Reports changes of a file's content.
///
/// It reads the file and compares the content, so it detects changes that notifications miss: a symbolic link
/// that is moved, as Kubernetes does with a ConfigMap; a network share; an editor that writes a new file.
/// Reads run on a blocking thread, so a share that hangs delays nothing else.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use std::time::Duration;
/// use waylay_router::FileWatcher;
/// let path = std::env::temp_dir().join("waylay-watched.toml");
/// std::fs::write(&path, "one")?;
/// let mut file = FileWatcher::new(&path).every(Duration::from_millis(1));
/// assert_eq!(file.changed().await?, "one"); // at once, the first time
/// std::fs::write(&path, "two")?;
/// assert_eq!(file.changed().await?, "two");
/// # std::fs::remove_file(&path) }
/// ```
#[derive(Debug)]
pub struct FileWatcher {
    path: PathBuf,
    every: Duration,
    last: Option<Result<String, (io::ErrorKind, String)>>,
}

/// The result of a change.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReloadEvent<E> {
    /// A new router serves from now on.
    Replaced(Diff),
    /// The content is not a valid router; the previous router serves on.
    Rejected(E),
    /// The file is not readable; the previous router serves on.
    ReadFailed(io::Error),
}

impl FileWatcher {
    /// Watches a file, once per second.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), every: Duration::from_secs(1), last: None }
    }

    /// Sets the interval between reads, at least one millisecond.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every: every.max(Duration::from_millis(1)), ..self }
    }

    /// Waits for a content other than the last one; the first content is returned at once. It is cancel-safe.
    ///
    /// # Errors
    /// The file is not readable, is longer than 16 MiB, or is not UTF-8. The same error is returned once.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn changed(&mut self) -> io::Result<String> {
        loop {
            let path = self.path.clone();
            let read = tokio::task::spawn_blocking(move || read(path)).await;
            let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
            let read = read.map_err(|error| (error.kind(), error.to_string()));
            if self.last.as_ref() != Some(&read) {
                self.last = Some(read.clone());
                return read.map_err(|(kind, text)| io::Error::new(kind, text));
            }
            tokio::time::sleep(self.every).await;
        }
    }
}

/// The longest file, in bytes: a table of about 100,000 routes.
const LONGEST: u64 = 16 << 20;

fn read(path: PathBuf) -> io::Result<String> {
    // Reading something other than a file, such as a pipe, may never end.
    if !std::fs::metadata(&path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut text = String::new();
    File::open(&path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is longer than 16 MiB"));
    }
    Ok(text)
}

impl SwapRouter {
    /// Watches a file without end: a content that is a valid router replaces the current one, any other
    /// content is reported as an error. The router is built and compared on a blocking thread: a large table
    /// delays no request.
    ///
    /// ```no_run
    /// # async fn watch(swap: waylay_router::SwapRouter) {
    /// use waylay_router::{FileWatcher, ReloadEvent, Route, Router};
    /// let build = |text: &str| {
    ///     text.lines().fold(Router::builder(), |all, path| all.route(Route::get(path).to(async || "here"))).build()
    /// };
    /// let report = |event| match event {
    ///     ReloadEvent::Replaced(diff) => println!("{diff}"),
    ///     ReloadEvent::Rejected(errors) => eprintln!("{errors}"),
    ///     other => eprintln!("{other:?}"),
    /// };
    /// swap.reload(FileWatcher::new("paths.txt"), build, report).await;
    /// # }
    /// ```
    pub async fn reload<E>(
        &self,
        mut file: FileWatcher,
        build: impl FnMut(&str) -> Result<Router, E> + Send + 'static,
        mut report: impl FnMut(ReloadEvent<E>),
    ) -> Infallible
    where
        E: Send + 'static,
    {
        // One task at a time has the function, and its lock.
        let build = Arc::new(Mutex::new(build));
        loop {
            let text = match file.changed().await {
                Err(error) => {
                    report(ReloadEvent::ReadFailed(error));
                    continue;
                }
                Ok(text) => text,
            };
            let (swap, build) = (self.clone(), Arc::clone(&build));
            let replaced = tokio::task::spawn_blocking(move || {
                let mut build = build.lock().unwrap_or_else(PoisonError::into_inner);
                build(&text).map(|router| swap.replace(router))
            });
            report(match replaced.await {
                Ok(Ok(diff)) => ReloadEvent::Replaced(diff),
                Ok(Err(error)) => ReloadEvent::Rejected(error),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => ReloadEvent::ReadFailed(io::Error::other(error)),
                },
            });
        }
    }
}
