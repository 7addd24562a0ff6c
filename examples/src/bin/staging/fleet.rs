//! Fleet: the option `--nats`, by which the shop is one of several replicas under one plan (feature `nats`).

use std::error::Error;

use clap::Args;
use waylay_fault::FaultSet;
use waylay_fault_admin::AdminBuilder;
#[cfg(feature = "nats")]
use waylay_fault_nats::{FleetEvent, NatsFleet};

/// The options of a fleet.
#[derive(Debug, Args)]
pub(crate) struct FleetArguments {
    /// Put the shop under the fault plan of a fleet, in place of the built-in one: the plan and the halt are in a bucket
    /// of NATS JetStream, and the console shows all replicas
    #[cfg(feature = "nats")]
    #[arg(long, value_name = "SERVERS", conflicts_with_all = ["plan", "drill"])]
    nats: Option<String>,
    /// Bucket of the fleet
    #[cfg(feature = "nats")]
    #[arg(long, value_name = "NAME", default_value = "waylay", requires = "nats")]
    bucket: String,
    /// Name of this replica; by default that of the host and a random number
    #[cfg(feature = "nats")]
    #[arg(long, value_name = "NAME", requires = "nats")]
    instance: Option<String>,
}

/// The fleet of this process, if it belongs to one.
#[derive(Debug)]
pub(crate) struct Membership {
    #[cfg(feature = "nats")]
    fleet: Option<NatsFleet>,
}

#[cfg(feature = "nats")]
impl FleetArguments {
    /// Begins to connect.
    pub(crate) async fn connect(self) -> Result<Membership, Box<dyn Error>> {
        let Some(servers) = self.nats else { return Ok(Membership { fleet: None }) };
        let fleet = NatsFleet::builder(servers).bucket(self.bucket).on_event(log_event);
        let fleet = self.instance.into_iter().fold(fleet, |fleet, name| fleet.instance(name));
        Ok(Membership { fleet: Some(fleet.connect().await?) })
    }
}

#[cfg(feature = "nats")]
impl Membership {
    pub(crate) fn is_member(&self) -> bool {
        self.fleet.is_some()
    }

    /// Shows the replicas in the console.
    pub(crate) fn show(&self, admin: AdminBuilder) -> AdminBuilder {
        self.fleet.iter().fold(admin, |admin, fleet| admin.fleet(fleet.clone()))
    }

    /// Puts the set under the plan of the fleet, from now on.
    pub(crate) fn join(&self, faults: &FaultSet) {
        if let Some(fleet) = self.fleet.clone() {
            let faults = faults.clone();
            tokio::spawn(async move { fleet.run(&faults).await });
        }
    }

    /// Removes the report of this replica, which would vanish by itself after some time.
    pub(crate) async fn leave(&self) {
        if let Some(fleet) = &self.fleet
            && let Err(error) = fleet.leave().await
        {
            tracing::warn!("fleet: {error}");
        }
    }
}

#[cfg(feature = "nats")]
fn log_event(event: &FleetEvent) {
    match event {
        FleetEvent::Connected | FleetEvent::Resumed { .. } => tracing::info!("{event}"),
        _ => tracing::warn!("{event}"),
    }
}

#[cfg(not(feature = "nats"))]
impl FleetArguments {
    #[allow(clippy::unused_async, reason = "with the feature it connects")]
    pub(crate) async fn connect(self) -> Result<Membership, Box<dyn Error>> {
        Ok(Membership {})
    }
}

#[cfg(not(feature = "nats"))]
impl Membership {
    pub(crate) fn is_member(&self) -> bool {
        false
    }

    pub(crate) fn show(&self, admin: AdminBuilder) -> AdminBuilder {
        admin
    }

    pub(crate) fn join(&self, _: &FaultSet) {}

    pub(crate) async fn leave(&self) {}
}
