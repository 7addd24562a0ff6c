//! Random: one of several deeds, by weight.

use super::node::{Act, Draft, Injector, below};
use super::plan::Plan;
use crate::chance::{Draws, pick};
use crate::error::{Findings, Problem};

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
    fn plan(&self, mut draws: Draws, plan: &mut Plan) {
        let weights = self.choices.iter().map(|(weight, _)| *weight);
        let picked = pick(weights, draws.share() * self.total);
        if let Some((_, choice)) = self.choices.get(picked) {
            choice.plan(draws.child(picked as u64), plan);
        }
    }
}
