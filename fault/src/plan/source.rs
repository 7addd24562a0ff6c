//! PlanSource: where plans come from; FileSource, which polls a file; and FaultSet::follow.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::config::one_line::OneLine;
use crate::fault::set::FaultSet;
use crate::plan::apply::ApplyError;
use crate::plan::error::PlanErrors;
use crate::plan::node::MAX_TEXT;
use crate::plan::plan::PlanFormat;
use crate::report::set_event::SetEvent;

/// A place that plans come from: a file, a key-value store, a control plane.
///
/// [`FaultSet::follow`] loads the plan, applies it, and loads again whenever the source says that it
/// changed. A source that fails keeps nothing from running: the last good plan stays, until its time
/// is over.
///
/// ```
/// use waylay_fault::{PlanFormat, PlanReport, PlanSource, PlanText};
///
/// /// Plans sent by another part of the program.
/// struct Channel(tokio::sync::watch::Receiver<String>);
///
/// impl PlanSource for Channel {
///     async fn load(&mut self) -> std::io::Result<PlanText> {
///         # #[cfg(feature = "json")] {
///         return Ok(PlanText { text: self.0.borrow_and_update().clone(), format: PlanFormat::Json });
///         # }
///         # #[cfg(not(feature = "json"))] unreachable!()
///     }
///
///     async fn changed(&mut self) {
///         if self.0.changed().await.is_err() {
///             std::future::pending().await
///         }
///     }
///
///     async fn report(&mut self, report: &PlanReport<'_>) {
///         println!("{report}");
///     }
/// }
/// ```
pub trait PlanSource: Send {
    /// Whether the source is remote. Its plans then need an end.
    const IS_REMOTE: bool = false;

    /// Loads the text that the source holds now.
    ///
    /// # Errors
    /// The source cannot be read, or holds no plan.
    fn load(&mut self) -> impl Future<Output = io::Result<PlanText>> + Send;

    /// Completes when the source may hold another text than the one that was loaded last.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;

    /// Receives the result of the last load, for sources that pass it on.
    fn report(&mut self, report: &PlanReport<'_>) -> impl Future<Output = ()> + Send {
        let _ = report;
        std::future::ready(())
    }
}

/// The text of a plan, as a source holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanText {
    /// The text.
    pub text: String,
    /// Its format.
    pub format: PlanFormat,
}

/// The result of a load.
#[derive(Debug)]
#[non_exhaustive]
pub enum PlanReport<'a> {
    /// The plan is active, as this revision of the set.
    Applied(u64),
    /// The text is that of the active plan; nothing was changed.
    Unchanged(u64),
    /// The text is not a plan.
    Invalid(&'a PlanErrors),
    /// The plan is not for this process.
    Rejected(&'a ApplyError),
    /// The source cannot be read.
    Lost(&'a io::Error),
}

impl std::fmt::Display for PlanReport<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Applied(revision) => write!(f, "applied as revision {revision}"),
            Self::Unchanged(revision) => write!(f, "unchanged, revision {revision}"),
            Self::Invalid(errors) => errors.fmt(f),
            Self::Rejected(error) => error.fmt(f),
            Self::Lost(error) => write!(f, "the source cannot be read: {}", OneLine(&error.to_string())),
        }
    }
}

