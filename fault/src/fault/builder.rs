//! FaultBuilder: the settings of a fault.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use crate::body::stage::Sleeper;
use crate::config::error::{ErrorCollector, FaultErrorKind, FaultErrors};
use crate::fault::capability::{DeliveryOptions, Placement};
use crate::fault::fault::Fault;
use crate::fault::filter::baggage::BaggageFilter;
use crate::fault::filter::filter::FilterConfig;
use crate::fault::flag::Flag;
use crate::fault::guards::GuardState;
use crate::fault::limits::FaultLimits;
use crate::fault::schedule::{AttemptTable, Schedule, ScheduleConfig};
use crate::fault::selection::{CountWindow, Group};
use crate::fault::state::{Carried, DrawFn, FaultState};
use crate::fault::switch::{Participation, Switch};
use crate::injector::key::{DecideBy, KeyExtractor};
use crate::injector::tree::{Injector, Watches};
use crate::random::draws::{Key, Sampler, random_seed};
#[cfg(feature = "metrics")]
use crate::report::event::FaultPlacement;
use crate::report::event::Reporter;
use crate::report::log::EventLog;
#[cfg(feature = "metrics")]
use crate::report::meters::Meters;

impl Fault {
    /// Begins a fault of this name, disabled and with a participation of 0.
    #[allow(
        clippy::new_ret_no_self,
        reason = "a fault is made by its builder, and nothing before that can fail"
    )]
    pub fn new(name: impl Into<String>, injector: impl Into<Injector>) -> FaultBuilder {
        FaultBuilder {
            name: name.into(),
            injector: injector.into(),
            enabled: false,
            participation: 0.0,
            flag: None,
            filter: FilterConfig::default(),
            seed: None,
            draw: None,
            group: None,
            window: (0, 1, u64::MAX),
            decide_by: DecideBy::default(),
            attempt_header: None,
            delivery: DeliveryOptions::default(),
            mark: true,
            count_while_disabled: false,
            set: None,
            reporter: None,
            log: None,
            #[cfg(feature = "metrics")]
            metrics: None,
            sleeper: Sleeper::default(),
            read_ahead: 0,
            schedule: ScheduleConfig::default(),
            first_per_key: None,
            guards: None,
            placement: None,
            carried: Carried::default(),
        }
    }
}

/// The settings of a fault, begun by [`Fault::new`]. Setting a list again replaces it.
///
/// ```
/// use waylay_fault::{Fault, error};
///
/// let errors = Fault::new("", error(600)).participation(f64::NAN).block_paths(["a"]).build().unwrap_err();
/// let settings: Vec<_> = errors.iter().map(|error| error.setting()).collect();
/// assert_eq!(settings, ["name", "error.status", "participation", "block_paths[0]"]);
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct FaultBuilder {
    name: String,
    injector: Injector,
    enabled: bool,
    participation: f64,
    flag: Option<Flag>,
    pub(crate) filter: FilterConfig,
    seed: Option<u64>,
    draw: Option<Box<DrawFn>>,
    group: Option<(Group, f64)>,
    /// Skip, every, limit.
    window: (u64, u64, u64),
    decide_by: DecideBy,
    attempt_header: Option<String>,
    delivery: DeliveryOptions,
    mark: bool,
    count_while_disabled: bool,
    /// The name of its set.
    set: Option<Arc<str>>,
    reporter: Option<Box<dyn Reporter>>,
    log: Option<EventLog>,
    #[cfg(feature = "metrics")]
    metrics: Option<FaultPlacement>,
    sleeper: Sleeper,
    read_ahead: usize,
    schedule: ScheduleConfig,
    first_per_key: Option<u64>,
    guards: Option<Arc<GuardState>>,
    /// Known of the faults of a set.
    placement: Option<Placement>,
    carried: Carried,
}

impl FaultBuilder {
    /// Sets whether the fault is enabled from the start; disabled by default.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Sets the share of eligible requests to select, from 0 (the default) to 1.
    pub fn participation(mut self, share: f64) -> Self {
        self.participation = share;
        self
    }

