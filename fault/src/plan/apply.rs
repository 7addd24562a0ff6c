//! Plans applied to a FaultSet, and the plan of a running one.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use crate::config::one_line::OneLine;
use crate::fault::fault::Fault;
use crate::fault::selection::CountLimits;
use crate::fault::set::{FaultSet, NextMember, SetMember, Snapshot};
use crate::fault::set_error::SetError;
use crate::plan::build::{self, Defaults, Groups};
use crate::plan::data::{Data, Table};
use crate::plan::error::PlanErrors;
use crate::plan::plan::{FaultPlan, PlanFormat};
use crate::plan::supplied::Supplied;
use crate::report::set_event::SetEvent;

/// What a fault of a plan was made from.
#[derive(Debug, PartialEq)]
struct FaultSpec {
    fault: Table,
    defaults: Defaults,
}

/// Why a plan was not applied; the running one stays.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ApplyError {
    /// The process declared no environment.
    NoEnvironment {
        /// The environments of the plan.
        wanted: Vec<String>,
    },
    /// The process declared an environment that the plan does not name.
    OtherEnvironment {
        /// The environment of the process.
        declared: String,
        /// The environments of the plan.
        wanted: Vec<String>,
    },
    /// A plan of a remote source has no end.
    NoEnd,
    /// The faults cannot be built.
    Set(SetError),
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEnvironment { wanted } => write!(
                f,
                "the plan is for {}, and this process declared no environment; set `WAYLAY_ENVIRONMENT`",
                OneLine(&wanted.join(", "))
            ),
            Self::OtherEnvironment { declared, wanted } => {
                let wanted = wanted.join(", ");
                write!(f, "the plan is for {}, and this is {}", OneLine(&wanted), OneLine(declared))
            }
            Self::NoEnd => f.write_str("a plan of a remote source needs an end; set `ttl` or `until`"),
            Self::Set(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ApplyError {}

impl FaultSet {
    /// Reads a plan for this set: it may name what is in the set's
    /// [registry](crate::FaultSetBuilder::registry), and nothing else.
    ///
    /// # Errors
    /// Those of [`FaultPlan::parse_with`].
    pub fn parse_plan(&self, text: &str, format: PlanFormat) -> Result<FaultPlan, PlanErrors> {
        FaultPlan::parse_with(text, format, self.registry())
    }

    /// Replaces all faults and guards by those of a plan.
    ///
    /// Faults that the plan leaves unchanged go on undisturbed. Those that keep their name keep
    /// their counters; a time to live begins anew; a stop holds.
    ///
    /// # Errors
    /// The plan is not for the environment of this process; the set stays as it was.
    pub fn apply(&self, plan: &FaultPlan) -> Result<(), ApplyError> {
        let result = self.try_apply(plan);
        if let Err(error) = &result {
            self.notify(&SetEvent::Rejected(error.to_string()));
        }
        result
    }

    /// Replaces all faults and guards by those of a plan from outside of this machine. It needs an end, since its
    /// sender may be out of reach when it has to be taken back.
    ///
    /// ```
    /// # #[cfg(feature = "toml")] {
    /// use waylay_fault::{ApplyError, FaultPlan, FaultSet};
    ///
    /// let set = FaultSet::builder().environment("staging").build();
    /// let plan = FaultPlan::from_toml("version = 1\nenvironments = ['staging']")?;
    /// assert_eq!(set.apply_remote(&plan), Err(ApplyError::NoEnd));
    /// let plan = FaultPlan::from_toml("version = 1\nenvironments = ['staging']\nttl = '15m'")?;
    /// set.apply_remote(&plan)?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The plan has no end, or as for [`apply`](Self::apply).
    pub fn apply_remote(&self, plan: &FaultPlan) -> Result<(), ApplyError> {
        if plan.has_end() {
            return self.apply(plan);
        }
        self.notify(&SetEvent::Rejected(ApplyError::NoEnd.to_string()));
        Err(ApplyError::NoEnd)
    }

    /// Checks whether [`apply_remote`](Self::apply_remote) would take a plan, and changes nothing.
    ///
    /// # Errors
    /// Those of `apply_remote`.
    pub fn check_remote(&self, plan: &FaultPlan) -> Result<(), ApplyError> {
        if plan.has_end() { self.check_environment(plan) } else { Err(ApplyError::NoEnd) }
    }

    fn check_environment(&self, plan: &FaultPlan) -> Result<(), ApplyError> {
        let wanted = || plan.environments().map(str::to_owned).collect();
        match self.environment() {
            None => Err(ApplyError::NoEnvironment { wanted: wanted() }),
            Some(declared) if plan.environments().all(|name| name != declared) => {
                Err(ApplyError::OtherEnvironment { declared: declared.to_owned(), wanted: wanted() })
            }
            Some(_) => Ok(()),
        }
    }

    fn try_apply(&self, plan: &FaultPlan) -> Result<(), ApplyError> {
        self.check_environment(plan)?;
        let guards =
            plan.guards().compile().map_err(|error| ApplyError::Set(SetError::Faults(vec![error])))?;
        let supplied = Supplied { registry: self.registry(), is_read_only: false };
        let mut switched_off = Vec::new();
        let next = |old: &Snapshot| next_members(plan, old, supplied, &mut switched_off);
        let result = self.swap(next, Some(guards), Some(plan.data.clone()));
        // Wakes foreign code, which may come back to the set.
        switched_off.iter().for_each(|fault| fault.state.switch.wake_cancelled());
        result.map_err(ApplyError::Set)
    }

    /// Returns the plan that was applied last, with each fault enabled, limited and taking part as it
    /// does now; none if the faults came from elsewhere.
    pub fn plan(&self) -> Option<FaultPlan> {
        let snapshot = self.snapshot();
        let source = snapshot.source.clone()?.downcast::<Table>().ok()?;
        let mut plan = (*source).clone();
        let is_plan_enabled = plan.bool("enabled").unwrap_or(true);
        let live: HashMap<&str, &SetMember> =
            snapshot.members.iter().map(|member| (member.fault.name(), member)).collect();
        if let Some((_, Data::List(faults))) = plan.0.iter_mut().find(|(key, _)| *key == "fault") {
            for item in faults {
                let Data::Table(fault) = item else { continue };
                let Some(member) = fault.text("name").and_then(|name| live.get(name)) else { continue };
                let control = member.fault.control();
                let was_enabled = is_plan_enabled && fault.bool("enabled").unwrap_or(true);
                if control.enabled() != was_enabled && is_plan_enabled {
                    set_in_order(fault, "enabled", Data::Bool(control.enabled()));
                }
                if fault.number("participation") != Some(control.participation()) {
                    fault.set("participation", Data::Number(control.participation()));
                }
                let limits = control.count_limits();
                if limits != count_limits(fault) {
                    let count = |count: u64| {
                        Some(count).and_then(|count| i64::try_from(count).ok()).map(Data::Integer)
                    };
                    let members = [
                        ("skip", (limits.skip > 0).then_some(limits.skip)),
                        ("every", (limits.every > 1).then_some(limits.every)),
                        ("limit", limits.limit),
                    ];
                    for (key, value) in members {
                        match value.and_then(count) {
                            Some(value) => set_in_order(fault, key, value),
                            None => fault.0.retain(|(known, _)| *known != key),
                        }
                    }
                }
            }
        }
        Some(FaultPlan { data: Arc::new(plan) })
    }
}

/// The limits of a fault as its plan declares them.
fn count_limits(fault: &Table) -> CountLimits {
    CountLimits {
        skip: fault.count("skip").unwrap_or_default(),
        every: fault.count("every").unwrap_or(1),
        limit: fault.count("limit"),
    }
}

/// Returns the faults of a plan, of which those that run unchanged stay. Those of them that the plan
/// switches off have yet to be woken.
fn next_members(
    plan: &FaultPlan,
    old: &Snapshot,
    supplied: Supplied<'_>,
    switched_off: &mut Vec<Fault>,
) -> Vec<NextMember> {
    let defaults = Defaults::of(&plan.data);
    let specs: Vec<_> = (plan.data.tables("fault"))
        .map(|fault| FaultSpec { fault: fault.clone(), defaults: defaults.clone() })
        .collect();
    let same = |spec: &FaultSpec| old.members.iter().find(|member| spec_of(member) == Some(spec));
    let changed_groups = changed_groups(&specs, &old.members);
    let mut groups = Groups::default();
    let next = specs.into_iter().map(|spec| {
        let is_free = group_of(&spec.fault).is_none_or(|group| !changed_groups.contains(group));
        match same(&spec).filter(|_| is_free) {
            // A fault that was switched since the plan was loaded is reset to the plan.
            Some(member) => {
                let control = member.fault.control();
                let is_enabled = spec.defaults.is_enabled && spec.fault.bool("enabled").unwrap_or(true);
                if is_enabled && !control.enabled() {
                    control.set_enabled(true);
                } else if !is_enabled && control.enabled() {
                    member.fault.state.switch.store_enabled(false);
                    switched_off.push(member.fault.clone());
                }
                let _ = control.set_participation(spec.fault.number("participation").unwrap_or_default());
                control.set_count_limits(count_limits(&spec.fault));
                NextMember::Same(member.clone())
            }
            None => NextMember::New {
                placement: build::placement(&spec.fault),
                builder: Box::new(build::fault(&spec.fault, &defaults, &mut groups, supplied)),
                spec: Some(Arc::new(spec) as Arc<dyn Any + Send + Sync>),
            },
        }
    });
    next.collect()
}

/// Sets a key that may be new, in the place that the shape gives it.
fn set_in_order(fault: &mut Table, key: &'static str, data: Data) {
    if fault.get(key).is_some() {
        return fault.set(key, data);
    }
    let before =
        crate::plan::plan_shapes::fault_keys().take_while(|known| *known != key).collect::<HashSet<_>>();
    let at = fault.0.iter().take_while(|(known, _)| before.contains(known)).count();
    fault.0.insert(at, (key, data));
}

fn spec_of(member: &SetMember) -> Option<&FaultSpec> {
    member.spec.as_ref()?.downcast_ref()
}

fn group_of(fault: &Table) -> Option<&str> {
    fault.table("group")?.text("name")
}

/// The groups any member of which comes, goes or changes. Their picks go by all members, so that
/// none of those may stay in the group of before.
fn changed_groups(specs: &[FaultSpec], old: &[SetMember]) -> HashSet<String> {
    fn members<'a>(specs: impl Iterator<Item = &'a FaultSpec>) -> HashMap<&'a str, Vec<&'a FaultSpec>> {
        let mut groups: HashMap<_, Vec<_>> = HashMap::new();
        for spec in specs {
            if let Some(name) = group_of(&spec.fault) {
                groups.entry(name).or_default().push(spec);
            }
        }
        groups
    }
    let before = members(old.iter().filter_map(spec_of));
    let after = members(specs.iter());
    let changed = after.iter().filter(|(name, specs)| before.get(*name) != Some(specs));
    changed.map(|(name, _)| (*name).to_owned()).collect()
}