impl FaultSet {
    /// Applies the plan of a source, and every plan that follows it, for as long as this is polled.
    ///
    /// A text that is no plan for this process is reported as
    /// [`SetEvent::Rejected`], with every error and its caret, and a source that cannot be read as
    /// [`SetEvent::SourceLost`]; both leave the running plan as it is. The end of a plan's time is
    /// noticed here also while there is no request.
    ///
    /// ```no_run
    /// use waylay_fault::{FaultSet, FileSource};
    ///
    /// # async fn run() -> std::io::Result<()> {
    /// let set = FaultSet::builder().on_event(|event| eprintln!("{event}")).build();
    /// let source = FileSource::new("/etc/faults/plan.toml")?;
    /// tokio::spawn({
    ///     let set = set.clone();
    ///     async move { set.follow(source).await }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub async fn follow<S: PlanSource>(&self, mut source: S) {
        let mut active = None;
        let mut is_lost = false;
        loop {
            match source.load().await {
                Ok(text) => {
                    is_lost = false;
                    self.take(&mut source, text, &mut active).await;
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_lost, true) {
                        self.notify(&SetEvent::SourceLost(error.to_string()));
                    }
                    source.report(&PlanReport::Lost(&error)).await;
                }
            }
            self.wait(&mut source).await;
        }
    }

    /// Applies a text, unless it is that of the active plan, whose time would begin anew.
    async fn take<S: PlanSource>(
        &self,
        source: &mut S,
        text: PlanText,
        active: &mut Option<(PlanText, u64)>,
    ) {
        if let Some((known, revision)) = active
            && *known == text
            && *revision == self.revision()
        {
            return source.report(&PlanReport::Unchanged(*revision)).await;
        }
        let plan = match self.parse_plan(&text.text, text.format) {
            Ok(plan) => plan,
            Err(errors) => {
                self.notify(&SetEvent::Rejected(errors.to_string()));
                return source.report(&PlanReport::Invalid(&errors)).await;
            }
        };
        let result = if S::IS_REMOTE { self.apply_remote(&plan) } else { self.apply(&plan) };
        match result {
            Ok(()) => {
                let revision = self.revision();
                *active = Some((text, revision));
                source.report(&PlanReport::Applied(revision)).await;
            }
            Err(error) => source.report(&PlanReport::Rejected(&error)).await,
        }
    }

    /// Waits for the source, and disables the faults should their time end meanwhile.
    async fn wait<S: PlanSource>(&self, source: &mut S) {
        let mut changed = pin!(source.changed());
        loop {
            self.check_expiry();
            let Some(deadline) = self.guards().deadline().filter(|deadline| *deadline > Instant::now())
            else {
                return changed.await;
            };
            let mut end = pin!(sleep_until(deadline));
            let is_changed = std::future::poll_fn(|cx| match changed.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(true),
                Poll::Pending => end.as_mut().poll(cx).map(|()| false),
            });
            if is_changed.await {
                return;
            }
        }
    }
}

/// A file that holds a plan, read again and again.
///
/// It goes by the content, not by events of the file system: a Kubernetes ConfigMap is replaced by
/// swapping a symbolic link, which a watched file does not notice. A change counts once two readings
/// in a row are equal, so that a file which is being written is not taken for a plan. A file that is
/// gone leaves the running plan as it is.
///
/// ```
/// use std::time::Duration;
/// use waylay_fault::FileSource;
///
/// # #[cfg(feature = "toml")] {
/// let source = FileSource::new("/etc/faults/plan.toml")?.every(Duration::from_secs(1));
/// # let _ = source;
/// # }
/// assert!(FileSource::new("plan.txt").is_err(), "the file extension is the format");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    format: PlanFormat,
    interval: Duration,
    /// The content that was loaded last; none if the file could not be read.
    loaded: Option<Vec<u8>>,
}

impl FileSource {
    /// Returns a source of this file; its extension is the format.
    ///
    /// # Errors
    /// The extension is not that of a format that this build reads.
    pub fn new(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let Some(format) = PlanFormat::from_extension(&path) else {
            let message = format!("{} has no ending of a plan's format", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        Ok(Self::with_format(path, format))
    }

    /// Returns a source of this file in this format.
    pub fn with_format(path: impl Into<PathBuf>, format: PlanFormat) -> Self {
        Self { path: path.into(), format, interval: Duration::from_millis(250), loaded: None }
    }

    /// Sets the time between two readings; 250 ms by default.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    async fn read(&self) -> io::Result<Vec<u8>> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || read_file(&path)).await;
        read.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// The content, and no more of it than shows that it is too long.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(MAX_TEXT as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

impl PlanSource for FileSource {
    async fn load(&mut self) -> io::Result<PlanText> {
        let content = self.read().await;
        self.loaded = content.as_ref().ok().cloned();
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display()));
        // What is no UTF-8 becomes text that no format takes for a key or a value.
        let text = String::from_utf8_lossy(&content.map_err(named)?).into_owned();
        Ok(PlanText { text, format: self.format })
    }

    async fn changed(&mut self) {
        let mut last = None;
        loop {
            sleep(self.interval).await;
            let content = self.read().await.ok();
            if content == self.loaded {
                last = None;
            } else if last.as_ref() == Some(&content) {
                return;
            } else {
                last = Some(content);
            }
        }
    }
}
