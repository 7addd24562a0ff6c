//! FaultSet: several faults behind one layer, swapped as a whole while they run.

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::error::FaultErrors;
use crate::config::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, RwLock};
use crate::fault::builder::FaultBuilder;
use crate::fault::capability::Placement;
use crate::fault::control::Control;
use crate::fault::fault::Fault;
use crate::fault::guards::{CompiledGuards, GuardState, Guards};
#[cfg(feature = "plan")]
use crate::fault::registry::PlanRegistry;
use crate::fault::set_error::SetError;
use crate::fault::state::Carried;
use crate::report::callback::guard;
use crate::report::counts::Counts;
use crate::report::event::{FaultPlacement, Reporter};
use crate::report::log::EventLog;
#[cfg(feature = "metrics")]
use crate::report::meters::SetMeters;
use crate::report::set_event::{SetEvent, StopReason};

/// A live set of faults, which one layer puts around a service, a client, a listener or a
/// connector.
///
/// The set is swapped as a whole: a request is under the set with which it began, and never under
/// parts of two. A fault that keeps its name keeps its counters, its seed and its count window. A
/// fault that leaves the set is switched off: its running delays and hangs end, and their requests
/// go on to the service. While no fault is enabled the set costs one relaxed load for each request.
///
/// The faults act in their order, as if each had a layer of its own and the first were the
/// outermost. Limits of all of them together are [`Guards`].
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Delay, Fault, FaultSet, error, slow};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let set = FaultSet::new();
/// let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::from("real"))));
/// let service = set.layer().layer(inner);
///
/// set.replace([
///     Fault::new("slow-cart", slow(Delay::fixed("1ms"))).enabled(true).participation(1.0),
///     Fault::new("flaky-cart", error(503)).enabled(true).participation(1.0),
/// ])?;
/// assert_eq!(service.clone().oneshot(Request::new(String::new())).await?.status(), 503);
///
/// // The first keeps its name and so its counters; the second is gone.
/// set.replace([Fault::new("slow-cart", slow(Delay::fixed("2ms"))).enabled(true).participation(1.0)])?;
/// assert_eq!(service.oneshot(Request::new(String::new())).await?.status(), 200);
/// assert_eq!(set.control("slow-cart").map(|fault| fault.counts().injected), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct FaultSet {
    pub(super) state: Arc<SetState>,
}

pub(super) struct SetState {
    /// How many faults of the set are not idle.
    pub(super) active: Arc<AtomicUsize>,
    pub(super) current: RwLock<Arc<Snapshot>>,
    pub(super) revision: AtomicU64,
    pub(super) guards: Arc<GuardState>,
    /// Held while the set is swapped.
    pub(super) swap: Mutex<()>,
    pub(super) name: Option<Arc<str>>,
    pub(super) reporter: Option<Arc<dyn Reporter>>,
    pub(super) on_event: Mutex<Vec<Arc<OnEvent>>>,
    pub(super) log: Option<EventLog>,
    #[cfg(feature = "metrics")]
    pub(super) meters: Option<SetMeters>,
    pub(super) environment: Option<String>,
    #[cfg(feature = "plan")]
    pub(super) registry: PlanRegistry,
}

pub(super) type OnEvent = dyn Fn(&SetEvent) + Send + Sync;

/// The faults of one revision.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) members: Vec<SetMember>,
    /// What all of them were made from.
    #[cfg_attr(not(feature = "plan"), allow(dead_code, reason = "only plans look at it"))]
    pub(crate) source: Option<Arc<dyn Any + Send + Sync>>,
    /// Whether a flag decides about any of them.
    pub(crate) has_flags: bool,
    server: Vec<Fault>,
    client: Vec<Fault>,
    listener: Vec<Fault>,
    connector: Vec<Fault>,
}

#[derive(Debug, Clone)]
pub(crate) struct SetMember {
    pub(crate) placement: FaultPlacement,
    pub(crate) fault: Fault,
    /// What it was made from, by which an unchanged fault is recognized.
    #[cfg_attr(not(feature = "plan"), allow(dead_code, reason = "only plans look at it"))]
    pub(crate) spec: Option<Arc<dyn Any + Send + Sync>>,
}

