//! Proxy: one TCP proxy; ProxyConfig: what it is made from.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use waylay_fault::{FaultPlacement, FaultSet};

use crate::toxiproxy::error::ProxyError;
use crate::toxiproxy::link::{Link, LinkTraffic};
use crate::toxiproxy::toxic::ToxicConfig;

/// A proxy: its name, the address where it listens, and the server to which it connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProxyConfig {
    /// Unique among the proxies.
    #[serde(default)]
    pub name: String,
    /// `host:port`; port 0 takes a free one, and an empty text a free one of `127.0.0.1`.
    #[serde(default)]
    pub listen: String,
    /// `host:port` of the server, resolved for each connection.
    #[serde(default)]
    pub upstream: String,
    /// Whether it accepts connections.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

impl ProxyConfig {
    /// Returns an enabled proxy.
    pub fn new(name: impl Into<String>, listen: impl Into<String>, upstream: impl Into<String>) -> Self {
        Self { name: name.into(), listen: listen.into(), upstream: upstream.into(), enabled: true }
    }

    /// Sets whether it accepts connections.
    #[must_use]
    pub fn enabled(mut self, is_enabled: bool) -> Self {
        self.enabled = is_enabled;
        self
    }
}

/// A proxy as it is: its settings with the address that it has, and its toxics.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProxyStatus {
    /// The settings.
    #[serde(flatten)]
    pub config: ProxyConfig,
    /// Those of the direction to the server first.
    pub toxics: Vec<ToxicConfig>,
}

/// A proxy that exists, whether it listens or not.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) config: ProxyConfig,
    toxics: Vec<ToxicConfig>,
    set: FaultSet,
    changes: watch::Sender<()>,
    pub(crate) traffic: Arc<LinkTraffic>,
    running: Option<Running>,
}

impl Proxy {
    /// Makes a proxy that does not listen yet.
    pub(crate) fn new(config: ProxyConfig) -> Self {
        Self {
            config: config.enabled(false),
            toxics: Vec::new(),
            set: FaultSet::new(),
            changes: watch::Sender::new(()),
            traffic: Arc::default(),
            running: None,
        }
    }

    pub(crate) fn status(&self) -> ProxyStatus {
        let mut toxics = self.toxics.clone();
        toxics.sort_by_key(|toxic| toxic.stream);
        ProxyStatus { config: self.config.clone(), toxics }
    }

    /// Starts or stops listening.
    pub(crate) async fn set_enabled(&mut self, is_enabled: bool) -> Result<(), ProxyError> {
        if is_enabled && self.running.is_none() {
            let listener = bind(&self.config.listen).await;
            let listener = listener.map_err(|error| ProxyError::Listen(self.config.listen.clone(), error))?;
            if let Ok(address) = listener.local_addr() {
                self.config.listen = address.to_string();
            }
            let link = Link {
                upstream: self.config.upstream.as_str().into(),
                set: self.set.clone(),
                changes: self.changes.clone(),
                traffic: self.traffic.clone(),
            };
            self.running = Some(Running(tokio::spawn(link.run(listener))));
        } else if !is_enabled && let Some(running) = self.running.take() {
            running.stop().await;
        }
        self.config.enabled = is_enabled;
        Ok(())
    }

    /// Takes over other settings. Other addresses end the connections; toxics stay.
    pub(crate) async fn update(&mut self, config: ProxyConfig) -> Result<(), ProxyError> {
        if self.differs(&config).await {
            self.set_enabled(false).await?;
            self.config.listen = config.listen;
            self.config.upstream = config.upstream;
        }
        self.set_enabled(config.enabled).await
    }

    /// Whether the addresses are others. A name that resolves to the address is the same.
    pub(crate) async fn differs(&self, config: &ProxyConfig) -> bool {
        let same_listen = self.config.listen == config.listen
            || resolve(&config.listen).await.is_some_and(|address| address == self.config.listen);
        !same_listen || self.config.upstream != config.upstream
    }

    pub(crate) fn toxic(&self, name: &str) -> Result<&ToxicConfig, ProxyError> {
        let found = self.toxics.iter().find(|toxic| toxic.name == name);
        found.ok_or_else(|| ProxyError::NoToxic(name.to_owned()))
    }

    pub(crate) fn add_toxic(&mut self, toxic: ToxicConfig) -> Result<(), ProxyError> {
        if self.toxic(&toxic.name).is_ok() {
            return Err(ProxyError::ToxicExists(toxic.name));
        }
        self.inject(&toxic)?;
        self.toxics.push(toxic);
        Ok(())
    }

    /// Puts a toxic in the place of the one of its name.
    pub(crate) fn change_toxic(&mut self, changed: ToxicConfig) -> Result<(), ProxyError> {
        self.toxic(&changed.name)?;
        self.inject(&changed)?;
        self.toxics
            .iter_mut()
            .filter(|toxic| toxic.name == changed.name)
            .for_each(|toxic| *toxic = changed.clone());
        Ok(())
    }

    pub(crate) fn remove_toxic(&mut self, name: &str) -> Result<(), ProxyError> {
        self.toxic(name)?;
        self.toxics.retain(|toxic| toxic.name != name);
        self.set.remove(name);
        self.changes.send_replace(());
        Ok(())
    }

    pub(crate) fn remove_toxics(&mut self) {
        self.toxics.clear();
        self.set.clear();
        self.changes.send_replace(());
    }

    fn inject(&self, toxic: &ToxicConfig) -> Result<(), ProxyError> {
        match toxic.to_fault() {
            Some(fault) => {
                self.set.insert_at(FaultPlacement::Listener, fault).map_err(ProxyError::BadToxic)?;
            }
            None => {
                self.set.remove(&toxic.name);
            }
        }
        self.changes.send_replace(());
        Ok(())
    }
}

/// The task of a proxy that listens; dropped, it ends with all its connections.
#[derive(Debug)]
struct Running(JoinHandle<()>);

impl Running {
    /// Ends it, and waits until the address is free.
    async fn stop(mut self) {
        self.0.abort();
        // It was cancelled, as asked.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Binds an address in the notation of Go: without a host it is that of every interface.
async fn bind(listen: &str) -> io::Result<TcpListener> {
    match listen.strip_prefix(':') {
        Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
            Ok(listener) => Ok(listener),
            // A machine without IPv6.
            Err(_) => TcpListener::bind(format!("0.0.0.0:{port}")).await,
        },
        None if listen.is_empty() => TcpListener::bind("127.0.0.1:0").await,
        None => TcpListener::bind(listen).await,
    }
}

async fn resolve(listen: &str) -> Option<String> {
    tokio::net::lookup_host(listen).await.ok()?.next().map(|address| address.to_string())
}
