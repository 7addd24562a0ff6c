//! A file that is read again and again, and a router that follows it.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use crate::diff::Diff;
use crate::service::Router;
use crate::swap::SwapRouter;

/// Tells when the content of a file changes.
///
/// It reads the file and compares, so that it sees what notifications miss: a symbolic link that is moved,
/// as Kubernetes does with a ConfigMap, a network share, an editor that writes a new file. It reads on a
/// thread for such work, so that a share that hangs holds up nothing else.
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

/// What became of a change.
#[derive(Debug)]
#[non_exhaustive]
pub enum Followed<E> {
    /// A new router serves from now on.
    Replaced(Diff),
    /// The content makes no router: the last good one goes on.
    Refused(E),
    /// The file cannot be read: the last good router goes on.
    Unread(io::Error),
}

impl FileWatcher {
    /// Watches a file, once a second.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), every: Duration::from_secs(1), last: None }
    }

    /// Sets how often the file is read; at most once a millisecond.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every: every.max(Duration::from_millis(1)), ..self }
    }

    /// Waits for a content other than the last one; the first one comes at once. It may be dropped at
    /// any time and called again.
    ///
    /// # Errors
    /// The file cannot be read, is longer than 16 MiB, or is not UTF-8: told once, until something else
    /// comes of reading it.
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

/// The longest file, in bytes: a table of some 100,000 routes.
const LONGEST: u64 = 16 << 20;

fn read(path: PathBuf) -> io::Result<String> {
    // What is no file, a pipe say, may never end.
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
    /// Follows a file for ever: each content that makes a router replaces the one before, and each that
    /// does not is reported.
    ///
    /// ```no_run
    /// # async fn follow(swap: waylay_router::SwapRouter) {
    /// use waylay_router::{FileWatcher, Followed, Route, Router};
    /// let build = |text: &str| {
    ///     text.lines().fold(Router::builder(), |all, path| all.route(Route::get(path).to(async || "here"))).build()
    /// };
    /// let report = |followed| match followed {
    ///     Followed::Replaced(diff) => println!("{diff}"),
    ///     Followed::Refused(errors) => eprintln!("{errors}"),
    ///     other => eprintln!("{other:?}"),
    /// };
    /// swap.follow(FileWatcher::new("paths.txt"), build, report).await;
    /// # }
    /// ```
    pub async fn follow<E>(
        &self,
        mut file: FileWatcher,
        mut build: impl FnMut(&str) -> Result<Router, E>,
        mut report: impl FnMut(Followed<E>),
    ) -> Infallible {
        loop {
            report(match file.changed().await {
                Err(error) => Followed::Unread(error),
                Ok(text) => match build(&text) {
                    Ok(router) => Followed::Replaced(self.replace(router)),
                    Err(error) => Followed::Refused(error),
                },
            });
        }
    }
}
