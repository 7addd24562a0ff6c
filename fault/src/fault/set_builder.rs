//! FaultSetBuilder: the options of a set of faults.

use std::fmt;
use std::sync::Arc;

use crate::config::sync::{AtomicU64, Mutex, RwLock};
#[cfg(feature = "plan")]
use crate::fault::registry::PlanRegistry;
use crate::fault::set::{FaultSet, OnEvent, SetState};
use crate::report::event::Reporter;
use crate::report::log::EventLog;
#[cfg(feature = "metrics")]
use crate::report::meters::SetMeters;
use crate::report::set_event::SetEvent;

impl FaultSet {
    /// Returns an empty set.
    #[allow(clippy::new_without_default, reason = "a set is created once, and shared by its clones")]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Begins an empty set with a reporter, an observer of its events or an environment.
    pub fn builder() -> FaultSetBuilder {
        FaultSetBuilder::default()
    }
}

/// Options of a [`FaultSet`], begun by [`FaultSet::builder`].
#[derive(Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct FaultSetBuilder {
    name: Option<String>,
    reporter: Option<Arc<dyn Reporter>>,
    on_event: Vec<Arc<OnEvent>>,
    log: Option<EventLog>,
    #[cfg(feature = "metrics")]
    has_metrics: bool,
    environment: Option<String>,
    #[cfg(feature = "plan")]
    registry: PlanRegistry,
}

impl FaultSetBuilder {
    /// Names the set, to tell it from others of the process: in its [metrics](crate::reports#metrics), where
    /// each series then has the label `set`, and in its [events](crate::Event::set).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Reports what the faults do; those with a separate reporter report to that.
    pub fn reporter(mut self, reporter: impl Reporter) -> Self {
        self.reporter = Some(Arc::new(reporter));
        self
    }

    /// Calls this function with each event of the set as a whole, beside those of earlier calls.
    pub fn on_event(mut self, on_event: impl Fn(&SetEvent) + Send + Sync + 'static) -> Self {
        self.on_event.push(Arc::new(on_event));
        self
    }

    /// Logs what the faults do and the events of the set, also of faults with a separate reporter.
    pub fn event_log(mut self, log: EventLog) -> Self {
        self.log = Some(log);
        self
    }

    /// Counts what the faults do in the recorder of the crate `metrics` that is installed now, and at
    /// each swap of the faults: [their names](crate::reports#metrics). Install it before.
    ///
    /// ```
    /// use metrics_util::debugging::DebuggingRecorder;
    /// use waylay_fault::{Fault, FaultSet, error};
    ///
    /// // In a program: `PrometheusBuilder::new().install()` of `metrics-exporter-prometheus`.
    /// let recorder = DebuggingRecorder::new();
    /// let values = recorder.snapshotter();
    /// metrics::with_local_recorder(&recorder, || {
    ///     let set = FaultSet::builder().metrics().build();
    ///     set.replace([Fault::new("flaky", error(503))]).expect("the settings are good");
    /// });
    /// assert!(values.snapshot().into_vec().iter().any(|(key, ..)| key.key().name() == "waylay_fault_requests_total"));
    /// ```
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self) -> Self {
        self.has_metrics = true;
        self
    }

    /// Declares the environment of the process, such as `staging`. By default it is the value of
    /// `WAYLAY_ENVIRONMENT`.
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = Some(name.into());
        self
    }

    /// Sets what plans may name: custom injectors, flags and secrets.
    #[cfg(feature = "plan")]
    pub fn registry(mut self, registry: PlanRegistry) -> Self {
        self.registry = registry;
        self
    }

    /// Returns the set, still empty.
    pub fn build(self) -> FaultSet {
        let from_process = || std::env::var("WAYLAY_ENVIRONMENT").ok().filter(|name| !name.is_empty());
        let name: Option<Arc<str>> = self.name.map(Into::into);
        FaultSet {
            state: Arc::new(SetState {
                active: Arc::default(),
                current: RwLock::default(),
                revision: AtomicU64::new(0),
                guards: Arc::default(),
                swap: Mutex::default(),
                #[cfg(feature = "metrics")]
                meters: self.has_metrics.then(|| SetMeters::new(name.as_deref())),
                name,
                reporter: self.reporter,
                on_event: Mutex::new(self.on_event),
                log: self.log,
                environment: self.environment.or_else(from_process),
                #[cfg(feature = "plan")]
                registry: self.registry,
            }),
        }
    }
}

impl fmt::Debug for FaultSetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultSetBuilder").field("environment", &self.environment).finish_non_exhaustive()
    }
}
