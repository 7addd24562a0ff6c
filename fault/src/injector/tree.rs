//! Injector: a tree of injectors, with chain, random, custom and reporter.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::injector::custom::Inject;
use crate::injector::key::RequestKeys;
use crate::injector::steps::{ReporterSpan, Step, Steps};
use crate::random::draws::{Draws, pick_weighted};
use crate::report::event::{Action, Reporter, SkipReason};

/// Runs one of several injectors, picked by weight. Weights need not add up to 1; a weight of 0 is
/// never picked.
///
/// ```
/// use waylay_fault::{Fault, error, random};
///
/// Fault::new("mixed-errors", random([(3.0, error(503)), (1.0, error(429))])).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn random<I: Into<Injector>>(choices: impl IntoIterator<Item = (f64, I)>) -> Injector {
    let choices: Vec<(f64, Injector)> =
        choices.into_iter().map(|(weight, choice)| (weight, choice.into())).collect();
    let depth = depth_of(choices.iter().map(|(_, choice)| choice));
    Injector::around(depth, RandomConfig(choices))
}

/// Runs one of several injectors, picked by a function of the request's draws. The function returns
/// an index, taken modulo the number of choices.
///
/// ```
/// use waylay_fault::{Fault, error, random_by};
///
/// // Mostly the first. The index may also depend on the time or on the state of the program.
/// let mostly = random_by([error(503), error(429)], |draws| usize::from(draws.uniform() > 0.9));
/// Fault::new("mixed-errors", mostly).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn random_by<I: Into<Injector>>(
    choices: impl IntoIterator<Item = I>,
    index: impl Fn(&mut Draws) -> usize + Send + Sync + 'static,
) -> Injector {
    let choices: Vec<Injector> = choices.into_iter().map(Into::into).collect();
    Injector::around(depth_of(&choices), RandomBy { choices, index: Box::new(index) })
}

type Index = dyn Fn(&mut Draws) -> usize + Send + Sync;

struct RandomBy<I> {
    choices: Vec<I>,
    index: Box<Index>,
}

impl InjectorConfig for RandomBy<Injector> {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let Self { choices, index } = *self;
        if choices.is_empty() {
            errors.add(child_setting(at, "random"), "[]", FaultErrorKind::NothingToPick);
        }
        let choices: Vec<_> = (choices.into_iter().enumerate())
            .map(|(number, choice)| choice.check(&child_setting(at, &format!("random[{number}]")), errors))
            .collect();
        // Collected first, to report the errors of every choice.
        let choices: Vec<_> = choices.into_iter().collect::<Option<_>>()?;
        (!choices.is_empty()).then(|| Box::new(RandomBy { choices, index }) as Box<dyn CompiledInjector>)
    }
}

impl CompiledInjector for RandomBy<Box<dyn CompiledInjector>> {
    fn watches(&self) -> Watches {
        Watches::of(self.choices.iter())
    }

    fn changes_request(&self) -> bool {
        self.choices.iter().any(|choice| choice.changes_request())
    }

    fn plan(&self, mut draws: Draws, keys: RequestKeys<'_>, steps: &mut Steps) {
        let picked = (self.index)(&mut draws).checked_rem(self.choices.len()).unwrap_or(0);
        if let Some(choice) = self.choices.get(picked) {
            choice.plan(draws.child(picked as u64), keys, steps);
        }
    }
}

impl<I: fmt::Debug> fmt::Debug for RandomBy<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RandomBy").field(&self.choices).finish()
    }
}

#[derive(Debug)]
struct RandomConfig(Vec<(f64, Injector)>);

