//! NatsFleetBuilder: servers, bucket, key and name of a replica.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::ConnectOptions;

use crate::error::FleetError;
use crate::fleet::fleet::{FleetParts, NatsFleet};
use crate::names::{check_bucket, check_instance, instance_name, plan_format, status_bucket};
use crate::replica::event::FleetEvent;
use crate::replica::replica::{OnEvent, Replica};
use crate::status::reporter::Reporter;
use crate::store::bucket::Bucket;
use crate::store::connection::Connection;

/// Revisions of each key that a new bucket keeps.
const HISTORY: i64 = 16;

/// Intervals after which the report of a replica that is gone vanishes.
const LIFE: u32 = 3;

/// The shortest interval, and the longest.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3600));

/// Options of a [`NatsFleet`], begun by [`NatsFleet::builder`].
#[must_use = "a builder does nothing until `connect`"]
pub struct NatsFleetBuilder {
    servers: String,
    options: ConnectOptions,
    bucket: String,
    key: String,
    instance: Option<String>,
    interval: Duration,
    poll: Duration,
    on_event: Option<OnEvent>,
}

impl NatsFleet {
    /// Begins a fleet on these servers, separated by commas: `nats://host:4222`, `tls://host`, with `user:password@` before
    /// the host.
    pub fn builder(servers: impl Into<String>) -> NatsFleetBuilder {
        NatsFleetBuilder {
            servers: servers.into(),
            options: ConnectOptions::new(),
            bucket: "waylay".to_owned(),
            key: "plan.toml".to_owned(),
            instance: None,
            interval: Duration::from_secs(5),
            poll: Duration::from_secs(30),
            on_event: None,
        }
    }
}

impl NatsFleetBuilder {
    /// Sets options of the client: credentials, certificates. Those of the connection itself (reconnecting, time limits,
    /// events) are set by the fleet.
    pub fn options(mut self, options: ConnectOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the bucket of the plan and the halt; `waylay` by default. The reports are in the one of this name and `-status`.
    /// A bucket that is not there is created, with one replica; for more of them, or more than 16 revisions, create it before.
    pub fn bucket(mut self, name: impl Into<String>) -> Self {
        self.bucket = name.into();
        self
    }

    /// Sets the key of the plan; `plan.toml` by default. Its ending is the format: `.toml`, `.json`, `.yaml`.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Sets the name of this replica, which no other may have. By default it is that of the host (`HOSTNAME`) and a random
    /// number.
    pub fn instance(mut self, name: impl Into<String>) -> Self {
        self.instance = Some(name.into());
        self
    }

    /// Sets the time between two reports; 5 s by default, changed by up to a fifth. A new bucket of reports forgets a replica
    /// after three of them.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.clamp(INTERVALS.0, INTERVALS.1);
        self
    }

    /// Sets the time after which the keys are read although the watch brought nothing; 30 s by default, changed by up to a
    /// fifth.
    pub fn poll(mut self, interval: Duration) -> Self {
        self.poll = interval.clamp(INTERVALS.0, INTERVALS.1);
        self
    }

    /// Calls this function with each event between the replica and its fleet, which the log of the set has too.
    pub fn on_event(mut self, on_event: impl Fn(&FleetEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Box::new(on_event));
        self
    }

    /// Begins to connect, and does not wait for it: a service starts whether its fleet can be reached or not.
    ///
    /// # Errors
    /// A name or an address is wrong.
    pub async fn connect(self) -> Result<NatsFleet, FleetError> {
        check_bucket(&self.bucket)?;
        let status_bucket = status_bucket(&self.bucket);
        check_bucket(&status_bucket).map_err(|_| FleetError::Bucket(self.bucket.clone()))?;
        let format = plan_format(&self.key)?;
        let host = std::env::var("HOSTNAME").ok();
        let instance = self.instance.unwrap_or_else(|| instance_name(host.as_deref(), rand::random()));
        check_instance(&instance)?;
        let plans = Bucket::durable(self.bucket, "fault plans of waylay, and their halt", HISTORY);
        let statuses = Bucket::volatile(status_bucket, "what the replicas run", self.interval * LIFE);
        let options = self.options.name(format!("waylay-fault {instance}"));
        let connection = Connection::new(&self.servers, options).await?;
        Ok(NatsFleet::new(FleetParts {
            connection: Arc::new(connection),
            plans: Arc::new(plans),
            reporter: Reporter::new(statuses, self.interval),
            replica: Arc::new(Replica::new(instance, self.on_event)),
            key: self.key,
            format,
            poll: self.poll,
        }))
    }
}

impl fmt::Debug for NatsFleetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the servers, with passwords, nor the options.
        f.debug_struct("NatsFleetBuilder")
            .field("bucket", &self.bucket)
            .field("key", &self.key)
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}
