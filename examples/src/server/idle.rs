//! IdleClock: measures how long nothing has happened.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The time since something happened last; clones share it.
///
/// It is used for connections without requests, for tunnels without bytes, and for upstreams without a
/// response.
#[derive(Debug, Clone)]
pub struct IdleClock {
    /// `None` while it is stopped.
    since: Arc<watch::Sender<Option<Instant>>>,
}

impl Default for IdleClock {
    fn default() -> Self {
        Self { since: Arc::new(watch::Sender::new(Some(Instant::now()))) }
    }
}

impl IdleClock {
    /// Starts again from zero.
    pub fn restart(&self) {
        self.since.send_if_modified(|since| {
            // A waiting task looks at the time when its deadline is over, unless it has none.
            let was_stopped = since.is_none();
            *since = Some(Instant::now());
            was_stopped
        });
    }

    /// Starts again from zero unless it is stopped.
    pub fn extend(&self) {
        self.since.send_if_modified(|since| {
            *since = since.map(|_| Instant::now());
            false
        });
    }

    /// Stops until the next start: the time in between does not count.
    pub fn stop(&self) {
        self.since.send_if_modified(|since| {
            *since = None;
            false
        });
    }

    /// Waits until nothing has happened for `limit`.
    pub async fn expired(&self, limit: Duration) {
        let mut clock = self.since.subscribe();
        loop {
            let since = *clock.borrow_and_update();
            match since {
                Some(since) if since.elapsed() >= limit => return,
                Some(since) => sleep_until(since + limit).await,
                // The sender is a part of `self`, so it is never closed.
                None => _ = clock.changed().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, advance};

    use super::IdleClock;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn only_time_without_events_counts() {
        let (clock, start) = (IdleClock::default(), Instant::now());
        clock.expired(LIMIT).await;
        assert_eq!(start.elapsed(), LIMIT);

        let expired = tokio::spawn({
            let clock = clock.clone();
            async move { clock.expired(LIMIT).await }
        });
        clock.restart();
        for _ in 0..3 {
            advance(LIMIT / 2).await;
            clock.extend();
        }
        clock.stop();
        clock.extend();
        advance(LIMIT * 10).await;
        assert!(!expired.is_finished(), "it is stopped");
        let restart = Instant::now();
        clock.restart();
        expired.await.unwrap();
        assert_eq!(restart.elapsed(), LIMIT);
    }
}