impl InjectorConfig for RandomConfig {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let weights: Vec<f64> = self.0.iter().map(|(weight, _)| *weight).collect();
        let mut good = true;
        let choices: Vec<_> = (self.0.into_iter().enumerate())
            .map(|(index, (weight, choice))| {
                let at = child_setting(at, &format!("random[{index}]"));
                if !(0.0..f64::INFINITY).contains(&weight) {
                    errors.add(format!("{at}.weight"), weight, FaultErrorKind::Weight);
                    good = false;
                }
                Some((weight, choice.check(&at, errors)?))
            })
            .collect();
        let total: f64 = weights.iter().sum();
        if good && !(total > 0.0 && total.is_finite()) {
            let kind = if total > 0.0 { FaultErrorKind::WeightSum } else { FaultErrorKind::NothingToPick };
            errors.add(child_setting(at, "random"), format!("{weights:?}"), kind);
            return None;
        }
        let choices = choices.into_iter().collect::<Option<_>>()?;
        good.then(|| Box::new(Random { choices, total }) as Box<dyn CompiledInjector>)
    }
}

#[derive(Debug)]
struct Random {
    choices: Vec<(f64, Box<dyn CompiledInjector>)>,
    total: f64,
}

impl CompiledInjector for Random {
    fn watches(&self) -> Watches {
        Watches::of(self.choices.iter().map(|(_, choice)| choice))
    }

    fn changes_request(&self) -> bool {
        self.choices.iter().any(|(_, choice)| choice.changes_request())
    }

    fn plan(&self, mut draws: Draws, keys: RequestKeys<'_>, steps: &mut Steps) {
        let weights = self.choices.iter().map(|(weight, _)| *weight);
        let picked = pick_weighted(weights, draws.uniform() * self.total);
        if let Some((_, choice)) = self.choices.get(picked) {
            choice.plan(draws.child(picked as u64), keys, steps);
        }
    }
}

/// Runs a custom injector, under a name for reports.
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use waylay_fault::{InjectContext, Fault, InjectOutcome, custom};
///
/// let teapot = custom("teapot", |mut context: InjectContext| async move {
///     if context.request().uri().path().starts_with("/brew") && context.draws().uniform() < 0.5 {
///         let mut response = Response::new(Bytes::from("short and stout"));
///         *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
///         return InjectOutcome::Respond(response);
///     }
///     InjectOutcome::Skip
/// });
/// Fault::new("tea-time", teapot).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn custom(name: impl Into<String>, inject: impl Inject) -> Injector {
    Injector::new(Custom { name: name.into().into(), inject: Arc::new(inject) })
}

/// The custom injector of a plan. `Err`: no such name is registered, and the way out.
#[cfg(feature = "plan")]
pub(crate) fn named_custom(name: &str, found: Result<Arc<dyn Inject>, String>) -> Injector {
    match found {
        Ok(inject) => Injector::new(Custom { name: name.into(), inject }),
        Err(way_out) => Injector::new(UnknownCustom { name: name.to_owned(), way_out }),
    }
}

#[cfg(feature = "plan")]
#[derive(Debug)]
struct UnknownCustom {
    name: String,
    way_out: String,
}

#[cfg(feature = "plan")]
impl InjectorConfig for UnknownCustom {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        errors.add(child_setting(at, "custom"), &self.name, FaultErrorKind::UnknownInjector(self.way_out));
        None
    }
}

struct Custom {
    name: Arc<str>,
    inject: Arc<dyn Inject>,
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").field("name", &self.name).finish_non_exhaustive()
    }
}

impl InjectorConfig for Custom {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        if self.name.is_empty() {
            errors.add(child_setting(at, "custom.name"), &self.name, FaultErrorKind::Name);
            return None;
        }
        Some(self)
    }
}

impl CompiledInjector for Custom {
    fn plan(&self, draws: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        steps.push(Step::Custom(self.inject.clone(), draws), Action::Custom(self.name.clone()));
    }
}

