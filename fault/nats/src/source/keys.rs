//! Keys: the newest values of the plan's key and of the halt's, by watch and by reading.

use std::time::SystemTime;

use async_nats::jetstream::kv::{Entry, Operation, Watch};
use bytes::Bytes;
use futures_util::StreamExt;

use crate::error::FleetError;
use crate::names::HALT_KEY;
use crate::replica::halt::parse_halt;
use crate::store::bucket::Bucket;
use crate::store::connection::Connection;

/// The value of a key at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revision {
    pub(crate) revision: u64,
    /// None if the key was deleted.
    pub(crate) value: Option<Bytes>,
    pub(crate) created: SystemTime,
}

impl From<Entry> for Revision {
    fn from(entry: Entry) -> Self {
        let value = matches!(entry.operation, Operation::Put).then_some(entry.value);
        Self { revision: entry.revision, value, created: entry.created.into() }
    }
}

/// The newest values that are known; a key without a value was never written.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) plan: Option<Revision>,
    pub(crate) halt: Option<Revision>,
}

impl Known {
    async fn read(at: &Connection, bucket: &Bucket, plan_key: &str) -> Result<Self, FleetError> {
        // The halt first: no plan is known without it.
        let halt = bucket.entry(at, HALT_KEY).await?.map(Revision::from);
        let plan = bucket.entry(at, plan_key).await?.map(Revision::from);
        Ok(Self { plan, halt })
    }

    /// Returns what the halt key says: the reason of a halt, or that there is none. Nothing if the key was never written, as
    /// in a store that was lost and created anew, which does not end a halt.
    pub(crate) fn halt(&self) -> Option<Option<String>> {
        self.halt.as_ref().map(|halt| halt.value.as_deref().and_then(parse_halt))
    }

    /// Returns the revision up to which all changes are known.
    fn newest(&self) -> u64 {
        let revisions = [&self.plan, &self.halt].into_iter().flatten().map(|known| known.revision);
        revisions.max().unwrap_or(0)
    }

    /// Takes what a watch brought, unless a newer value is known, as one is after a watch from an older revision.
    fn take(&mut self, plan_key: &str, entry: Entry) {
        let known = match &*entry.key {
            key if key == plan_key => &mut self.plan,
            HALT_KEY => &mut self.halt,
            _ => return,
        };
        if known.as_ref().is_none_or(|known| known.revision < entry.revision) {
            *known = Some(entry.into());
        }
    }
}

/// The two keys, and the watch of their bucket.
pub(crate) struct Keys {
    plan_key: String,
    watch: Option<Watch>,
    /// The newest revision of the two keys that was seen.
    seen: u64,
    pub(crate) known: Known,
}

impl Keys {
    pub(crate) fn new(plan_key: String) -> Self {
        Self { plan_key, watch: None, seen: 0, known: Known::default() }
    }

    /// Reads both keys, and begins to watch the bucket if it is not watched. The watch begins first, after the last revision
    /// that was seen, so that nothing is missed between the two.
    pub(crate) async fn read(&mut self, at: &Connection, bucket: &Bucket) -> Result<(), FleetError> {
        if self.watch.is_none() {
            let from = (self.seen > 0).then(|| self.seen.saturating_add(1));
            self.watch = Some(bucket.watch(at, from).await?);
        }
        let known = Known::read(at, bucket, &self.plan_key).await?;
        if known.newest() < self.seen {
            // The bucket was created anew, and counts from 1 again; a watch after the old revision would see nothing. (Or a server
            // that lags has answered: then the watch brings what it does not have yet, or the next reading.)
            self.seen = 0;
            self.watch = Some(bucket.watch(at, None).await?);
            self.known = Known::read(at, bucket, &self.plan_key).await?;
        } else {
            self.known = known;
        }
        self.seen = self.seen.max(self.known.newest());
        Ok(())
    }

    /// Completes when the watch has brought something; returns whether it goes on. Never completes without a watch.
    ///
    /// Nothing is lost if it is dropped before it completes.
    pub(crate) async fn changed(&mut self) -> bool {
        let Some(watch) = &mut self.watch else { return std::future::pending().await };
        match watch.next().await {
            Some(Ok(entry)) => {
                self.known.take(&self.plan_key, entry);
                self.seen = self.seen.max(self.known.newest());
                true
            }
            _ => {
                self.watch = None;
                false
            }
        }
    }

    /// Ends the watch; the next reading begins another.
    pub(crate) fn unwatch(&mut self) {
        self.watch = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, revision: u64, operation: Operation) -> Entry {
        Entry {
            bucket: "waylay".to_owned(),
            key: key.to_owned(),
            value: Bytes::from(revision.to_string()),
            revision,
            delta: 0,
            created: SystemTime::UNIX_EPOCH.into(),
            operation,
            seen_current: true,
        }
    }

    #[test]
    fn the_newest_value_of_each_key_is_known() {
        let mut known = Known::default();
        assert_eq!((known.newest(), known.halt()), (0, None));
        for (key, revision, operation) in [
            ("plan.toml", 3, Operation::Put),
            ("plan.toml", 2, Operation::Put),
            ("other.toml", 9, Operation::Put),
            ("halt", 5, Operation::Put),
        ] {
            known.take("plan.toml", entry(key, revision, operation));
        }
        let value =
            |known: &Option<Revision>| known.as_ref().map(|known| (known.revision, known.value.clone()));
        assert_eq!(value(&known.plan), Some((3, Some("3".into()))));
        assert_eq!((value(&known.halt), known.newest()), (Some((5, Some("5".into()))), 5));
        assert_eq!(known.halt(), Some(Some("5".to_owned())));
        known.take("plan.toml", entry("plan.toml", 6, Operation::Delete));
        known.take("plan.toml", entry("halt", 7, Operation::Purge));
        assert_eq!((value(&known.plan), value(&known.halt)), (Some((6, None)), Some((7, None))));
        assert_eq!(known.halt(), Some(None));
    }
}