impl Snapshot {
    fn new(members: Vec<SetMember>, source: Option<Arc<dyn Any + Send + Sync>>) -> Self {
        let at = |placement| {
            let members = members.iter().filter(move |member| member.placement == placement);
            members.map(|member| member.fault.clone()).collect()
        };
        Self {
            server: at(FaultPlacement::Server),
            client: at(FaultPlacement::Client),
            listener: at(FaultPlacement::Listener),
            connector: at(FaultPlacement::Connector),
            has_flags: members.iter().any(|member| member.fault.has_flag()),
            members,
            source,
        }
    }

    pub(crate) fn faults(&self, placement: Placement) -> &[Fault] {
        match placement {
            Placement::Server => &self.server,
            Placement::Client => &self.client,
            Placement::Listener => &self.listener,
            Placement::Connector | Placement::ConnectPhase => &self.connector,
        }
    }

    fn member(&self, name: &str) -> Option<&SetMember> {
        self.members.iter().find(|member| member.fault.name() == name)
    }
}

/// One fault of the next revision.
pub(crate) enum NextMember {
    /// The running fault, unchanged.
    #[cfg_attr(not(feature = "plan"), allow(dead_code, reason = "only plans look for it"))]
    Same(SetMember),
    New {
        placement: FaultPlacement,
        builder: Box<FaultBuilder>,
        spec: Option<Arc<dyn Any + Send + Sync>>,
    },
}

/// What is left to be done of a swap.
struct Swapped {
    snapshot: Arc<Snapshot>,
    revision: u64,
    /// Faults that have left the set, or were replaced.
    gone: Vec<Fault>,
}

impl FaultSet {
    /// Replaces all faults by these, for the server side.
    ///
    /// # Errors
    /// A fault has wrong settings, or two have one name; the set stays as it was.
    pub fn replace(&self, faults: impl IntoIterator<Item = FaultBuilder>) -> Result<(), SetError> {
        self.replace_at(faults.into_iter().map(|fault| (FaultPlacement::Server, fault)))
    }

    /// Replaces all faults by these, each with its placement.
    ///
    /// # Errors
    /// As [`replace`](Self::replace).
    pub fn replace_at(
        &self,
        faults: impl IntoIterator<Item = (FaultPlacement, FaultBuilder)>,
    ) -> Result<(), SetError> {
        let next = faults.into_iter().map(|(placement, builder)| NextMember::New {
            placement,
            builder: Box::new(builder),
            spec: None,
        });
        let next = next.collect();
        self.swap(|_| next, None, None)
    }

    /// Removes all faults.
    pub fn clear(&self) {
        // Nothing can be wrong with no faults.
        let _ = self.swap(|_| Vec::new(), None, None);
    }

    /// Sets the guards, in place of those before. A time to live begins anew.
    ///
    /// # Errors
    /// A limit is wrong; the guards stay as they were.
    pub fn set_guards(&self, guards: Guards) -> Result<(), FaultErrors> {
        self.state.guards.set(guards.compile()?);
        self.measure();
        Ok(())
    }

    /// Returns the handle of the fault of this name.
    pub fn control(&self, name: &str) -> Option<Control> {
        self.snapshot().member(name).map(|member| member.fault.control())
    }

    /// Returns the faults in their order, with their counters.
    pub fn counts(&self) -> Vec<(String, Counts)> {
        let snapshot = self.snapshot();
        let counts = |member: &SetMember| (member.fault.name().to_owned(), member.fault.control().counts());
        snapshot.members.iter().map(counts).collect()
    }

    /// Calls this function with each event of the set from now on, beside the functions of the
    /// [builder](crate::FaultSetBuilder::on_event) and of earlier calls. It is kept as long as the set.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use waylay_fault::{Fault, FaultSet, error};
    ///
    /// let set = FaultSet::new();
    /// let (sender, events) = mpsc::channel();
    /// set.on_event(move |event| _ = sender.send(event.name()));
    /// set.replace([Fault::new("flaky", error(503))])?;
    /// assert_eq!(events.try_recv(), Ok("applied"));
    /// # Ok::<(), waylay_fault::SetError>(())
    /// ```
    pub fn on_event(&self, on_event: impl Fn(&SetEvent) + Send + Sync + 'static) {
        self.observers().push(Arc::new(on_event));
    }

