//! Fleet: the replicas that run under one plan, as the program knows them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use schemars::JsonSchema;
use serde::Serialize;

/// The fleet to which a process belongs, given by [`AdminBuilder::fleet`](crate::AdminBuilder::fleet): the replicas that run
/// under one plan, wherever that comes from.
///
/// ```
/// use waylay_fault_admin::{Fleet, FleetFuture, FleetOverview, Replica};
///
/// /// Two replicas that are always there.
/// struct Pair;
///
/// impl Fleet for Pair {
///     fn overview(&self) -> FleetFuture<'_> {
///         let replica = |name: &str| {
///             let mut replica = Replica::new(name);
///             (replica.revision, replica.state) = (Some(7), "running".to_owned());
///             replica
///         };
///         let mut overview = FleetOverview::new([replica("shop-1"), replica("shop-2")]);
///         overview.revision = Some(7);
///         Box::pin(std::future::ready(Ok(overview)))
///     }
/// }
///
/// let set = waylay_fault::FaultSet::new();
/// let admin = waylay_fault_admin::Admin::builder(&set).fleet(Pair).build()?;
/// # let _ = admin;
/// # Ok::<(), waylay_fault_admin::AdminError>(())
/// ```
pub trait Fleet: Send + Sync + 'static {
    /// Returns what the replicas run. The console asks once a second.
    fn overview(&self) -> FleetFuture<'_>;
}

/// The future of [`Fleet::overview`].
pub type FleetFuture<'a> = Pin<Box<dyn Future<Output = Result<FleetOverview, FleetUnreachable>> + Send + 'a>>;

/// What a fleet runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct FleetOverview {
    /// The revision of the plan that all replicas should run; none if there is no plan.
    pub revision: Option<u64>,
    /// Why the whole fleet is halted, which may be empty, if it is.
    pub halt: Option<String>,
    /// The replicas that have reported lately.
    pub replicas: Vec<Replica>,
}

/// What one replica of a fleet runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Replica {
    /// Its name.
    pub instance: String,
    /// Whether it is this process.
    pub is_this: bool,
    /// The revision of the plan that it runs; none if its faults are not from the fleet.
    pub revision: Option<u64>,
    /// What its faults do, such as `running` or `halted`.
    pub state: String,
    /// Why, where that is known.
    pub reason: Option<String>,
    /// The id of its plan.
    pub plan: Option<String>,
    /// Why it did not accept the plan of the fleet, if it did not.
    pub rejected: Option<String>,
    /// Requests that reached a fault.
    pub seen: u64,
    /// Injections.
    pub injected: u64,
    /// Injections under way.
    pub active: u64,
    /// The time since its report.
    pub age_seconds: f64,
}

impl FleetOverview {
    /// Returns the overview of these replicas, without a plan.
    pub fn new(replicas: impl IntoIterator<Item = Replica>) -> Self {
        Self { replicas: replicas.into_iter().collect(), ..Self::default() }
    }
}

impl Replica {
    /// Returns a replica of this name, about which nothing else is known.
    pub fn new(instance: impl Into<String>) -> Self {
        Self { instance: instance.into(), ..Self::default() }
    }
}

/// Why the replicas of a fleet are not known at this time, for the reader of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetUnreachable(pub String);

impl fmt::Display for FleetUnreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the fleet cannot be reached: {}", self.0)
    }
}

impl std::error::Error for FleetUnreachable {}