    /// Lets a feature flag decide about the participation, request by request; the
    /// [`participation`](Self::participation) holds if the flag cannot be evaluated. Connections, of a
    /// listener or a connector, have no flags.
    pub fn flag(mut self, flag: Flag) -> Self {
        self.flag = Some(flag);
        self
    }

    /// Sets the seed: equal seed, name and keys give equal decisions. By default every process has
    /// a random seed, see [`Fault::sampler`].
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the key of a decision; a counter by default.
    pub fn decide_by(mut self, key: DecideBy) -> Self {
        self.decide_by = key;
        self
    }

    /// Sets the header that numbers the attempts of one request, so that a retry with the same key
    /// has its own draw.
    pub fn attempt_header(mut self, name: impl Into<String>) -> Self {
        self.attempt_header = Some(name.into());
        self
    }

    /// Replaces the draw with a function: it returns a number for the key of each eligible request,
    /// which is selected if the number is below the participation, so never from 1 on. It must not
    /// block. The draws of the injectors are not affected.
    pub fn draw_with(mut self, draw: impl Fn(Key<'_>) -> f64 + Send + Sync + 'static) -> Self {
        self.draw = Some(Box::new(draw));
        self
    }

    /// Replaces tokio's timer with a function. The future that it returns is dropped when the
    /// client leaves and when the fault is disabled or halted.
    pub fn sleep_with<F>(mut self, sleep: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.sleeper = Sleeper::new(sleep);
        self
    }

    /// Sets the number of bytes of a request body that are read while the request is delayed, and
    /// buffered for the service. None by default.
    ///
    /// An HTTP/1 server notices that a client has left only while it reads, and of a body that the
    /// service does not read yet it reads no more than a buffer: without this setting the delay of an
    /// upload that is large or not complete runs to its end after the client has left. Applies to the
    /// body types that the layer can construct; see
    /// [`request_body_with`](crate::FaultLayer::request_body_with).
    pub fn read_ahead(mut self, bytes: usize) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// Adds the fault to a group, of whose members at most one is injected into a request, picked
    /// by weight.
    pub fn group(mut self, group: &Group, weight: f64) -> Self {
        self.group = Some((group.clone(), weight));
        self
    }

    /// Skips the first `count` selected requests.
    pub fn skip(mut self, count: u64) -> Self {
        self.window.0 = count;
        self
    }

    /// Injects only into each `count`-th selected request, beginning with the first after those
    /// [skipped](Self::skip).
    pub fn every(mut self, count: u64) -> Self {
        self.window.1 = count;
        self
    }

    /// Injects into at most `count` requests.
    pub fn limit(mut self, count: u64) -> Self {
        self.window.2 = count;
        self
    }

    /// Injects only the first `count` requests of each key, as
    /// [`decide_by`](Self::decide_by) tells keys apart: a client that retries fails `count` times
    /// and then succeeds. The last 10,000 keys are remembered.
    ///
    /// ```
    /// use waylay_fault::{DecideBy, Fault, error};
    ///
    /// let fault = Fault::new("first-two", error(503)).decide_by(DecideBy::RequestId).first_per_key(2);
    /// assert!(fault.build().is_ok());
    /// assert!(Fault::new("no-key", error(503)).first_per_key(2).build().is_err());
    /// ```
    pub fn first_per_key(mut self, count: u64) -> Self {
        self.first_per_key = Some(count);
        self
    }

    /// Lets the fault act only from this date on.
    pub fn starts_at(mut self, date: SystemTime) -> Self {
        self.schedule.start = Some(date);
        self
    }

    /// Ends the fault at this date, running delays and hangs included.
    pub fn ends_at(mut self, date: SystemTime) -> Self {
        self.schedule.end = Some(date);
        self
    }

    /// Ends the fault this long after it was enabled, or after its
    /// [start](Self::starts_at) if that comes later.
    pub fn duration(mut self, time: Duration) -> Self {
        self.schedule.duration = Some(time);
        self
    }

    /// Raises the participation evenly from 0 to its value over this time, which begins as the
    /// [duration](Self::duration) does.
    pub fn ramp(mut self, time: Duration) -> Self {
        self.schedule.ramp = time;
        self
    }

    pub(crate) fn guards(mut self, guards: Arc<GuardState>) -> Self {
        self.guards = Some(guards);
        self
    }

    pub(crate) fn placement(mut self, placement: Placement) -> Self {
        self.placement = Some(placement);
        self
    }

    pub(crate) fn carried(mut self, carried: Carried) -> Self {
        self.carried = carried;
        self
    }

    pub(crate) fn set(mut self, name: Option<Arc<str>>) -> Self {
        self.set = name;
        self
    }

    pub(crate) fn log(mut self, log: Option<EventLog>) -> Self {
        self.log = log;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn has_reporter(&self) -> bool {
        self.reporter.is_some()
    }

    /// Sets whether affected responses carry the name of the fault in a header
    /// ([`INJECTED_HEADER`](crate::INJECTED_HEADER)). On by default. [`Injected`](crate::Injected)
    /// is in their extensions either way.
    pub fn mark(mut self, mark: bool) -> Self {
        self.mark = mark;
        self
    }

    /// Lets a rejection unwind the connection's task where a failing body cannot be delivered,
    /// which is HEAD; see [`effects`](crate::effects). No panic message is printed, but under a
    /// layer that catches panics it becomes a 500. Without effect under `panic = "abort"`.
    pub fn unwind(mut self, unwind: bool) -> Self {
        self.delivery.unwind = unwind;
        self
    }

    /// States that no outer layer empties the bodies of HEAD responses, so that a rejection is
    /// deliverable on HTTP/2. True for a layer directly under hyper and within `waylay-router`;
    /// false within axum's router.
    pub fn keeps_head_bodies(mut self, kept: bool) -> Self {
        self.delivery.keeps_head_bodies = kept;
        self
    }

    /// Sets whether requests are counted and reported while the fault is disabled, which costs two
    /// atomic additions per request.
    pub fn count_while_disabled(mut self, watch: bool) -> Self {
        self.count_while_disabled = watch;
        self
    }

    /// Sets the reporter, which receives the events of the fault.
    pub fn reporter(mut self, reporter: impl Reporter) -> Self {
        self.reporter = Some(Box::new(reporter));
        self
    }

    /// Counts in the recorder of the crate `metrics` that is installed when the fault is built, under
    /// the label of this side. The [names](crate::reports#metrics) are those of a set, which does so by
    /// [`FaultSetBuilder::metrics`](crate::FaultSetBuilder::metrics).
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, side: FaultPlacement) -> Self {
        self.metrics = Some(side);
        self
    }

    /// Checks every setting and builds the fault.
    ///
    /// # Errors
    /// All invalid settings, each with its place, its value and the way out.
    pub fn build(self) -> Result<Fault, FaultErrors> {
        let mut errors = ErrorCollector::default();
        let mark = check_name(&self.name, &mut errors);
        let injector = self.injector.check("", &mut errors);
        let participation = Participation::new(self.participation)
            .map_err(|_| errors.add("participation", self.participation, FaultErrorKind::Participation))
            .ok();
        let flag = self.flag.and_then(|flag| {
            check_placement("flag", self.placement, &mut errors);
            flag.check(&mut errors)
        });
        let response_list = self.filter.response_list();
        if self.filter.baggage.is_some() {
            check_placement("baggage", self.placement, &mut errors);
        }
        let filter = self.filter.check(&mut errors);
        if let Some(setting) = response_list {
            if injector.as_ref().is_some_and(|injector| injector.changes_request()) {
                errors.add(setting, "a change of the request", FaultErrorKind::AfterResponse);
            }
            check_placement(setting, self.placement, &mut errors);
        }
        let key_extractor =
            KeyExtractor::check(self.decide_by.clone(), self.attempt_header, self.carried.keys, &mut errors);
        if let Some(count) = self.first_per_key {
            match (count, &self.decide_by) {
                (0, _) => errors.add("first_per_key", count, FaultErrorKind::Zero),
                (_, DecideBy::Counter) => errors.add("first_per_key", count, FaultErrorKind::NoKey),
                _ => {}
            }
        }
        let ScheduleConfig { start, end, .. } = self.schedule;
        if start.zip(end).is_some_and(|(start, end)| start >= end) {
            errors.add("ends_at", "the end", FaultErrorKind::EmptyRange);
        }

        let (skip, every, limit) = self.window;
        check_window(every, limit, &mut errors);
        check_group(self.group.as_ref(), &mut errors);
        let removed = injector.as_ref().map(|injector| injector.removed_headers()).unwrap_or_default();
        if !removed.is_empty() {
            check_placement("header_control", self.placement, &mut errors);
        }
        let secret = filter.baggage.as_ref().and_then(BaggageFilter::secret_header);
        let removed_headers = removed.iter().chain(secret).cloned().collect();
        let good = mark.zip(injector).zip(participation).zip(key_extractor);
        let (((mark, injector), participation), key_extractor) = errors.into_result(&self.name, good)?;
        #[cfg(feature = "metrics")]
        let set = self.set.as_deref();
        #[cfg(feature = "metrics")]
        let meters = self.metrics.map(|placement| Meters::new(&self.name, placement, set));
        Ok(Fault {
            state: Arc::new(FaultState {
                sampler: Sampler::new(
                    self.seed.or(self.carried.seed).unwrap_or_else(random_seed),
                    &self.name,
                ),
                name: self.name.into(),
                set: self.set,
                switch: Switch::new(
                    self.enabled,
                    self.count_while_disabled,
                    participation,
                    injector.is_protection(),
                    injector.watches() != Watches::default(),
                ),
                filter,
                removed_headers,
                flag,
                key_extractor,
                draw: self.draw,
                // A fault that cannot be built does not join its group.
                member: self.group.map(|(group, weight)| group.join(weight)),
                window: CountWindow::new(skip, every, limit, self.carried.selected),
                injector,
                delivery: self.delivery,
                mark: self.mark.then_some(mark),
                reporter: self.reporter,
                log: self.log,
                sleeper: self.sleeper,
                read_ahead: self.read_ahead,
                counters: self.carried.counters,
                #[cfg(feature = "metrics")]
                meters,
                limits: FaultLimits {
                    schedule: Schedule::new(self.schedule),
                    attempts: self.first_per_key.map(AttemptTable::new),
                    guards: self.guards,
                },
            }),
        })
    }
}

impl fmt::Debug for FaultBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultBuilder")
            .field("name", &self.name)
            .field("injector", &self.injector)
            .field("enabled", &self.enabled)
            .field("participation", &self.participation)
            .finish_non_exhaustive()
    }
}

