//! Quota: a limit of requests per key and window.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::HeaderName;
use http::header::RETRY_AFTER;
use tokio::time::Instant;

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::config::sync::Mutex;
use crate::injector::abort::{Abort, error};
use crate::injector::key::{DecideBy, KeySource, RequestKeys};
use crate::injector::steps::{CannedResponse, Step, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::{Draws, Key, Sampler, random_seed};
use crate::report::event::Action;

/// Lets `limit` requests pass in each `window`, and responds to the rest with 429 and a
/// `Retry-After` with the seconds, rounded up, until the next window begins.
///
/// The first request opens a window, and the first after its end the next; with [`per`](Quota::per)
/// each client has its own windows. A request that passes is counted as
/// [`outside_window`](crate::Counts::outside_window), unless another link of a chain does something
/// to it; a request that the draw did not select is not counted against the quota.
///
/// ```
/// use waylay_fault::{DecideBy, Fault, error, quota};
///
/// Fault::new("small-plan", quota(100, "1m")).build()?;
/// Fault::new("own-response", quota(100, "1m").response(error(503).text("full"))).build()?;
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
        response: error(429),
        announce: false,
        is_fault: false,
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
/// let rejected = send("one").await?;
/// assert_eq!(rejected.headers()["retry-after"], "60");
/// assert_eq!(rejected.headers()["ratelimit-limit"], "2");
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
    response: Abort,
    announce: bool,
    is_fault: bool,
}

impl Quota {
    /// Counts each client separately, identified by address, header or connection. Requests
    /// without such a key share one quota. With [`Counter`](DecideBy::Counter), the default, all
    /// share one.
    #[must_use]
    pub fn per(mut self, client: DecideBy) -> Self {
        self.per = client;
        self
    }

    /// Sets the number of clients that may have an open window; 10,000 by default, each about 100
    /// bytes. Windows that have ended make room. If there is none, the window that ends first is
    /// closed early: a new client is never rejected for the sake of an old one.
    #[must_use]
    pub fn max_clients(mut self, clients: usize) -> Self {
        self.max_clients = clients;
        self
    }

    /// Sets the response to the requests beyond the quota. Its own `retry-after` is kept.
    #[must_use]
    pub fn response(mut self, response: Abort) -> Self {
        self.response = response;
        self
    }

    /// Adds `ratelimit-limit`, `ratelimit-remaining` and `ratelimit-reset` (seconds) to these
    /// responses, as in draft-ietf-httpapi-ratelimit-headers-06. The response's own headers of
    /// these names are kept.
    #[must_use]
    pub fn announce(mut self, announce: bool) -> Self {
        self.announce = announce;
        self
    }

    /// Declares it a fault, so that [`halt`](crate::halt()) and `WAYLAY_HALT` lift it as they do all
    /// faults. By default it protects the service, and a halt leaves it in force; within a chain or a
    /// choice with other injectors it is part of a fault.
    #[must_use]
    pub fn as_fault(mut self) -> Self {
        self.is_fault = true;
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
        let response = self.response.check_response(&at, errors);
        Some(Box::new(QuotaLimiter {
            limit: self.limit,
            client: client?,
            // A secret seed, so that a client cannot choose a key that collides with another's.
            sampler: Sampler::new(random_seed(), "quota"),
            windows: WindowTable::new(self.limit, window?, self.max_clients),
            response: response?,
            announce: self.announce,
            is_fault: self.is_fault,
        }))
    }
}

#[derive(Debug)]
struct QuotaLimiter {
    limit: u64,
    client: KeySource,
    sampler: Sampler,
    windows: WindowTable,
    response: CannedResponse,
    announce: bool,
    is_fault: bool,
}

impl CompiledInjector for QuotaLimiter {
    fn plan(&self, _: Draws, keys: RequestKeys<'_>, steps: &mut Steps) {
        // No request has this key, so it serves those without one.
        let client = self.client.find(keys).unwrap_or(Key::Counter(0));
        let Err(left) = self.windows.take(self.sampler.draw(client, b"").hash(), steps.is_preview) else {
            steps.has_passed = true;
            return;
        };
        steps.push(
            Step::Respond(Arc::new(self.limited_response(left))),
            Action::Error(self.response.status.as_u16()),
        );
    }

    fn is_protection(&self) -> bool {
        !self.is_fault
    }
}

impl QuotaLimiter {
    fn limited_response(&self, left: Duration) -> CannedResponse {
        let mut response = self.response.clone();
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        if response.retry_in.is_none() {
            response.headers.entry(RETRY_AFTER).or_insert(seconds.into());
        }
        if self.announce {
            for (name, number) in LIMITS.into_iter().zip([self.limit, 0, seconds]) {
                response.headers.entry(name).or_insert(number.into());
            }
        }
        response
    }
}

/// The limit, the remaining requests, and the seconds until the next window.
const LIMITS: [HeaderName; 3] = [
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

/// The open windows of a quota, one per key. All have the same length, so that they end in the
/// order in which they were opened: those that have ended are at the front, and are removed by the
/// next request.
#[derive(Debug)]
pub(crate) struct WindowTable {
    limit: u64,
    window: Duration,
    /// Number of windows that may be open.
    max_windows: usize,
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
    /// `max_windows` is at least 1.
    pub(crate) fn new(limit: u64, window: Duration, max_windows: usize) -> Self {
        Self { limit, window, max_windows, open: Mutex::default() }
    }

    /// Takes one request from this key's window.
    ///
    /// # Errors
    /// The window is exhausted for this time.
    pub(crate) fn take(&self, key: u64, is_preview: bool) -> Result<(), Duration> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: of two threads the later one must not open the earlier window.
        let now = Instant::now();
        open.sweep(now);
        if !open.windows.contains_key(&key) {
            if is_preview {
                return Ok(());
            }
            if open.windows.len() >= self.max_windows {
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

/// A year, if the clock cannot express the end of the window.
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
    fn at_most_max_windows_are_open() {
        let windows = WindowTable::new(1, Duration::MAX, 100);
        for key in 0..10_000 {
            assert!(windows.take(key, false).is_ok());
        }
        let open = windows.open.lock().unwrap();
        assert_eq!((open.windows.len(), open.order.len()), (100, 100));
        assert!((9_900..10_000).all(|key| open.windows.contains_key(&key)));
    }

    #[tokio::test(start_paused = true)]
    async fn ended_windows_are_removed() {
        let windows = WindowTable::new(1, Duration::from_secs(1), 1000);
        for key in 0..500 {
            assert!(windows.take(key, false).is_ok());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(windows.take(7, false).is_ok());
        let open = windows.open.lock().unwrap();
        assert_eq!((open.windows.len(), open.order.len()), (1, 1));
    }
}
