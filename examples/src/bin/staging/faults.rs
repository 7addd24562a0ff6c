//! Faults of the shop: the plan that is built in, in which all are disabled.

use waylay_fault::{FaultPlan, PlanErrors};

/// Header with the id of a request; together with the seed it decides which faults are injected.
pub(crate) const REQUEST_ID: &str = "x-request-id";
/// Header with the id of one attempt, so that each retry is decided separately.
pub(crate) const ATTEMPT_ID: &str = "x-attempt-id";

const PLAN: &str = include_str!("faults.toml");

/// Returns the shop's own plan with this seed.
///
/// # Errors
/// The seed is larger than those of plans.
pub(crate) fn plan(seed: u64) -> Result<FaultPlan, PlanErrors> {
    FaultPlan::from_toml(&PLAN.replacen("seed = 7", &format!("seed = {seed}"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_has_the_seed_and_the_headers_of_the_drill() {
        let plan = plan(41).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(plan.faults().count(), 6);
        assert!(plan.to_toml().contains("seed = 41\n"), "{plan}");
        assert_eq!(PLAN.matches(ATTEMPT_ID).count(), 6);
        assert_eq!(PLAN.matches(&format!("header:{REQUEST_ID}")).count(), 1);
        assert!(plan.has_end(), "the console could not apply it again");
    }
}