/// Adds an error if the fault has connections and no requests.
fn check_placement(setting: &str, placement: Option<Placement>, errors: &mut ErrorCollector) {
    let place = match placement {
        Some(Placement::Listener) => "listener",
        Some(Placement::Connector | Placement::ConnectPhase) => "connector",
        Some(Placement::Server | Placement::Client) | None => return,
    };
    errors.add(setting, place, FaultErrorKind::NoRequest);
}

fn check_group(group: Option<&(Group, f64)>, errors: &mut ErrorCollector) {
    let Some((group, weight)) = group else { return };
    if !(*weight > 0.0 && weight.is_finite()) {
        errors.add("group", weight, FaultErrorKind::GroupWeight);
    } else if !(group.total() + weight).is_finite() {
        errors.add(
            "group",
            format!("the weights of {} and {weight}", group.name()),
            FaultErrorKind::WeightSum,
        );
    }
}

fn check_window(every: u64, limit: u64, errors: &mut ErrorCollector) {
    for (setting, count) in [("every", every), ("limit", limit)] {
        if count == 0 {
            errors.add(setting, count, FaultErrorKind::Zero);
        }
    }
}

fn check_name(name: &str, errors: &mut ErrorCollector) -> Option<HeaderValue> {
    // http allows more bytes in a value, which readers of a header treat differently.
    let visible = name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let value = HeaderValue::from_str(name).ok().filter(|_| visible && !name.trim().is_empty());
    if value.is_none() {
        errors.add("name", name, FaultErrorKind::Name);
    }
    value
}
