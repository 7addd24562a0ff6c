//! EventBody: a log and the status as server-sent events.

use std::convert::Infallible;
use std::fmt::Write;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, timeout_at};
use waylay_fault::{EventLog, EventSubscription, LogEntry, MissedEvents};

/// Time between two texts of the status; without it, comments keep the connection alive.
const STATUS_TIME: Duration = Duration::from_secs(1);

/// Time between two comments.
const COMMENT_TIME: Duration = Duration::from_secs(15);

/// Where a client goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    instance: String,
    number: u64,
}

impl Position {
    /// Reads the id of the last event that the client has seen. That of another process is none.
    pub(crate) fn new(instance: &str, id: &str) -> Self {
        let number = id.strip_prefix(instance).and_then(|rest| rest.strip_prefix('.')?.parse().ok());
        Self { instance: instance.to_owned(), number: number.unwrap_or_default() }
    }

    fn id(&self, number: u64) -> String {
        format!("{}.{number}", self.instance)
    }
}

/// The body of an event stream, which ends when the API is closed.
pub(crate) struct EventBody {
    next: Pin<Box<dyn Future<Output = Option<(Source, String)>> + Send>>,
}

type Status = Box<dyn Fn() -> String + Send + Sync>;

/// What the events come from.
struct Source {
    log: Option<EventSubscription>,
    position: Position,
    status: Option<Status>,
    next_status: Instant,
    is_closed: watch::Receiver<bool>,
    /// A place among the streams.
    _permit: OwnedSemaphorePermit,
}

impl EventBody {
    pub(crate) fn new<F>(
        log: Option<&EventLog>,
        position: Position,
        status: Option<F>,
        permit: OwnedSemaphorePermit,
        is_closed: watch::Receiver<bool>,
    ) -> Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        let source = Source {
            log: log.map(|log| log.subscribe(position.number)),
            position,
            status: status.map(|status| Box::new(status) as Status),
            next_status: Instant::now(),
            is_closed,
            _permit: permit,
        };
        // The time after which a browser opens a broken stream again.
        Self { next: Box::pin(async { Some((source, "retry: 1000\n\n".to_owned())) }) }
    }
}

impl Source {
    /// Waits for the next event, or for the time of the status; none if the API is closed.
    async fn next(mut self) -> Option<(Self, String)> {
        if *self.is_closed.borrow() {
            return None;
        }
        if Instant::now() >= self.next_status {
            let text = self.status();
            return Some((self, text));
        }
        let text = match self.event().await? {
            Some(event) => self.text(event),
            None => self.status(),
        };
        Some((self, text))
    }

    /// Waits for the next event of the log; none at the time of the status, and none at all if the API is closed.
    async fn event(&mut self) -> Option<Option<Result<Arc<LogEntry>, MissedEvents>>> {
        let Self { log, is_closed, next_status, .. } = self;
        let next = async {
            match log {
                Some(log) => log.next().await,
                None => std::future::pending().await,
            }
        };
        let mut next = pin!(timeout_at(*next_status, next));
        let mut closed = pin!(is_closed.changed());
        std::future::poll_fn(|cx| match closed.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => next.as_mut().poll(cx).map(|event| Some(event.ok())),
        })
        .await
    }

    fn status(&mut self) -> String {
        match &self.status {
            Some(status) => {
                self.next_status = Instant::now() + STATUS_TIME;
                format!("event: status\ndata: {}\n\n", status())
            }
            None => {
                self.next_status = Instant::now() + COMMENT_TIME;
                ":\n\n".to_owned()
            }
        }
    }

    fn text(&self, event: Result<Arc<LogEntry>, MissedEvents>) -> String {
        let mut text = String::new();
        // A `String` takes all that is written to it.
        let _ = match event {
            Ok(entry) => {
                let data = serde_json::to_string(&*entry).unwrap_or_default();
                let summary = serde_json::to_string(&entry.event().to_string()).unwrap_or_default();
                let id = self.position.id(entry.number());
                // The line of a log beside its members.
                let data = format!("{},\"summary\":{summary}}}", data.trim_end_matches('}'));
                write!(text, "id: {id}\nevent: log\ndata: {data}\n\n")
            }
            Err(MissedEvents(count)) => write!(text, "event: missed\ndata: {{\"missed\":{count}}}\n\n"),
        };
        text
    }
}

impl http_body::Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some((source, text)) = ready!(self.next.as_mut().poll(cx)) else {
            // Polled again, it ends again.
            self.next = Box::pin(std::future::ready(None));
            return Poll::Ready(None);
        };
        self.next = Box::pin(source.next());
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }
}
