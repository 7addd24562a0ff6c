//! FileWatcher: reloads a router from a file.

use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::{Path, PathBuf};
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
/// A content counts when two readings in a row are equal: a program that writes a file in place truncates it first, and
/// a reading may see a part of it. An empty file is an error, unless it is [allowed](Self::allow_empty).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use std::time::Duration;
/// use waylay_router::FileWatcher;
/// let path = std::env::temp_dir().join("waylay-watched.toml");
/// std::fs::write(&path, "one")?;
/// let mut file = FileWatcher::new(&path).every(Duration::from_millis(1));
/// assert_eq!(file.changed().await?, "one"); // the first content counts as a change
/// std::fs::write(&path, "two")?;
/// assert_eq!(file.changed().await?, "two");
/// # std::fs::remove_file(&path) }
/// ```
#[derive(Debug)]
pub struct FileWatcher {
    path: PathBuf,
    every: Duration,
    allow_empty: bool,
    /// The last reading that was returned.
    last: Option<Reading>,
}

/// The content of a file, or the error of reading it.
type Reading = Result<String, (io::ErrorKind, String)>;

/// The result of a change.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReloadEvent<E> {
    /// A new router serves from now on.
    Replaced(Diff),
    /// The content is not a valid router; the previous router serves on.
    Rejected(E),
    /// The file is not readable or empty; the previous router serves on.
    ReadFailed(io::Error),
    /// The content is a valid router without routes, which the watcher does not
    /// [allow](FileWatcher::allow_empty); the previous router serves on.
    Empty,
}

impl<E: fmt::Display> fmt::Display for ReloadEvent<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced(diff) => write!(f, "the table is replaced:\n{diff}"),
            Self::Rejected(error) => write!(f, "the table is rejected, the previous one serves on:\n{error}"),
            Self::ReadFailed(error) => {
                write!(f, "the table is not read, the previous one serves on: {error}")
            }
            Self::Empty => f.write_str("the table has no routes, the previous one serves on"),
        }
    }
}

impl FileWatcher {
    /// Watches a file, once per second.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), every: Duration::from_secs(1), allow_empty: false, last: None }
    }

    /// Sets the interval between reads, at least one millisecond.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every: every.max(Duration::from_millis(1)), ..self }
    }

    /// Allows an empty file, and a router without routes.
    #[must_use]
    pub fn allow_empty(self) -> Self {
        Self { allow_empty: true, ..self }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for a content other than the last one. A content counts when it is read twice in a row, the first one
    /// within 100 ms. It is cancel-safe.
    ///
    /// # Errors
    /// The file is not readable, is empty, is longer than 16 MiB, or is not UTF-8. The same error is returned once.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn changed(&mut self) -> io::Result<String> {
        let mut before: Option<Reading> = None;
        loop {
            let read = self.reading().await;
            if self.counts(&mut before, &read) {
                return read.map_err(|(kind, text)| io::Error::new(kind, text));
            }
            let is_first = self.last.is_none();
            tokio::time::sleep(if is_first { self.every.min(FIRST) } else { self.every }).await;
        }
    }

    /// Tests whether a reading is a change: it equals the one before and not the last one that was returned.
    fn counts(&mut self, before: &mut Option<Reading>, read: &Reading) -> bool {
        let is_stable = before.as_ref() == Some(read);
        let is_change = is_stable && self.last.as_ref() != Some(read);
        if is_change {
            self.last = Some(read.clone());
        }
        if !is_stable {
            *before = Some(read.clone());
        }
        is_change
    }

    async fn reading(&self) -> Reading {
        let (path, allow_empty) = (self.path.clone(), self.allow_empty);
        let read = tokio::task::spawn_blocking(move || read(path)).await;
        let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
        match read {
            Ok(text) if !allow_empty && text.trim().is_empty() => {
                Err((io::ErrorKind::InvalidData, "the file is empty".to_owned()))
            }
            read => read.map_err(|error| (error.kind(), error.to_string())),
        }
    }
}

/// The longest interval between the first two readings.
const FIRST: Duration = Duration::from_millis(100);

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
    /// content is reported as an error, and so is a router without routes, unless the watcher
    /// [allows](FileWatcher::allow_empty) it. The router is built and compared on a blocking thread: a large
    /// table delays no request.
    ///
    /// ```no_run
    /// # async fn watch(swap: waylay_router::SwapRouter) {
    /// use waylay_router::{FileWatcher, ReloadEvent, Route, Router};
    /// let build = |text: &str| {
    ///     text.lines().fold(Router::builder(), |all, path| all.route(Route::get(path).to(async || "here"))).build()
    /// };
    /// let report = |event: ReloadEvent<_>| eprintln!("{event}");
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
            let (swap, build, allow_empty) = (self.clone(), Arc::clone(&build), file.allow_empty);
            let replaced = tokio::task::spawn_blocking(move || {
                let mut build = build.lock().unwrap_or_else(PoisonError::into_inner);
                build(&text).map(|router| {
                    let is_allowed = allow_empty || router.routes().next().is_some();
                    is_allowed.then(|| swap.replace(router))
                })
            });
            report(match replaced.await {
                Ok(Ok(Some(diff))) => ReloadEvent::Replaced(diff),
                Ok(Ok(None)) => ReloadEvent::Empty,
                Ok(Err(error)) => ReloadEvent::Rejected(error),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => ReloadEvent::ReadFailed(io::Error::other(error)),
                },
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{FileWatcher, Reading};

    /// A file that is truncated, written in parts, replaced or removed for one reading; `-` is a missing file.
    #[test]
    fn two_equal_readings_are_a_change() {
        for (readings, changes) in [
            ("a a a", "a"),
            ("a", ""),
            ("a a b b", "a b"),
            ("a a b a a", "a"),
            ("a a - a a", "a"),
            ("a a - - a a", "a - a"),
            ("a a b bc bcd bcd", "a bcd"),
            ("a a b c b c c", "a c"),
            ("- - a a", "- a"),
        ] {
            let mut watcher = FileWatcher::new("unread");
            let mut before = None;
            let mut found = Vec::new();
            for text in readings.split(' ') {
                let reading: Reading = match text {
                    "-" => Err((io::ErrorKind::NotFound, "missing".to_owned())),
                    text => Ok(text.to_owned()),
                };
                if watcher.counts(&mut before, &reading) {
                    found.push(text);
                }
            }
            assert_eq!(found.join(" "), changes, "{readings}");
        }
    }
}
