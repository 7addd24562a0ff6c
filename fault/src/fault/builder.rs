//! FaultBuilder: settings and filters.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use crate::body::stage::Sleeper;
use crate::config::error::{ErrorCollector, FaultErrorKind, FaultErrors};
use crate::fault::capability::DeliveryOptions;
use crate::fault::fault::Fault;
use crate::fault::filter::filter::FilterConfig;
use crate::fault::guards::GuardState;
use crate::fault::limits::FaultLimits;
use crate::fault::schedule::{AttemptTable, Schedule, ScheduleConfig};
use crate::fault::selection::{CountWindow, Group};
use crate::fault::state::{DrawFn, FaultState};
use crate::fault::switch::{Participation, Switch};
use crate::injector::key::{DecideBy, KeyExtractor};
use crate::injector::tree::Injector;
use crate::random::draws::{Key, Sampler, random_seed};
use crate::report::counts::Counters;
use crate::report::event::Reporter;

impl Fault {
    /// Begins a fault of this name: off, striking no request, until told otherwise.
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
            reporter: None,
            sleeper: Sleeper::default(),
            read_ahead: 0,
            schedule: ScheduleConfig::default(),
            first_per_key: None,
            guards: None,
            carried: Carried::default(),
        }
    }
}

/// A fault in the making, begun by [`Fault::new`]. Setting a list again replaces it.
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
    reporter: Option<Box<dyn Reporter>>,
    sleeper: Sleeper,
    read_ahead: usize,
    schedule: ScheduleConfig,
    first_per_key: Option<u64>,
    guards: Option<Arc<GuardState>>,
    carried: Carried,
}

/// What a fault takes over from the one of its name that it replaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Carried {
    pub(crate) counters: Arc<Counters>,
    /// Requests that were decided by the counter.
    pub(crate) keys: Arc<AtomicU64>,
    /// Requests that the draw chose.
    pub(crate) selected: Arc<AtomicU64>,
    pub(crate) seed: Option<u64>,
}

impl FaultBuilder {
    /// Whether the fault is on from the start. Off by default.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// The share of eligible requests to strike, from 0 (the default) to 1.
    pub fn participation(mut self, share: f64) -> Self {
        self.participation = share;
        self
    }

    /// Fixes the dice: equal seed, name and keys decide alike. By default every process has a
    /// fresh seed, found again in [`Fault::sampler`].
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What the decision about a request hangs on; by default a counter.
    pub fn decide_by(mut self, key: DecideBy) -> Self {
        self.decide_by = key;
        self
    }

    /// The header that numbers the attempts of one request, so that a retry under the same key
    /// draws anew.
    pub fn attempt_header(mut self, name: impl Into<String>) -> Self {
        self.attempt_header = Some(name.into());
        self
    }

