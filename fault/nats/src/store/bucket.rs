//! Bucket: a key-value bucket, opened when it is used first, and created if it is not there.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy, push};
use async_nats::jetstream::kv::{CreateErrorKind, Entry, Store, UpdateError, UpdateErrorKind, Watch};
use async_nats::jetstream::stream::{self, DiscardPolicy, StorageType};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::Mutex;

use crate::error::{FleetError, StoreError};
use crate::store::connection::Connection;

/// Time for all values of a bucket.
const READ_TIME: Duration = Duration::from_secs(5);

/// A bucket of the store.
pub(crate) struct Bucket {
    name: String,
    description: &'static str,
    /// Revisions of each key.
    history: i64,
    /// Time after which a key vanishes; zero: never.
    max_age: Duration,
    storage: StorageType,
    open: Mutex<Option<Store>>,
}

/// The value of a key.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) key: String,
    pub(crate) value: Bytes,
    /// When it was written, by the clock of the server.
    pub(crate) created: SystemTime,
}

/// The outcome of a write under a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// It was made, as this revision.
    Done(u64),
    /// Another revision is there than the expected one.
    Stale,
}

impl Bucket {
    /// Returns a bucket that keeps revisions of its keys on disk; it is created so if it is not there.
    pub(crate) fn durable(name: String, description: &'static str, history: i64) -> Self {
        let (max_age, storage, open) = (Duration::ZERO, StorageType::File, Mutex::default());
        Self { name, description, history, max_age, storage, open }
    }

    /// Returns a bucket whose keys vanish after this time; it is created so if it is not there.
    pub(crate) fn volatile(name: String, description: &'static str, max_age: Duration) -> Self {
        let (history, storage, open) = (1, StorageType::Memory, Mutex::default());
        Self { name, description, history, max_age, storage, open }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Reads a key, or what was left when it was deleted.
    pub(crate) async fn entry(&self, at: &Connection, key: &str) -> Result<Option<Entry>, FleetError> {
        let store = self.open(at).await?;
        let entry = store.entry(key).await;
        self.checked("read a key of", entry).await
    }

    /// Writes a key if it has this revision, or if it has no value.
    pub(crate) async fn write(
        &self,
        at: &Connection,
        key: &str,
        value: Bytes,
        expected: Option<u64>,
    ) -> Result<Written, FleetError> {
        let store = self.open(at).await?;
        let written = match expected {
            Some(revision) => is_current(store.update(key, value, revision).await),
            None => match store.create(key, value).await {
                Ok(revision) => Ok(Written::Done(revision)),
                Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(Written::Stale),
                Err(error) => Err(error.into()),
            },
        };
        self.checked("write a key of", written).await
    }

    /// Writes a key, whatever it holds.
    pub(crate) async fn put(&self, at: &Connection, key: &str, value: Bytes) -> Result<u64, FleetError> {
        let store = self.open(at).await?;
        let put = store.put(key, value).await;
        self.checked("write a key of", put).await
    }

    /// Deletes a key, if it has this revision where one is given.
    pub(crate) async fn delete(
        &self,
        at: &Connection,
        key: &str,
        expected: Option<u64>,
    ) -> Result<Written, FleetError> {
        let store = self.open(at).await?;
        let deleted = store.delete_expect_revision(key, expected).await;
        self.checked("delete a key of", is_current(deleted.map(|()| 0))).await
    }

    /// Watches all keys: those that change from now on, or from this revision.
    pub(crate) async fn watch(&self, at: &Connection, from: Option<u64>) -> Result<Watch, FleetError> {
        let store = self.open(at).await?;
        let watch = match from {
            Some(revision) => store.watch_all_from_revision(revision).await,
            None => store.watch_all().await,
        };
        self.checked("watch the keys of", watch).await
    }

    /// Reads all keys that have a value.
    pub(crate) async fn values(&self, at: &Connection) -> Result<Vec<Value>, FleetError> {
        let store = self.open(at).await?;
        let read = tokio::time::timeout(READ_TIME, read_all(at, &store)).await;
        let read = read.unwrap_or_else(|_| Err("no answer in time".into()));
        self.checked("read all keys of", read).await
    }

    /// Opens the bucket, or creates it.
    async fn open(&self, at: &Connection) -> Result<Store, FleetError> {
        at.ready().await?;
        let mut open = self.open.lock().await;
        if let Some(store) = &*open {
            return Ok(store.clone());
        }
        let jetstream = at.jetstream();
        let store = match jetstream.get_key_value(&self.name).await {
            Ok(store) => store,
            Err(_) => {
                // Another replica may create it at the same time, which is an error only if it is not there afterwards.
                let created = jetstream.create_stream(self.stream_config()).await;
                match (jetstream.get_key_value(&self.name).await, created) {
                    (Ok(store), _) => store,
                    (Err(_), Err(error)) => {
                        return Err(StoreError::new("create", &self.name, error).into());
                    }
                    (Err(error), Ok(_)) => return Err(StoreError::new("open", &self.name, error).into()),
                }
            }
        };
        *open = Some(store.clone());
        Ok(store)
    }

    /// Returns the stream of the bucket. `create_key_value` asks for the account first, whose description by servers before 2.10
    /// the client does not read.
    fn stream_config(&self) -> stream::Config {
        stream::Config {
            name: format!("KV_{}", self.name),
            description: Some(self.description.to_owned()),
            subjects: vec![format!("$KV.{}.>", self.name)],
            max_messages_per_subject: self.history,
            max_age: self.max_age,
            storage: self.storage,
            discard: DiscardPolicy::New,
            num_replicas: 1,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            ..Default::default()
        }
    }

    /// Adds the place to an error. The bucket may be gone, so it is opened again by the next operation.
    async fn checked<T>(
        &self,
        operation: &'static str,
        result: Result<T, impl Into<Box<dyn Error + Send + Sync>>>,
    ) -> Result<T, FleetError> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => {
                *self.open.lock().await = None;
                Err(StoreError::new(operation, &self.name, error).into())
            }
        }
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Tells a failed condition from other errors.
fn is_current(result: Result<u64, UpdateError>) -> Result<Written, Box<dyn Error + Send + Sync>> {
    match result {
        Ok(revision) => Ok(Written::Done(revision)),
        Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(Written::Stale),
        Err(error) => Err(error.into()),
    }
}

/// Reads the last value of each key with one request, not one for each key.
async fn read_all(at: &Connection, store: &Store) -> Result<Vec<Value>, Box<dyn Error + Send + Sync>> {
    let config = push::OrderedConfig {
        deliver_subject: at.jetstream().client().new_inbox(),
        filter_subject: format!("{}>", store.prefix),
        deliver_policy: DeliverPolicy::LastPerSubject,
        replay_policy: ReplayPolicy::Instant,
        ..Default::default()
    };
    let consumer = store.stream.create_consumer(config).await?;
    let mut values = Vec::new();
    if consumer.cached_info().num_pending == 0 {
        return Ok(values);
    }
    let mut messages = consumer.messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        let info = message.info()?;
        let (created, pending) = (info.published.into(), info.pending);
        // What is left of a deleted key has this header.
        let is_value = message.headers.as_ref().is_none_or(|headers| headers.get("KV-Operation").is_none());
        let key = message.subject.strip_prefix(store.prefix.as_str());
        if let Some(key) = key.filter(|_| is_value) {
            values.push(Value { key: key.to_owned(), value: message.payload.clone(), created });
        }
        if pending == 0 {
            break;
        }
    }
    Ok(values)
}
