//! EventBody: a log and the status as server-sent events.

use std::convert::Infallible;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::OwnedSemaphorePermit;
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

/// The body of an event stream, which does not end.
pub(crate) struct EventBody {
    next: Pin<Box<dyn Future<Output = (Source, String)> + Send>>,
}

type Status = Box<dyn Fn() -> String + Send + Sync>;

/// What the events come from.
struct Source {
    log: Option<EventSubscription>,
    position: Position,
    status: Option<Status>,
    next_status: Instant,
    /// A place among the streams.
    _permit: OwnedSemaphorePermit,
}

impl EventBody {
    pub(crate) fn new<F>(
        log: Option<&EventLog>,
        position: Position,
        status: Option<F>,
        permit: OwnedSemaphorePermit,
    ) -> Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        let source = Source {
            log: log.map(|log| log.subscribe(position.number)),
            position,
            status: status.map(|status| Box::new(status) as Status),
            next_status: Instant::now(),
            _permit: permit,
        };
        // The time after which a browser opens a broken stream again.
        Self { next: Box::pin(async { (source, "retry: 1000\n\n".to_owned()) }) }
    }
}

impl Source {
    /// Waits for the next event, or for the time of the status.
    async fn next(mut self) -> (Self, String) {
        if Instant::now() >= self.next_status {
            let text = self.status();
            return (self, text);
        }
        let next = async {
            match &mut self.log {
                Some(log) => log.next().await,
                None => std::future::pending().await,
            }
        };
        let text = match timeout_at(self.next_status, next).await {
            Ok(event) => self.text(event),
            Err(_) => self.status(),
        };
        (self, text)
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
        let (source, text) = ready!(self.next.as_mut().poll(cx));
        self.next = Box::pin(source.next());
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }
}
