//! NatsSource: the plan of a fleet, for FaultSet::follow.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};
use waylay_fault::{FaultPlan, FaultSet, Guards, PlanFormat, PlanReport, PlanSource, PlanText};

use crate::backoff::{Backoff, jitter};
use crate::error::{FleetError, chain};
use crate::replica::event::FleetEvent;
use crate::replica::replica::{Applied, Rejected, Replica};
use crate::source::keys::{Keys, Revision};
use crate::source::time_left::{TimeLeft, time_left};
use crate::store::bucket::Bucket;
use crate::store::connection::{Connection, Link};

/// Delay after a new connection, of which all replicas learn at once.
const RECONNECTED: Duration = Duration::from_millis(250);

/// The plan of a fleet and its halt, for one set: made by [`NatsFleet::source`](crate::NatsFleet::source).
///
/// As a [`PlanSource`] it loads the plan, and completes [`changed`](PlanSource::changed) at its next revision, of which it
/// learns by a watch of the bucket, and by reading at intervals and after each new connection. It follows the halt key all the
/// while, which is read before the first plan.
pub struct NatsSource {
    pub(crate) connection: Arc<Connection>,
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) replica: Arc<Replica>,
    pub(crate) set: FaultSet,
    pub(crate) format: PlanFormat,
    pub(crate) poll: Duration,
    keys: Keys,
    link: watch::Receiver<Link>,
    backoff: Backoff,
    /// The revision that was loaded last, or found to be no plan to load.
    loaded: u64,
    /// The plan that is being applied.
    offered: Option<Offered>,
    /// Whether the keys have to be read before they are known.
    is_unread: bool,
    /// Whether the last load failed.
    is_lost: bool,
}

/// A plan that was loaded, and has yet to be applied.
struct Offered {
    revision: u64,
    /// None if the text is no plan.
    plan: Option<FaultPlan>,
    written: SystemTime,
}

impl NatsSource {
    pub(crate) fn new(
        connection: Arc<Connection>,
        bucket: Arc<Bucket>,
        replica: Arc<Replica>,
        set: FaultSet,
        key: &str,
        format: PlanFormat,
        poll: Duration,
    ) -> Self {
        let (keys, mut link) = (Keys::new(key.to_owned()), connection.link());
        link.mark_unchanged();
        Self {
            connection,
            bucket,
            replica,
            set,
            format,
            poll,
            keys,
            link,
            backoff: Backoff::default(),
            loaded: 0,
            offered: None,
            is_unread: true,
            is_lost: false,
        }
    }

    /// Reads the keys, and follows the halt.
    async fn read(&mut self) -> Result<(), FleetError> {
        match self.keys.read(&self.connection, &self.bucket).await {
            Ok(()) => {
                self.backoff.reset();
                self.is_unread = false;
                self.follow_halt();
                Ok(())
            }
            Err(error) => {
                self.is_unread = true;
                self.keys.unwatch();
                Err(error)
            }
        }
    }

    fn follow_halt(&self) {
        if let Some(halt) = self.keys.known.halt() {
            self.replica.set_halt(&self.set, halt);
        }
        let stored = self.keys.known.plan.as_ref().filter(|plan| plan.value.is_some());
        let stored = stored.map(|plan| plan.revision);
        if self.replica.state().stored != stored {
            self.replica.change(|state| state.stored = stored);
        }
    }

    /// Takes the plan that is known, if it is one to load.
    fn next_plan(&mut self) -> Option<PlanText> {
        let Revision { revision, value, created } = self.keys.known.plan.clone()?;
        let before = std::mem::replace(&mut self.loaded, revision);
        let is_new = before != revision;
        let Some(value) = value else {
            // At the start it is what was left of a plan before this process.
            if is_new && before != 0 {
                self.withdraw(&FleetEvent::Deleted { revision });
            }
            return None;
        };
        // What is no UTF-8 becomes text that no format takes for a key or a value.
        let text = String::from_utf8_lossy(&value).into_owned();
        let plan = self.set.parse_plan(&text, self.format).ok();
        let left = plan.as_ref().map(|plan| time_left(plan, created, SystemTime::now()));
        // Loaded again while it is applied, it is found unchanged.
        if left == Some(TimeLeft::Over) && !self.runs(|applied| applied.revision == revision) {
            if is_new {
                self.withdraw(&FleetEvent::Ended { revision });
            }
            return None;
        }
        self.offered = Some(Offered { revision, plan, written: created });
        Some(PlanText { text, format: self.format })
    }

