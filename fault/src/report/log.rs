//! EventLog: the last events of a set of faults, numbered, to be read and followed.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use http::Method;

use crate::config::sync::{Mutex, MutexGuard, Notify};
use crate::report::event::{Action, Event, FaultPlacement, Phase, Reporter, SkipReason};
use crate::report::set_event::SetEvent;

/// The last events in the order in which they came, each with a number: 1, 2, 3 and so on.
///
/// The log holds at most [`capacity`](Self::capacity) events; the oldest is discarded first. A
/// reader that knows the number of the last event it has seen gets those after it, and learns how
/// many it missed. Clones share one log.
///
/// Requests that a fault did not select are left out, since most events would be of them, and so are
/// those beyond a limit; what could not be delivered, and a [dry run](crate::Guards::dry_run), is
/// logged. [`with_skips`](Self::with_skips) logs all. Of a request the method and the path are
/// logged, without the query.
///
/// A [set](crate::FaultSetBuilder::event_log) logs its own events too. As the
/// [`Reporter`] of one fault, the log has the events of that fault.
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{EventLog, Fault, FaultSet, error};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let log = EventLog::new(1000);
/// let set = FaultSet::builder().event_log(log.clone()).build();
/// set.replace([Fault::new("flaky", error(503)).enabled(true).participation(1.0)])?;
///
/// let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new())));
/// set.layer().layer(inner).oneshot(Request::get("/orders?id=7").body(String::new())?).await?;
///
/// let texts: Vec<_> = log.since(0).entries.iter().map(ToString::to_string).collect();
/// assert_eq!(texts, [
///     "1 faults applied: revision 1, 1 faults",
///     "2 fault flaky started: error 503 (GET /orders)",
///     "3 fault flaky finished: error 503 (GET /orders)",
/// ]);
/// // Goes on where another reader ended.
/// assert_eq!(log.subscribe(2).next().await?.number(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct EventLog {
    shared: Arc<Shared>,
}

struct Shared {
    capacity: usize,
    has_skips: bool,
    entries: Mutex<Entries>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Entries {
    /// The number of the last event; 0 before the first.
    last: u64,
    list: VecDeque<Arc<LogEntry>>,
}

/// One event of an [`EventLog`].
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    number: u64,
    time: SystemTime,
    event: LogEvent,
}

/// The content of a [`LogEntry`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LogEvent {
    /// A fault acted on a request, or skipped it.
    #[non_exhaustive]
    Fault {
        /// The name of the fault.
        fault: String,
        /// The side on which it acted.
        placement: FaultPlacement,
        /// The phase.
        phase: Phase,
        /// The actions in order.
        actions: Vec<Action>,
        /// The request's method.
        method: Method,
        /// The request's path as the server received it, cut after 512 bytes.
        path: String,
    },
    /// Something happened to the set as a whole. Its texts are cut after 16 KiB.
    Set(SetEvent),
    /// A note of the program: [`EventLog::note`].
    Note(String),
}

/// Some events of an [`EventLog`].
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LogPage {
    /// The events, the oldest first.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::report::serialize::shared"))]
    pub entries: Vec<Arc<LogEntry>>,
    /// The number of events before them that were already discarded.
    pub missed: u64,
    /// The number of the log's last event, from which to go on.
    pub last: u64,
}

/// The error of a reader that was slower than the log: this many events were discarded. It goes on
/// with the oldest event that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissedEvents(pub u64);

impl EventLog {
    /// Returns an empty log that holds this number of events, at least one.
    pub fn new(capacity: usize) -> Self {
        Self::create(capacity, false)
    }

    /// Returns an empty log of the same capacity, which logs every skipped request as well.
    #[must_use]
    pub fn with_skips(self) -> Self {
        Self::create(self.shared.capacity, true)
    }

