//! Quota per key and window.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderName;
use http::header::RETRY_AFTER;
use tokio::time::Instant;

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::injector::abort::{Abort, error};
use crate::injector::key::{DecideBy, KeySource, RequestKeys};
use crate::injector::steps::{CannedResponse, Step, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::{Draws, Key, Sampler, random_seed};
use crate::report::event::Action;

/// Lets `limit` requests pass in each `window`, and answers the rest with 429 and a `Retry-After`
/// that tells, in seconds rounded up, when the next window begins.
///
/// The first request opens a window, and the first after its end the next; with
/// [`per`](Quota::per), each client's own does so for that client. A request that passes is counted
/// as [`counted`](crate::Counts::counted), unless a chain does something else to it; one that the draw
/// did not choose uses up nothing.
///
/// ```
/// use waylay_fault::{DecideBy, Fault, error, quota};
///
/// Fault::new("small-plan", quota(100, "1m")).build()?;
/// Fault::new("own-answer", quota(100, "1m").response(error(503).text("full"))).build()?;
/// Fault::new("each-tenant", quota(100, "1m").per(DecideBy::Header("x-tenant".into()))).build()?;
/// assert!(Fault::new("no-window", quota(100, "0s")).build().is_err());
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn quota(limit: u64, window: impl Into<DelayTime>) -> Quota {
    Quota {
        limit,
        window: window.into(),
        per: DecideBy::Counter,
        max_clients: 10_000,
        answer: error(429),
        announce: false,
    }
}

/// A quota, made by [`quota`].
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{DecideBy, Fault, quota};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let each = quota(2, "1m").per(DecideBy::Header("x-api-key".into())).announce(true);
/// let fault = Fault::new("quota", each).enabled(true).participation(1.0).build()?;
/// let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::from("real"))));
/// let service = fault.layer().layer(inner);
/// let send = async |key: &str| {
///     let request = Request::get("/").header("x-api-key", key).body(String::new()).expect("it is one");
///     service.clone().oneshot(request).await
/// };
///
/// for status in [200, 200, 429] {
///     assert_eq!(send("one").await?.status(), status);
/// }
/// assert_eq!(send("other").await?.status(), 200);
/// let refused = send("one").await?;
/// assert_eq!(refused.headers()["retry-after"], "60");
/// assert_eq!(refused.headers()["ratelimit-limit"], "2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Quota {
    limit: u64,
    window: DelayTime,
    per: DecideBy,
    max_clients: usize,
    answer: Abort,
    announce: bool,
}

impl Quota {
    /// Gives each client a quota of its own, told apart as [`DecideBy`] tells requests apart: by
    /// address, by a header, by connection. Those that carry no such key share one quota among
    /// them. [`Counter`](DecideBy::Counter), the default: all share one.
    #[must_use]
    pub fn per(mut self, client: DecideBy) -> Self {
        self.per = client;
        self
    }

    /// For how many clients at once a window may be open; 10,000 by default, each of some 100 bytes.
    /// Windows that have ended make room. Where none has, the one that ends the soonest is closed
    /// before its time: the fault forgets a client that was refused rather than refuse one that was
    /// not seen.
    #[must_use]
    pub fn max_clients(mut self, clients: usize) -> Self {
        self.max_clients = clients;
        self
    }

    /// What the requests beyond it get. A `retry-after` of its own stays.
    #[must_use]
    pub fn response(mut self, answer: Abort) -> Self {
        self.answer = answer;
        self
    }

    /// Whether the refusals also say `ratelimit-limit`, `ratelimit-remaining` and `ratelimit-reset`
    /// (seconds), as draft-ietf-httpapi-ratelimit-headers-06 has them. Headers of the answer's own
    /// stay.
    #[must_use]
    pub fn announce(mut self, announce: bool) -> Self {
        self.announce = announce;
        self
    }
}

impl From<Quota> for Injector {
    fn from(quota: Quota) -> Self {
        Self::new(quota)
    }
}

impl InjectorConfig for Quota {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let at = child_setting(at, "quota");
        let window = errors.time(format!("{at}.window"), self.window.duration());
        if window == Some(Duration::ZERO) {
            errors.add(format!("{at}.window"), &self.window, FaultErrorKind::Zero);
        }
        let client = KeySource::check(&format!("{at}.per"), self.per, errors);
        if self.max_clients == 0 {
            errors.add(format!("{at}.max_clients"), self.max_clients, FaultErrorKind::Zero);
        }
        let answer = self.answer.check_response(&at, errors);
        Some(Box::new(QuotaLimiter {
            limit: self.limit,
            client: client?,
            // A seed of its own, which nobody can know: no two clients' keys can be made to meet.
            names: Sampler::new(random_seed(), "quota"),
            windows_table: WindowTable::new(self.limit, window?, self.max_clients),
            answer: answer?,
            announce: self.announce,
        }))
    }
}

