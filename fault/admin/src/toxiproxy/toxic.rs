//! ToxicConfig: one toxic of a proxy, in Toxiproxy's words.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use waylay_fault::{Direction, Fault, FaultBuilder, Toxic};

use crate::toxiproxy::error::ProxyError;
use crate::toxiproxy::json;

/// A toxic of a proxy.
///
/// ```
/// use waylay_fault_admin::{ToxicConfig, ToxicKind};
///
/// let toxic = ToxicConfig::downstream(ToxicKind::Latency { latency: 100, jitter: 20 });
/// assert_eq!(toxic.name, "latency_downstream");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ToxicConfig {
    /// Unique among the toxics of the proxy; type and direction by default.
    pub name: String,
    /// The direction in which it acts.
    pub stream: ToxicStream,
    /// The share of the connections that it acts on, from 0 to 1.
    pub toxicity: f64,
    /// Its type and attributes.
    #[serde(flatten)]
    pub kind: ToxicKind,
}

/// A direction through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToxicStream {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
}

impl ToxicStream {
    fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }
}

/// Types of toxics with their attributes, in Toxiproxy's units; absent attributes are 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "attributes", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToxicKind {
    /// Does nothing.
    Noop {},
    /// Delays data by `latency` plus or minus `jitter`, in milliseconds.
    Latency {
        /// In milliseconds.
        #[serde(default)]
        latency: i64,
        /// In milliseconds.
        #[serde(default)]
        jitter: i64,
    },
    /// Limits the rate; 0 or less is no limit.
    Bandwidth {
        /// In kilobytes per second.
        #[serde(default)]
        rate: i64,
    },
    /// Delays the end of the stream.
    SlowClose {
        /// In milliseconds.
        #[serde(default)]
        delay: i64,
    },
    /// Stops all data, and closes the connection after a time; 0 never closes it.
    Timeout {
        /// In milliseconds.
        #[serde(default)]
        timeout: i64,
    },
    /// Resets the connection a time after its first byte.
    ResetPeer {
        /// In milliseconds.
        #[serde(default)]
        timeout: i64,
    },
    /// Cuts data into slices.
    Slicer {
        /// In bytes, at least 1.
        #[serde(default)]
        average_size: i64,
        /// In bytes, less than the average.
        #[serde(default)]
        size_variation: i64,
        /// Between slices, in microseconds.
        #[serde(default)]
        delay: i64,
    },
    /// Closes the connection after a number of bytes.
    LimitData {
        /// In bytes.
        #[serde(default)]
        bytes: i64,
    },
    /// Drops chunks, in bursts.
    PacketLoss {
        /// The share of the chunks that is dropped, from 0 to 1.
        #[serde(default)]
        loss_rate: f64,
        /// Added to it after a dropped chunk.
        #[serde(default)]
        correlation: f64,
    },
}

impl ToxicConfig {
    /// Returns a toxic of the data from the server to the client, for every connection.
    pub fn downstream(kind: ToxicKind) -> Self {
        Self::new(kind, ToxicStream::Downstream)
    }

    /// Returns a toxic of the data from the client to the server, for every connection.
    pub fn upstream(kind: ToxicKind) -> Self {
        Self::new(kind, ToxicStream::Upstream)
    }