    /// Your own draw in place of the dice: a number for the key of each eligible request. The
    /// fault strikes where it is below the participation, so never from 1 on. It must not block.
    /// What the tree of injectors draws stays with the dice.
    pub fn draw_with(mut self, draw: impl Fn(Key<'_>) -> f64 + Send + Sync + 'static) -> Self {
        self.draw = Some(Box::new(draw));
        self
    }

    /// Your own way to spend a delay in place of tokio's timer. What it returns is dropped when
    /// the client leaves and when the fault is switched off or halted.
    pub fn sleep_with<F>(mut self, sleep: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.sleeper = Sleeper::new(sleep);
        self
    }

    /// While a request is held back, reads up to so many bytes of its body ahead, and keeps them
    /// for the service. None by default.
    ///
    /// An HTTP/1 server notices that a client left only while it reads, and it stops reading once
    /// its own buffer is full: without this, a delay of a large upload runs to its end though
    /// nobody waits for it. It is done for the body types that the layer knows how to make; see
    /// [`request_body_with`](crate::FaultLayer::request_body_with).
    pub fn read_ahead(mut self, bytes: usize) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// Makes it a member of a group, of whose faults at most one strikes a request; this one is
    /// picked as often as its weight says.
    pub fn group(mut self, group: &Group, weight: f64) -> Self {
        self.group = Some((group.clone(), weight));
        self
    }

    /// Lets the first `count` requests pass of those that the draw chose.
    pub fn skip(mut self, count: u64) -> Self {
        self.window.0 = count;
        self
    }

    /// Strikes only each `count`-th of the requests that the draw chose, beginning with the first
    /// after those [skipped](Self::skip).
    pub fn every(mut self, count: u64) -> Self {
        self.window.1 = count;
        self
    }

    /// Strikes no more than `count` requests in all.
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

    pub(crate) fn carried(mut self, carried: Carried) -> Self {
        self.carried = carried;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn has_reporter(&self) -> bool {
        self.reporter.is_some()
    }

    /// Whether to name the fault in a header of the responses it touched
    /// ([`INJECTED_HEADER`](crate::INJECTED_HEADER)). On by default. [`Injected`](crate::Injected) is in their
    /// extensions either way.
    pub fn mark(mut self, mark: bool) -> Self {
        self.mark = mark;
        self
    }

    /// Lets a reject unwind the connection's task where a failing body cannot reach the client,
    /// which is HEAD; see [`wire`](crate::effects). Silent (no panic message), but under a layer that
    /// catches panics it becomes a 500. Without effect under `panic = "abort"`.
    pub fn unwind(mut self, unwind: bool) -> Self {
        self.delivery.unwind = unwind;
        self
    }

    /// Says that nothing around this layer empties the bodies of HEAD answers, so that a reject
    /// reaches them on HTTP/2. True for a layer right under hyper and within `waylay-router`; not
    /// within axum's router.
    pub fn keeps_head_bodies(mut self, kept: bool) -> Self {
        self.delivery.keeps_head_bodies = kept;
        self
    }

    /// Whether to count and report requests also while the fault is off, at two atomic additions
    /// a request.
    pub fn count_while_disabled(mut self, watch: bool) -> Self {
        self.count_while_disabled = watch;
        self
    }

    /// Who hears what the fault does.
    pub fn reporter(mut self, reporter: impl Reporter) -> Self {
        self.reporter = Some(Box::new(reporter));
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// All that is wrong, each with the setting, the value and the way out.
    pub fn build(self) -> Result<Fault, FaultErrors> {
        let mut errors = ErrorCollector::default();
        let mark = check_name(&self.name, &mut errors);
        let injector = self.injector.check("", &mut errors);
        let participation = Participation::new(self.participation)
            .map_err(|_| errors.add("participation", self.participation, FaultErrorKind::Participation))
            .ok();
        let filter = self.filter.check(&mut errors);
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
        for (setting, count) in [("every", every), ("limit", limit)] {
            if count == 0 {
                errors.add(setting, count, FaultErrorKind::Zero);
            }
        }
        if let Some((_, weight)) = &self.group
            && !(*weight > 0.0 && weight.is_finite())
        {
            errors.add("group", weight, FaultErrorKind::Weight);
        }

        let good = mark.zip(injector).zip(participation).zip(key_extractor);
        let (((mark, injector), participation), key_extractor) = errors.or(&self.name, good)?;
        Ok(Fault {
            state: Arc::new(FaultState {
                sampler: Sampler::new(
                    self.seed.or(self.carried.seed).unwrap_or_else(random_seed),
                    &self.name,
                ),
                name: self.name.into(),
                switch: Switch::new(self.enabled, self.count_while_disabled, participation),
                filter,
                key_extractor,
                draw: self.draw,
                // A fault that cannot be built takes no seat.
                member: self.group.map(|(group, weight)| group.join(weight)),
                window: CountWindow::new(skip, every, limit, self.carried.selected),
                injector,
                delivery: self.delivery,
                mark: self.mark.then_some(mark),
                reporter: self.reporter,
                sleeper: self.sleeper,
                read_ahead: self.read_ahead,
                counters: self.carried.counters,
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

fn check_name(name: &str, errors: &mut ErrorCollector) -> Option<HeaderValue> {
    // http lets more than that into a value; what readers of a header make of it varies.
    let visible = name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let value = HeaderValue::from_str(name).ok().filter(|_| visible && !name.trim().is_empty());
    if value.is_none() {
        errors.add("name", name.escape_debug(), FaultErrorKind::Name);
    }
    value
}

impl FaultBuilder {
    /// Whether to leave probes alone, as it does by default: the paths `/healthz`, `/livez`,
    /// `/readyz`, `/health` and `/metrics`, the gRPC health service, and user agents that begin
    /// with `kube-probe`.
    pub fn protect_probes(mut self, protect: bool) -> Self {
        self.filter.allow_probes = !protect;
        self
    }

    /// Paths to leave alone: exact (`/pay`), whole-segment prefixes (`/admin/*`, which holds
    /// `/admin` itself), templates (`/users/{id}`) or globs, in which `*` is any text within a
    /// segment and `**` any number of segments (`/files/**/*.png`).
    ///
    /// Patterns are compared with the percent-decoded path, the query set aside, and are written
    /// decoded: `/a b` holds `/a%20b`. An encoded slash is data, not a separator; a pattern says
    /// it as `%2F`, and a percent sign as `%25`. Case and a slash at the end matter.
    pub fn block_paths<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.filter.paths.block = strings(patterns);
        self
    }

    /// The only paths to touch, written as for [`block_paths`](Self::block_paths), which wins.
    pub fn allow_paths<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.filter.paths.allow = strings(patterns);
        self
    }

    /// Headers whose requests to leave alone: any of several values equals the wanted one, byte by
    /// byte; names are compared without case.
    pub fn block_headers<N, V>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.filter.headers.block = string_pairs(pairs);
        self
    }

    /// Headers whose requests alone to touch: one pair of the list is enough. Path, header and
    /// route lists must all admit a request.
    pub fn allow_headers<N, V>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.filter.headers.allow = string_pairs(pairs);
        self
    }

    /// Routes to leave alone, by the template they have in axum's router or in `waylay-router`,
    /// prefixes of scopes included, such as `/orders/{id}`; in the latter also by name. The layer must lie within the router
    /// (`layer`, `route_layer`): outside of it nothing is matched yet.
    #[cfg(any(feature = "axum", feature = "router"))]
    pub fn block_routes<R: Into<String>>(mut self, templates: impl IntoIterator<Item = R>) -> Self {
        self.filter.routes.block = strings(templates);
        self
    }

    /// The only routes to touch; see [`block_routes`](Self::block_routes), which wins.
    #[cfg(any(feature = "axum", feature = "router"))]
    pub fn allow_routes<R: Into<String>>(mut self, templates: impl IntoIterator<Item = R>) -> Self {
        self.filter.routes.allow = strings(templates);
        self
    }

    /// Requests to leave alone, by rules in the language of `waylay-router`:
    /// ``Host(`**.example.com`) && (PathPrefix(`/pay`) || Header(`x-vip`))``. One of them is enough. They
    /// look at the request as the layer gets it, inside a router or outside.
    ///
    /// ```
    /// use waylay_fault::{Fault, error};
    /// let faulty = Fault::new("flaky", error(503)).block_rules(["Hots(`a`)"]).build().unwrap_err();
    /// assert!(faulty.to_string().contains("`Host`"), "{faulty}");
    /// ```
    #[cfg(feature = "router")]
    pub fn block_rules<R: Into<String>>(mut self, rules: impl IntoIterator<Item = R>) -> Self {
        self.filter.rules.block = strings(rules);
        self
    }

    /// The only requests to touch, written as for [`block_rules`](Self::block_rules), which wins.
    #[cfg(feature = "router")]
    pub fn allow_rules<R: Into<String>>(mut self, rules: impl IntoIterator<Item = R>) -> Self {
        self.filter.rules.allow = strings(rules);
        self
    }

    /// Methods to leave alone.
    pub fn block_methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.filter.methods.block = strings(methods);
        self
    }

    /// The only methods to touch.
    pub fn allow_methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.filter.methods.allow = strings(methods);
        self
    }

    /// Hosts to leave alone: exact (`shop.test`), with one label in front (`*.shop.test`) or with
    /// one or more (`**.shop.test`). They are compared without case, port and final dot with the
    /// URI's authority, or else with the `Host` header.
    pub fn block_hosts<H: Into<String>>(mut self, patterns: impl IntoIterator<Item = H>) -> Self {
        self.filter.hosts.block = strings(patterns);
        self
    }

    /// The only hosts to touch, written as for [`block_hosts`](Self::block_hosts), which wins.
    pub fn allow_hosts<H: Into<String>>(mut self, patterns: impl IntoIterator<Item = H>) -> Self {
        self.filter.hosts.allow = strings(patterns);
        self
    }

    /// Clients to leave alone, by address (`::1`) or range (`10.0.0.0/8`). The address is what
    /// [`PeerAddr`](crate::PeerAddr) or what stands for it tells; one that is not known is in no list.
    pub fn block_clients<C: Into<String>>(mut self, ranges: impl IntoIterator<Item = C>) -> Self {
        self.filter.clients.block = strings(ranges);
        self
    }

    /// The only clients to touch, written as for [`block_clients`](Self::block_clients), which
    /// wins.
    pub fn allow_clients<C: Into<String>>(mut self, ranges: impl IntoIterator<Item = C>) -> Self {
        self.filter.clients.allow = strings(ranges);
        self
    }
}

fn strings<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(Into::into).collect()
}

fn string_pairs<N: Into<String>, V: Into<String>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}
