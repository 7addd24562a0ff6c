//! Injector, the tree of injectors: chain, random, custom, reporter.

use std::fmt;
use std::sync::Arc;

use crate::config::error::{Findings, Problem};
use crate::injector::custom::Inject;
use crate::injector::key::Asker;
use crate::injector::plan::{Ear, Plan, Step};
use crate::random::draws::{Draws, pick};
use crate::report::event::{Deed, Reporter};

/// Does one of several things, each as often as its weight says. Weights need not add up to 1; a
/// weight of 0 is never picked.
///
/// ```
/// use waylay_fault::{Fault, error, random};
///
/// Fault::new("mixed-errors", random([(3.0, error(503)), (1.0, error(429))])).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn random<I: Into<Injector>>(choices: impl IntoIterator<Item = (f64, I)>) -> Injector {
    Injector::draft(RandomDraft(
        choices.into_iter().map(|(weight, choice)| (weight, choice.into())).collect(),
    ))
}

/// Does one of several things, picked by your own function of the request's draws: the index of one
/// of them, of which what lies beyond the last counts from the first again.
///
/// ```
/// use waylay_fault::{Fault, error, random_by};
///
/// // By the hour, say, or by what another service tells; here, mostly the first.
/// let mostly = random_by([error(503), error(429)], |draws| usize::from(draws.share() > 0.9));
/// Fault::new("mixed-errors", mostly).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn random_by<I: Into<Injector>>(
    choices: impl IntoIterator<Item = I>,
    index: impl Fn(&mut Draws) -> usize + Send + Sync + 'static,
) -> Injector {
    Injector::draft(ByHand { choices: choices.into_iter().map(Into::into).collect(), index: Box::new(index) })
}

type Index = dyn Fn(&mut Draws) -> usize + Send + Sync;

struct ByHand<I> {
    choices: Vec<I>,
    index: Box<Index>,
}

impl Draft for ByHand<Injector> {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let Self { choices, index } = *self;
        if choices.is_empty() {
            findings.add(below(at, "random"), "[]", Problem::NothingToPick);
        }
        let choices: Vec<_> = (choices.into_iter().enumerate())
            .map(|(number, choice)| choice.check(&below(at, &format!("random[{number}]")), findings))
            .collect();
        // Gathered before it is judged, so that every choice's faults are found.
        let choices: Vec<_> = choices.into_iter().collect::<Option<_>>()?;
        (!choices.is_empty()).then(|| Box::new(ByHand { choices, index }) as Box<dyn Act>)
    }
}

impl Act for ByHand<Box<dyn Act>> {
    fn plan(&self, mut draws: Draws, asker: Asker<'_>, plan: &mut Plan) {
        let picked = (self.index)(&mut draws).checked_rem(self.choices.len()).unwrap_or(0);
        if let Some(choice) = self.choices.get(picked) {
            choice.plan(draws.child(picked as u64), asker, plan);
        }
    }
}

impl<I: fmt::Debug> fmt::Debug for ByHand<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ByHand").field(&self.choices).finish()
    }
}

#[derive(Debug)]
struct RandomDraft(Vec<(f64, Injector)>);

impl Draft for RandomDraft {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let weights: Vec<f64> = self.0.iter().map(|(weight, _)| *weight).collect();
        let mut good = true;
        let choices: Vec<_> = (self.0.into_iter().enumerate())
            .map(|(index, (weight, choice))| {
                let at = below(at, &format!("random[{index}]"));
                if !(0.0..f64::INFINITY).contains(&weight) {
                    findings.add(format!("{at}.weight"), weight, Problem::Weight);
                    good = false;
                }
                Some((weight, choice.check(&at, findings)?))
            })
            .collect();
        let total: f64 = weights.iter().sum();
        if good && !(total > 0.0 && total.is_finite()) {
            findings.add(below(at, "random"), format!("{weights:?}"), Problem::NothingToPick);
            return None;
        }
        let choices = choices.into_iter().collect::<Option<_>>()?;
        good.then(|| Box::new(Random { choices, total }) as Box<dyn Act>)
    }
}

#[derive(Debug)]
struct Random {
    choices: Vec<(f64, Box<dyn Act>)>,
    total: f64,
}

impl Act for Random {
    fn plan(&self, mut draws: Draws, asker: Asker<'_>, plan: &mut Plan) {
        let weights = self.choices.iter().map(|(weight, _)| *weight);
        let picked = pick(weights, draws.share() * self.total);
        if let Some((_, choice)) = self.choices.get(picked) {
            choice.plan(draws.child(picked as u64), asker, plan);
        }
    }
}