impl Injector {
    /// Adds a reporter for this part of the tree: it receives the same phases as the fault's
    /// [`reporter`](crate::FaultBuilder::reporter), with the actions of this part, and no event of
    /// requests in which this part does nothing.
    ///
    /// ```
    /// use waylay_fault::{Delay, Event, Fault, Injector, chain, error, slow};
    ///
    /// let errors = Injector::from(error(503)).reporter(|event: &Event<'_>| println!("{event}"));
    /// Fault::new("bad-day", chain([slow(Delay::fixed("1s")), errors])).build()?;
    /// # Ok::<(), waylay_fault::FaultErrors>(())
    /// ```
    #[must_use]
    pub fn reporter(self, reporter: impl Reporter) -> Self {
        Self::around(self.depth, Reported { injector: self, reporter: Arc::new(reporter) })
    }
}

struct Reported<I> {
    injector: I,
    reporter: Arc<dyn Reporter>,
}

impl InjectorConfig for Reported<Injector> {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let injector = self.injector.check(at, errors)?;
        Some(Box::new(Reported { injector, reporter: self.reporter }))
    }
}

impl CompiledInjector for Reported<Box<dyn CompiledInjector>> {
    fn watches(&self) -> Watches {
        self.injector.watches()
    }

    fn changes_request(&self) -> bool {
        self.injector.changes_request()
    }

    fn admit(&self, keys: RequestKeys<'_>) -> Result<(), SkipReason> {
        self.injector.admit(keys)
    }

    fn removed_headers(&self) -> &[HeaderName] {
        self.injector.removed_headers()
    }

    fn plan(&self, draws: Draws, keys: RequestKeys<'_>, steps: &mut Steps) {
        let from = steps.actions.len();
        self.injector.plan(draws, keys, steps);
        let to = steps.actions.len();
        if from < to {
            steps.reporters.push(ReporterSpan { reporter: self.reporter.clone(), from, to });
        }
    }

    fn is_protection(&self) -> bool {
        self.injector.is_protection()
    }
}

impl<I: fmt::Debug> fmt::Debug for Reported<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.injector.fmt(f)
    }
}

/// The effect of a fault on the selected requests: one injector, or a tree of them.
///
/// Made by [`reject`](crate::reject()), [`error`](crate::error()), [`slow`](crate::slow),
/// [`random`](crate::random), [`chain`](crate::chain), [`custom`](crate::custom) and others.
/// [`FaultBuilder::build`](crate::FaultBuilder::build) reports invalid settings.
///
/// ```
/// use waylay_fault::{Delay, Fault, Injector, Reject, chain, error, random, reject, slow};
///
/// let mostly_slow: Injector = random([
///     (8.0, slow(Delay::uniform("50ms", "2s"))),
///     (1.0, chain([slow(Delay::fixed("1s")), reject(Reject::EmptyReply)])),
///     (1.0, error(503).text("try later").header("retry-after", "2").into()),
/// ]);
/// Fault::new("bad-day", mostly_slow).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
///
/// At most [`MAX_INJECTOR_DEPTH`] injectors may be within each other.
#[derive(Debug)]
pub struct Injector {
    config: Box<dyn InjectorConfig>,
    /// The number of injectors within each other, including this one.
    depth: usize,
}

/// The most injectors that may be within each other: chains, choices and reporters.
pub const MAX_INJECTOR_DEPTH: usize = 64;

impl Injector {
    pub(crate) fn new(config: impl InjectorConfig + 'static) -> Self {
        Self { config: Box::new(config), depth: 1 }
    }

    /// Returns an injector around others of this depth. If that is too deep they are left out, and the build reports it: so no
    /// function that visits the tree goes too deep.
    fn around(depth: usize, config: impl InjectorConfig + 'static) -> Self {
        if depth >= MAX_INJECTOR_DEPTH {
            return Self::new(TooDeep);
        }
        Self { config: Box::new(config), depth: depth + 1 }
    }

    pub(crate) fn check(self, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        self.config.check(at, errors)
    }
}

fn depth_of<'i>(inner: impl IntoIterator<Item = &'i Injector>) -> usize {
    inner.into_iter().map(|injector| injector.depth).max().unwrap_or(0)
}

/// Takes the place of an injector that has too many within each other.
#[derive(Debug)]
struct TooDeep;