#[derive(Debug)]
struct QuotaLimiter {
    limit: u64,
    client: KeySource,
    names: Sampler,
    windows_table: WindowTable,
    answer: CannedResponse,
    announce: bool,
}

impl CompiledInjector for QuotaLimiter {
    fn plan(&self, _: Draws, keys: RequestKeys<'_>, steps: &mut Steps) {
        // No request is found to have this key, so that it can stand for those without one.
        let client = self.client.find(keys).unwrap_or(Key::Counter(0));
        let Err(left) = self.windows_table.take(self.names.draw(client, b"").hash(), steps.is_preview) else {
            steps.has_passed = true;
            return;
        };
        steps.then(Step::Respond(Arc::new(self.refusal(left))), Action::Error(self.answer.status.as_u16()));
    }
}

impl QuotaLimiter {
    fn refusal(&self, left: Duration) -> CannedResponse {
        let mut answer = self.answer.clone();
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        if answer.retry_in.is_none() {
            answer.headers.entry(RETRY_AFTER).or_insert(seconds.into());
        }
        if self.announce {
            for (name, number) in LIMITS.into_iter().zip([self.limit, 0, seconds]) {
                answer.headers.entry(name).or_insert(number.into());
            }
        }
        answer
    }
}

/// The limit, what is left of it, and the seconds until it is whole again.
const LIMITS: [HeaderName; 3] = [
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

/// The windows of a quota that are open, one a key. All are of one length, so that they end in the
/// order in which they were opened: what has ended stands at the front, and is swept out by whoever
/// comes next.
#[derive(Debug)]
pub(crate) struct WindowTable {
    limit: u64,
    window: Duration,
    /// How many windows may be open at once.
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    windows: HashMap<u64, QuotaWindow>,
    order: VecDeque<(Instant, u64)>,
}

#[derive(Debug)]
struct QuotaWindow {
    end: Instant,
    used: u64,
}

impl WindowTable {
    /// `most` is at least 1.
    pub(crate) fn new(limit: u64, window: Duration, most: usize) -> Self {
        Self { limit, window, most, open: Mutex::default() }
    }

    /// Takes one of what this key has left.
    ///
    /// # Errors
    /// There is nothing left for so long.
    pub(crate) fn take(&self, key: u64, is_preview: bool) -> Result<(), Duration> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: of two threads the later one must not open the earlier window.
        let now = Instant::now();
        open.sweep(now);
        if !open.windows.contains_key(&key) {
            if is_preview {
                return Ok(());
            }
            if open.windows.len() >= self.most {
                open.close_first();
            }
            open.begin(key, now.checked_add(self.window).unwrap_or_else(|| now + FAR));
        }
        let Some(window) = open.windows.get_mut(&key) else { return Ok(()) };
        if window.used >= self.limit {
            return Err(window.end - now);
        }
        window.used += u64::from(!is_preview);
        Ok(())
    }
}

/// A year: what clocks can say of any time that is still to come.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Open {
    fn sweep(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(end, _)| *end <= now) {
            self.close_first();
        }
    }

    fn close_first(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.windows.remove(&key);
        }
    }

    fn begin(&mut self, key: u64, end: Instant) {
        self.windows.insert(key, QuotaWindow { end, used: 0 });
        self.order.push_back((end, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_no_more_than_it_may() {
        let windows_table = WindowTable::new(1, Duration::MAX, 100);
        for key in 0..10_000 {
            assert!(windows_table.take(key, false).is_ok());
        }
        let open = windows_table.open.lock().unwrap();
        assert_eq!((open.windows.len(), open.order.len()), (100, 100));
        assert!((9_900..10_000).all(|key| open.windows.contains_key(&key)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_ended_is_swept_out() {
        let windows_table = WindowTable::new(1, Duration::from_secs(1), 1000);
        for key in 0..500 {
            assert!(windows_table.take(key, false).is_ok());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(windows_table.take(7, false).is_ok());
        let open = windows_table.open.lock().unwrap();
        assert_eq!((open.windows.len(), open.order.len()), (1, 1));
    }
}