/// Hands the request to a function of yours, under a name for reports.
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use waylay_fault::{Call, Fault, Verdict, custom};
///
/// let teapot = custom("teapot", |mut call: Call| async move {
///     if call.request().uri().path().starts_with("/brew") && call.draws().share() < 0.5 {
///         let mut response = Response::new(Bytes::from("short and stout"));
///         *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
///         return Verdict::Respond(response);
///     }
///     Verdict::Continue
/// });
/// Fault::new("tea-time", teapot).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn custom(name: impl Into<String>, inject: impl Inject) -> Injector {
    Injector::draft(Custom { name: name.into().into(), inject: Arc::new(inject) })
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

impl Draft for Custom {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        if self.name.is_empty() {
            findings.add(below(at, "custom.name"), &self.name, Problem::Name);
            return None;
        }
        Some(self)
    }
}

impl Act for Custom {
    fn plan(&self, draws: Draws, _: Asker<'_>, plan: &mut Plan) {
        plan.then(Step::Ask(self.inject.clone(), draws), Deed::Custom(self.name.clone()));
    }
}

impl Injector {
    /// Lets a reporter hear of this part of the tree alone: the same phases as the fault's own
    /// [`reporter`](crate::FaultBuilder::reporter), with the deeds of this part, and nothing of
    /// requests in which it takes no part.
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
        Self::draft(Reported { injector: self, reporter: Arc::new(reporter) })
    }
}

struct Reported<I> {
    injector: I,
    reporter: Arc<dyn Reporter>,
}

impl Draft for Reported<Injector> {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let injector = self.injector.check(at, findings)?;
        Some(Box::new(Reported { injector, reporter: self.reporter }))
    }
}

impl Act for Reported<Box<dyn Act>> {
    fn plan(&self, draws: Draws, asker: Asker<'_>, plan: &mut Plan) {
        let from = plan.deeds.len();
        self.injector.plan(draws, asker, plan);
        let to = plan.deeds.len();
        if from < to {
            plan.ears.push(Ear { reporter: self.reporter.clone(), from, to });
        }
    }
}

impl<I: fmt::Debug> fmt::Debug for Reported<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.injector.fmt(f)
    }
}

/// What a fault does to the requests it strikes: one deed, or a tree of them.
///
/// Made by [`reject`](crate::reject), [`error`](crate::config::error()), [`slow`](crate::slow),
/// [`random`](crate::random), [`chain`](crate::chain) and [`custom`](crate::custom); what is wrong
/// with one is reported by [`FaultBuilder::build`](crate::FaultBuilder::build).
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
#[derive(Debug)]
pub struct Injector(Box<dyn Draft>);

impl Injector {
    pub(crate) fn draft(draft: impl Draft + 'static) -> Self {
        Self(Box::new(draft))
    }

    pub(crate) fn check(self, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        self.0.check(at, findings)
    }
}

/// An injector as written, good or not.
pub(crate) trait Draft: fmt::Debug + Send + Sync {
    /// Adds every fault of this branch to the findings; `at` is the place of its parent.
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>>;
}

/// An injector found good.
pub(crate) trait Act: fmt::Debug + Send + Sync {
    /// Draws what it does to the request of this asker.
    fn plan(&self, draws: Draws, asker: Asker<'_>, plan: &mut Plan);
}

/// The place of a setting below another; the root of the tree has no name.
pub(crate) fn below(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// Does one thing after the other, all decided by one draw. The first link that answers by itself
/// ends it; delays add up. An empty chain does nothing.
///
/// ```
/// use waylay_fault::{Delay, Fault, Reject, chain, reject, slow};
///
/// // What go-fault's guide calls a drop: a long wait, then no answer.
/// let drop = chain([slow(Delay::fixed("2s")), reject(Reject::EmptyReply)]);
/// Fault::new("dropped-orders", drop).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn chain<I: Into<Injector>>(links: impl IntoIterator<Item = I>) -> Injector {
    Injector::draft(ChainDraft(links.into_iter().map(Into::into).collect()))
}

#[derive(Debug)]
struct ChainDraft(Vec<Injector>);

impl Draft for ChainDraft {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let links: Vec<_> = (self.0.into_iter().enumerate())
            .map(|(index, link)| link.check(&below(at, &format!("chain[{index}]")), findings))
            .collect();
        // Gathered before it is judged, so that every link's faults are found.
        Some(Box::new(Chain(links.into_iter().collect::<Option<_>>()?)))
    }
}

#[derive(Debug)]
struct Chain(Vec<Box<dyn Act>>);

impl Act for Chain {
    fn plan(&self, draws: Draws, asker: Asker<'_>, plan: &mut Plan) {
        for (index, link) in (0..).zip(&self.0) {
            link.plan(draws.child(index), asker, plan);
            if plan.is_final() {
                break;
            }
        }
    }
}