    /// Removes the faults that came from the fleet, which has no plan any more.
    fn withdraw(&self, event: &FleetEvent) {
        if self.runs(|_| true) {
            self.set.clear();
            // Those of the plan, whose end would be reported; none cannot be wrong.
            let _ = self.set.set_guards(Guards::new());
        }
        self.replica.change(|state| {
            state.applied = None;
            state.rejected = None;
        });
        self.replica.emit(&self.set, event);
    }

    /// Tests whether the faults of the set are those of such a plan.
    fn runs(&self, is_wanted: impl Fn(Applied) -> bool) -> bool {
        let applied = self.replica.state().applied;
        applied.is_some_and(|applied| applied.set_revision == self.set.revision() && is_wanted(applied))
    }

    /// Notes the plan that runs, and leaves it the time that it has from its writing on.
    fn applied(&self, offered: &Offered) {
        let left =
            offered.plan.as_ref().map(|plan| (plan, time_left(plan, offered.written, SystemTime::now())));
        let guards = match left {
            Some((plan, TimeLeft::Left(left))) => Some(plan.guards().ttl(left)),
            Some((plan, TimeLeft::Over)) => Some(plan.guards().ttl(Duration::from_millis(1))),
            _ => None,
        };
        // They are those of the plan, which was accepted with them.
        let _ = guards.map(|guards| self.set.set_guards(guards));
        let applied = Applied { revision: offered.revision, set_revision: self.set.revision() };
        self.replica.change(|state| {
            state.applied = Some(applied);
            state.rejected = None;
        });
    }

    fn rejected(&self, offered: &Offered, error: String) {
        self.replica.change(|state| state.rejected = Some(Rejected { revision: offered.revision, error }));
    }

    /// Waits until the plan that is known may be another one than was loaded, or has to be read.
    async fn wait(&mut self) {
        let due = tokio::time::Instant::now() + jitter(self.poll, rand::random());
        loop {
            let retry = self.is_unread.then(|| self.backoff.next());
            let retried = async move {
                match retry {
                    Some(delay) => sleep(delay).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                is_watching = self.keys.changed() => {
                    self.follow_halt();
                    if !is_watching {
                        self.is_unread = true;
                    } else if self.has_other_plan() {
                        return;
                    }
                }
                Ok(()) = self.link.changed() => {
                    // With the connection its watch is gone.
                    self.keys.unwatch();
                    self.is_unread = true;
                    let is_connected = self.link.borrow_and_update().is_connected;
                    if !is_connected {
                        return;
                    }
                    self.backoff.reset();
                    sleep(RECONNECTED.mul_f64(rand::random())).await;
                    return;
                }
                () = retried => return,
                () = sleep_until(due) => {
                    self.is_unread = true;
                    return;
                }
            }
        }
    }

    fn has_other_plan(&self) -> bool {
        self.keys.known.plan.as_ref().is_some_and(|plan| plan.revision != self.loaded)
    }
}

impl PlanSource for NatsSource {
    const IS_REMOTE: bool = true;

    /// Waits for a plan while there is none.
    async fn load(&mut self) -> io::Result<PlanText> {
        loop {
            if self.is_unread
                && let Err(error) = self.read().await
            {
                self.is_lost = true;
                return Err(io::Error::other(chain(&error)));
            }
            self.is_lost = false;
            if let Some(text) = self.next_plan() {
                return Ok(text);
            }
            self.wait().await;
        }
    }

    async fn changed(&mut self) {
        loop {
            self.wait().await;
            // What cannot be read is an error of the load, and what can be read again ends it.
            let is_read = !self.is_unread || self.read().await.is_ok();
            if !is_read || self.is_lost || self.has_other_plan() {
                return;
            }
        }
    }

    async fn report(&mut self, report: &PlanReport<'_>) {
        let Some(offered) = self.offered.take() else { return };
        match report {
            PlanReport::Applied(_) => self.applied(&offered),
            // Written again, so that its time begins anew, also of faults that were switched off with its end.
            PlanReport::Unchanged(_) if !self.runs(|applied| applied.revision == offered.revision) => {
                let Some(plan) = &offered.plan else { return };
                match self.set.apply_remote(plan) {
                    Ok(()) => self.applied(&offered),
                    Err(error) => self.rejected(&offered, error.to_string()),
                }
            }
            PlanReport::Invalid(errors) => self.rejected(&offered, errors.to_string()),
            PlanReport::Rejected(error) => self.rejected(&offered, error.to_string()),
            _ => {}
        }
    }
}

impl fmt::Debug for NatsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("NatsSource");
        f.field("connection", &self.connection).field("bucket", &self.bucket).field("loaded", &self.loaded);
        f.finish_non_exhaustive()
    }
}