impl InjectorConfig for TooDeep {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let setting = if at.is_empty() { "injector" } else { at };
        errors.add(setting, MAX_INJECTOR_DEPTH, FaultErrorKind::InjectorsTooDeep);
        None
    }
}

/// The settings of an injector, not checked yet.
pub(crate) trait InjectorConfig: fmt::Debug + Send + Sync {
    /// Adds every error of this branch; `at` is the place of its parent.
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>>;
}

/// Streams that a fault reaches when it is enabled after they have begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Watches {
    pub(crate) websockets: bool,
    /// Bodies of requests.
    pub(crate) requests: bool,
    /// Bodies of responses.
    pub(crate) responses: bool,
}

impl Watches {
    /// Returns the streams of all these injectors.
    fn of<'a>(injectors: impl Iterator<Item = &'a Box<dyn CompiledInjector>>) -> Self {
        injectors.map(|injector| injector.watches()).fold(Self::default(), |all, one| Self {
            websockets: all.websockets || one.websockets,
            requests: all.requests || one.requests,
            responses: all.responses || one.responses,
        })
    }
}

/// A checked injector.
pub(crate) trait CompiledInjector: fmt::Debug + Send + Sync {
    /// Draws the steps for one request.
    fn plan(&self, draws: Draws, keys: RequestKeys<'_>, steps: &mut Steps);

    /// Returns the streams whose messages it changes.
    fn watches(&self) -> Watches {
        Watches::default()
    }

    /// Tests whether the request asks for it.
    fn admit(&self, keys: RequestKeys<'_>) -> Result<(), SkipReason> {
        let _ = keys;
        Ok(())
    }

    /// Returns the headers that the service is not to see.
    fn removed_headers(&self) -> &[HeaderName] {
        &[]
    }

    /// Tests whether it changes the request, which is too late once the service has responded.
    fn changes_request(&self) -> bool {
        false
    }

    /// Tests whether it protects the service, so that a halt of all faults must not lift it.
    fn is_protection(&self) -> bool {
        false
    }
}

/// Returns the place of a setting below another; the root of the tree has no name.
pub(crate) fn child_setting(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// Runs several injectors in order, all selected by one draw. The first one that responds ends the
/// chain; delays add up. An empty chain does nothing.
///
/// ```
/// use waylay_fault::{Delay, Fault, Reject, chain, reject, slow};
///
/// // A drop in go-fault's guide: a long delay, then no response.
/// let drop = chain([slow(Delay::fixed("2s")), reject(Reject::EmptyReply)]);
/// Fault::new("dropped-orders", drop).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn chain<I: Into<Injector>>(links: impl IntoIterator<Item = I>) -> Injector {
    let links: Vec<Injector> = links.into_iter().map(Into::into).collect();
    Injector::around(depth_of(&links), ChainConfig(links))
}

#[derive(Debug)]
struct ChainConfig(Vec<Injector>);

impl InjectorConfig for ChainConfig {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let links: Vec<_> = (self.0.into_iter().enumerate())
            .map(|(index, link)| link.check(&child_setting(at, &format!("chain[{index}]")), errors))
            .collect();
        // Collected first, to report the errors of every link.
        Some(Box::new(Chain(links.into_iter().collect::<Option<_>>()?)))
    }
}

#[derive(Debug)]
struct Chain(Vec<Box<dyn CompiledInjector>>);

impl CompiledInjector for Chain {
    fn watches(&self) -> Watches {
        Watches::of(self.0.iter())
    }

    fn changes_request(&self) -> bool {
        self.0.iter().any(|link| link.changes_request())
    }

    fn plan(&self, draws: Draws, keys: RequestKeys<'_>, steps: &mut Steps) {
        for (index, link) in (0..).zip(&self.0) {
            link.plan(draws.child(index), keys, steps);
            if steps.is_final() {
                break;
            }
        }
    }

    fn is_protection(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|link| link.is_protection())
    }
}
