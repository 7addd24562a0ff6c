//! Random: one of several deeds, by weight.

use std::fmt;

use super::node::{Act, Draft, Injector, below};
use super::plan::Plan;
use crate::chance::{Draws, pick};
use crate::error::{Findings, Problem};
use crate::key::Asker;

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