    fn create(capacity: usize, has_skips: bool) -> Self {
        let shared = Shared {
            capacity: capacity.max(1),
            has_skips,
            entries: Mutex::default(),
            changed: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Returns the number of events that the log holds at most.
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// Returns the number of the last event; 0 if there was none.
    pub fn last(&self) -> u64 {
        self.entries().last
    }

    /// Returns the events after the one of this number; 0 asks for all of them.
    ///
    /// A number beyond the last one is that of another log, such as that of a process before a
    /// restart, and is taken as 0.
    pub fn since(&self, number: u64) -> LogPage {
        let entries = self.entries();
        let number = if number > entries.last { 0 } else { number };
        let first = entries.list.front().map_or(entries.last + 1, |entry| entry.number);
        let known = usize::try_from(number.saturating_sub(first - 1)).unwrap_or(usize::MAX);
        LogPage {
            entries: entries.list.iter().skip(known).cloned().collect(),
            missed: (first - 1).saturating_sub(number),
            last: entries.last,
        }
    }

    /// Returns a reader of the events after the one of this number, read as by
    /// [`since`](Self::since). It waits for events to come, and never ends.
    pub fn subscribe(&self, number: u64) -> EventSubscription {
        let last = self.last();
        EventSubscription { log: self.clone(), number: if number > last { 0 } else { number } }
    }

    /// Adds a note to the log, such as a change that a program made and its reason. Texts are cut
    /// after 16 KiB. Returns the note's number.
    pub fn note(&self, text: impl Into<String>) -> u64 {
        self.push(LogEvent::Note(cut(text.into(), MAX_LOG_TEXT)))
    }

    pub(crate) fn record_set(&self, event: &SetEvent) {
        let event = match event {
            SetEvent::Rejected(why) => SetEvent::Rejected(cut(why.clone(), MAX_LOG_TEXT)),
            SetEvent::SourceLost(why) => SetEvent::SourceLost(cut(why.clone(), MAX_LOG_TEXT)),
            other => other.clone(),
        };
        self.push(LogEvent::Set(event));
    }

    /// Tests whether events of this phase are logged.
    pub(crate) fn takes(&self, phase: Phase) -> bool {
        match phase {
            // Those that may follow a start, and a dry run.
            Phase::Skipped(
                SkipReason::DryRun
                | SkipReason::Declined
                | SkipReason::CallbackPanicked
                | SkipReason::NotDeliverable,
            ) => true,
            Phase::Skipped(_) => self.shared.has_skips,
            _ => true,
        }
    }

    fn push(&self, event: LogEvent) -> u64 {
        let mut entries = self.entries();
        entries.last += 1;
        let number = entries.last;
        if entries.list.len() == self.shared.capacity {
            entries.list.pop_front();
        }
        entries.list.push_back(Arc::new(LogEntry { number, time: SystemTime::now(), event }));
        drop(entries);
        self.shared.changed.notify_waiters();
        number
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of paths, in bytes.
const MAX_LOG_PATH: usize = 512;

/// Of other texts, in bytes.
const MAX_LOG_TEXT: usize = 16 * 1024;

fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        let boundary = (0..=max).rev().find(|index| text.is_char_boundary(*index));
        text.truncate(boundary.unwrap_or_default());
        text.push('…');
    }
    text
}

impl Reporter for EventLog {
    fn report(&self, event: &Event<'_>) {
        if !self.takes(event.phase()) {
            return;
        }
        self.push(LogEvent::Fault {
            fault: event.fault().to_owned(),
            placement: event.placement(),
            phase: event.phase(),
            actions: event.actions().to_vec(),
            method: event.method().clone(),
            path: cut(event.uri().path().to_owned(), MAX_LOG_PATH),
        });
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog")
            .field("capacity", &self.capacity())
            .field("last", &self.last())
            .finish_non_exhaustive()
    }
}

impl LogEntry {
    /// Returns its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the time at which it was logged.
    pub fn time(&self) -> SystemTime {
        self.time
    }

    /// Returns the event.
    pub fn event(&self) -> &LogEvent {
        &self.event
    }
}

impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.event)
    }
}

impl fmt::Display for LogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault { fault, phase, actions, method, path, .. } => {
                write!(f, "fault {fault} {phase}")?;
                for (index, action) in actions.iter().enumerate() {
                    write!(f, "{}{action}", if index == 0 { ": " } else { ", " })?;
                }
                write!(f, " ({method} {path})")
            }
            Self::Set(event) => event.fmt(f),
            Self::Note(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for MissedEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events were discarded before they were read; read faster, or enlarge the log", self.0)
    }
}

impl std::error::Error for MissedEvents {}

/// A reader of an [`EventLog`], made by [`EventLog::subscribe`].
#[derive(Debug, Clone)]
pub struct EventSubscription {
    log: EventLog,
    /// Of the last event that was read.
    number: u64,
}

impl EventSubscription {
    /// Returns the number of the last event that was read, from which a later subscription goes on.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the next event, or waits for it. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// Events were discarded before they were read; the next call returns the oldest that is left.
    pub async fn next(&mut self) -> Result<Arc<LogEntry>, MissedEvents> {
        let log = self.log.clone();
        loop {
            let mut changed = pin!(log.shared.changed.notified());
            // Registered before the log is read, so that no event goes unnoticed.
            changed.as_mut().enable();
            if let Some(next) = self.try_next() {
                return next;
            }
            changed.await;
        }
    }

    /// Returns the next event, if there is one already.
    fn try_next(&mut self) -> Option<Result<Arc<LogEntry>, MissedEvents>> {
        let entries = self.log.entries();
        let first = entries.list.front()?.number;
        if self.number + 1 < first {
            let missed = first - 1 - self.number;
            self.number = first - 1;
            return Some(Err(MissedEvents(missed)));
        }
        let index = usize::try_from(self.number + 1 - first).ok()?;
        let entry = entries.list.get(index)?.clone();
        self.number = entry.number;
        Some(Ok(entry))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for LogEntry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;

        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("number", &self.number)?;
        let time = self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        map.serialize_entry("unix_time", &(time.as_millis() as f64 / 1000.0))?;
        match &self.event {
            LogEvent::Fault { fault, placement, phase, actions, method, path } => {
                map.serialize_entry("event", phase.name())?;
                map.serialize_entry("fault", fault)?;
                map.serialize_entry("placement", placement)?;
                if let Phase::Skipped(reason) = phase {
                    map.serialize_entry("skipped", reason)?;
                }
                map.serialize_entry("actions", actions)?;
                map.serialize_entry("method", method.as_str())?;
                map.serialize_entry("path", path)?;
            }
            LogEvent::Set(event) => {
                map.serialize_entry("event", event.name())?;
                match event {
                    SetEvent::Applied { revision, faults } => {
                        map.serialize_entry("revision", revision)?;
                        map.serialize_entry("faults", faults)?;
                    }
                    SetEvent::Rejected(why) | SetEvent::SourceLost(why) => {
                        map.serialize_entry("text", why)?;
                    }
                    SetEvent::Stopped(reason) => map.serialize_entry("reason", reason)?,
                    SetEvent::Expired | SetEvent::Rearmed => {}
                }
            }
            LogEvent::Note(text) => {
                map.serialize_entry("event", "note")?;
                map.serialize_entry("text", text)?;
            }
        }
        map.end()
    }
}