    fn new(kind: ToxicKind, stream: ToxicStream) -> Self {
        let name = format!("{}_{}", kind.name(), stream.name());
        Self { name, stream, toxicity: 1.0, kind }
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the share of the connections that it acts on, from 0 to 1.
    #[must_use]
    pub fn toxicity(mut self, share: f64) -> Self {
        self.toxicity = share;
        self
    }

    /// Reads the body of a request for a new toxic.
    pub(crate) fn read(body: &[u8]) -> Result<Self, ProxyError> {
        let mut members = json::object(json::decode(body)?)?;
        let mut text = |name: &str| members.remove(name).map(json::typed::<String>).transpose();
        let stream = match text("stream")? {
            None => ToxicStream::Downstream,
            Some(name) if name.eq_ignore_ascii_case("downstream") => ToxicStream::Downstream,
            Some(name) if name.eq_ignore_ascii_case("upstream") => ToxicStream::Upstream,
            Some(name) => return Err(ProxyError::BadStream(name)),
        };
        let name = text("name")?.filter(|name| !name.is_empty());
        let type_name = text("type")?.unwrap_or_default();
        // No attribute is required.
        if ToxicKind::read(&type_name, Map::new()).is_err() {
            return Err(ProxyError::BadType(type_name));
        }
        let kind = ToxicKind::read(&type_name, attributes(&mut members)?)?;
        let mut toxic = Self::new(kind, stream);
        toxic.name = name.unwrap_or(toxic.name);
        toxic.toxicity = toxicity(&mut members)?.unwrap_or(1.0);
        Ok(toxic)
    }

    /// Reads the body of a request that changes this toxic: toxicity, and attributes; others stay.
    pub(crate) fn changed_by(&self, body: &[u8]) -> Result<Self, ProxyError> {
        let mut members = json::object(json::decode(body)?)?;
        let mut merged =
            match json::object(serde_json::to_value(self.kind).unwrap_or_default())?.remove("attributes") {
                Some(Value::Object(attributes)) => attributes,
                _ => Map::new(),
            };
        merged.extend(attributes(&mut members)?);
        Ok(Self {
            name: self.name.clone(),
            stream: self.stream,
            toxicity: toxicity(&mut members)?.unwrap_or(self.toxicity),
            kind: ToxicKind::read(self.kind.name(), merged)?,
        })
    }

    /// Returns the fault that does it; `None`: it does nothing.
    pub(crate) fn to_fault(&self) -> Option<FaultBuilder> {
        let direction = match self.stream {
            ToxicStream::Upstream => Direction::Upstream,
            ToxicStream::Downstream => Direction::Downstream,
        };
        let toxic = self.kind.to_toxic()?.direction(direction);
        Some(Fault::new(&*self.name, toxic).enabled(true).participation(self.toxicity.clamp(0.0, 1.0)))
    }
}

impl ToxicKind {
    fn name(self) -> &'static str {
        match self {
            Self::Noop {} => "noop",
            Self::Latency { .. } => "latency",
            Self::Bandwidth { .. } => "bandwidth",
            Self::SlowClose { .. } => "slow_close",
            Self::Timeout { .. } => "timeout",
            Self::ResetPeer { .. } => "reset_peer",
            Self::Slicer { .. } => "slicer",
            Self::LimitData { .. } => "limit_data",
            Self::PacketLoss { .. } => "packet_loss",
        }
    }

    fn read(name: &str, attributes: Map<String, Value>) -> Result<Self, ProxyError> {
        json::typed(serde_json::json!({ "type": name, "attributes": attributes }))
    }

    fn to_toxic(self) -> Option<Toxic> {
        let millis = |given: i64| Duration::from_millis(positive(given));
        Some(match self {
            Self::Noop {} | Self::Bandwidth { rate: ..=0 } => return None,
            Self::Latency { latency, jitter } => Toxic::latency(millis(latency), millis(jitter)),
            Self::Bandwidth { rate } => Toxic::bandwidth(positive(rate)),
            Self::SlowClose { delay } => Toxic::slow_close(millis(delay)),
            Self::Timeout { timeout } => Toxic::timeout(millis(timeout)),
            Self::ResetPeer { timeout } => Toxic::reset_peer(millis(timeout)),
            Self::Slicer { average_size, size_variation, delay } => Toxic::slicer(
                size(average_size),
                size(size_variation),
                Duration::from_micros(positive(delay)),
            ),
            Self::LimitData { bytes } => Toxic::limit_data(positive(bytes)),
            Self::PacketLoss { loss_rate, correlation } => Toxic::packet_loss(loss_rate, correlation),
        })
    }
}

/// A negative number is 0, as in Toxiproxy.
fn positive(given: i64) -> u64 {
    u64::try_from(given).unwrap_or(0)
}

fn size(given: i64) -> usize {
    usize::try_from(positive(given)).unwrap_or(usize::MAX)
}

fn attributes(members: &mut Map<String, Value>) -> Result<Map<String, Value>, ProxyError> {
    members.remove("attributes").map_or_else(|| Ok(Map::new()), json::object)
}

fn toxicity(members: &mut Map<String, Value>) -> Result<Option<f64>, ProxyError> {
    members.remove("toxicity").map(json::typed).transpose()
}