    /// Returns the name of the set, if it was built with one.
    pub fn name(&self) -> Option<&str> {
        self.state.name.as_deref()
    }

    /// Returns the log of the set, if it was built with one.
    pub fn event_log(&self) -> Option<&EventLog> {
        self.state.log.as_ref()
    }

    /// Returns the environment that the process declared.
    pub fn environment(&self) -> Option<&str> {
        self.state.environment.as_deref()
    }

    /// Returns the number of the current set, which each swap raises by one.
    pub fn revision(&self) -> u64 {
        self.state.revision.load(Ordering::Acquire)
    }

    /// Returns the state of the set as a whole. A set whose time is over is disabled by this.
    pub fn status(&self) -> SetStatus {
        self.check_expiry();
        let guards = &self.state.guards;
        SetStatus {
            revision: self.revision(),
            faults: self.snapshot().members.len(),
            active: guards.active(),
            expires_in: guards.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now())),
            stop: guards.stop_reason(),
            is_dry_run: guards.is_dry_run(),
        }
    }

    /// Ends a stop that the set came to by itself. Its windows begin anew.
    pub fn rearm(&self) {
        if self.state.guards.rearm() {
            self.notify(&SetEvent::Rearmed);
        }
    }

    #[cfg(feature = "plan")]
    pub(crate) fn registry(&self) -> &PlanRegistry {
        &self.state.registry
    }

    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.state.active.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn guards(&self) -> &Arc<GuardState> {
        &self.state.guards
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.state.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The faults, and the number of exactly these.
    pub(crate) fn revision_and_snapshot(&self) -> (u64, Arc<Snapshot>) {
        let current = self.state.current.read().unwrap_or_else(PoisonError::into_inner);
        (self.revision(), current.clone())
    }

    /// Begins a request: counts it, and returns the faults that it is under.
    pub(crate) fn begin(&self) -> Arc<Snapshot> {
        self.check_expiry();
        self.state.guards.count_request();
        self.snapshot()
    }

    /// Disables every fault once the time of the set is over.
    pub(crate) fn check_expiry(&self) {
        let guards = &self.state.guards;
        if guards.has_deadline()
            && let (_, true) = guards.expire(Instant::now())
        {
            for member in &self.snapshot().members {
                member.fault.control().set_enabled(false);
            }
            self.notify(&SetEvent::Expired);
        }
    }

    pub(crate) fn notify(&self, event: &SetEvent) {
        #[cfg(feature = "tracing")]
        crate::report::trace::set_event(
            event,
            !matches!(event, SetEvent::Applied { .. } | SetEvent::Rearmed),
        );
        #[cfg(feature = "metrics")]
        if let Some(meters) = &self.state.meters {
            meters.record(event);
        }
        self.measure();
        if let Some(log) = &self.state.log {
            log.record_set(event);
        }
        // Called without the lock: they may come back to the set.
        let observers = self.observers().clone();
        for observer in observers {
            guard(|| observer(event));
        }
    }

    fn observers(&self) -> MutexGuard<'_, Vec<Arc<OnEvent>>> {
        self.state.on_event.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the state of the set as a whole to its gauges.
    fn measure(&self) {
        #[cfg(feature = "metrics")]
        if let Some(meters) = &self.state.meters {
            let guards = &self.state.guards;
            let flags = || [guards.is_stopped(), guards.is_expired(), guards.is_dry_run()];
            meters.set(|| (self.revision(), flags()));
            crate::report::meters::set_halted(crate::fault::switch::halted());
        }
    }

    /// Builds the faults that follow the running ones, and puts them in their place, with guards of their
    /// own or the ones before. Swaps run one after the other; what they wake, drop and call runs after
    /// its swap, and may come back to the set.
    pub(crate) fn swap(
        &self,
        next: impl FnOnce(&Snapshot) -> Vec<NextMember>,
        guards: Option<CompiledGuards>,
        source: Option<Arc<dyn Any + Send + Sync>>,
    ) -> Result<(), SetError> {
        let old;
        let swapped = {
            let _swap = self.state.swap.lock().unwrap_or_else(PoisonError::into_inner);
            old = self.snapshot();
            self.swap_locked(next(&old), &old, guards, source)
        };
        let Swapped { snapshot, revision, gone } = swapped?;
        for fault in gone {
            let switch = &fault.state.switch;
            switch.retire();
            if snapshot.member(fault.name()).is_none() {
                switch.set_enabled(false);
            }
        }
        drop(old);
        self.notify(&SetEvent::Applied { revision, faults: snapshot.members.len() });
        Ok(())
    }

    fn swap_locked(
        &self,
        next: Vec<NextMember>,
        old: &Snapshot,
        guards: Option<CompiledGuards>,
        source: Option<Arc<dyn Any + Send + Sync>>,
    ) -> Result<Swapped, SetError> {
        let members = self.build(next, old)?;
        let kept: HashSet<*const ()> = members.iter().map(|member| address(&member.fault)).collect();
        let added: Vec<_> = {
            let known: HashSet<*const ()> = old.members.iter().map(|member| address(&member.fault)).collect();
            members.iter().filter(|member| !known.contains(&address(&member.fault))).collect()
        };
        // Before the new ones can be seen, so that none of them is missed.
        added.iter().for_each(|member| member.fault.state.switch.attach(self.state.active.clone()));
        let snapshot = Arc::new(Snapshot::new(members.clone(), source));
        if let Some(guards) = guards {
            self.state.guards.set(guards);
        }
        let revision = {
            let mut current = self.state.current.write().unwrap_or_else(PoisonError::into_inner);
            *current = snapshot.clone();
            self.state.revision.fetch_add(1, Ordering::AcqRel) + 1
        };
        let gone = old.members.iter().filter(|member| !kept.contains(&address(&member.fault)));
        let gone: Vec<_> = gone.map(|member| member.fault.clone()).collect();
        gone.iter().for_each(|fault| fault.state.switch.detach(&self.state.active));
        Ok(Swapped { snapshot, revision, gone })
    }

    fn build(&self, next: Vec<NextMember>, old: &Snapshot) -> Result<Vec<SetMember>, SetError> {
        let mut members = Vec::with_capacity(next.len());
        let mut errors = Vec::new();
        for member in next {
            match member {
                NextMember::Same(member) => members.push(member),
                NextMember::New { placement, builder, spec } => {
                    let carried = old.member(builder.name()).map(|member| member.fault.state.carried());
                    let carried = carried.unwrap_or_default();
                    match self.prepare(builder.placement(placement.into()), placement, carried).build() {
                        Ok(fault) => members.push(SetMember { placement, fault, spec }),
                        Err(error) => errors.push(error),
                    }
                }
            }
        }
        if !errors.is_empty() {
            return Err(SetError::Faults(errors));
        }
        let mut names = HashSet::new();
        match members.iter().find(|member| !names.insert(member.fault.name())) {
            Some(member) => Err(SetError::DuplicateName(member.fault.name().to_owned())),
            None => Ok(members),
        }
    }

    fn prepare(&self, builder: FaultBuilder, placement: FaultPlacement, carried: Carried) -> FaultBuilder {
        #[cfg(feature = "metrics")]
        let builder = if self.state.meters.is_some() { builder.metrics(placement) } else { builder };
        #[cfg(not(feature = "metrics"))]
        let _ = placement;
        let builder = builder.set(self.state.name.clone()).carried(carried);
        let builder = builder.guards(self.state.guards.clone()).log(self.state.log.clone());
        match &self.state.reporter {
            Some(reporter) if !builder.has_reporter() => builder.reporter(reporter.clone()),
            _ => builder,
        }
    }
}

/// Identity of a running fault.
fn address(fault: &Fault) -> *const () {
    Arc::as_ptr(&fault.state).cast()
}

impl fmt::Debug for FaultSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        let names: Vec<_> = snapshot.members.iter().map(|member| member.fault.name()).collect();
        f.debug_struct("FaultSet").field("revision", &self.revision()).field("faults", &names).finish()
    }
}

/// The state of a [`FaultSet`] as a whole.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SetStatus {
    /// The number of the current set; 0 before the first.
    pub revision: u64,
    /// How many faults it holds.
    pub faults: usize,
    /// Injections under way.
    pub active: u64,
    /// The time that is left of it, if that is limited.
    pub expires_in: Option<Duration>,
    /// Why it stopped by itself, if it did.
    pub stop: Option<StopReason>,
    /// Whether nothing is injected.
    pub is_dry_run: bool,
}
