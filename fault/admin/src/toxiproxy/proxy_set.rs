//! ProxySet: TCP proxies with toxics, changed while they run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::toxiproxy::error::ProxyError;
use crate::toxiproxy::json;
use crate::toxiproxy::proxy::{Proxy, ProxyConfig, ProxyStatus};
use crate::toxiproxy::toxic::ToxicConfig;

/// TCP proxies with toxics, as [Toxiproxy](https://github.com/Shopify/toxiproxy) has them.
///
/// Each proxy listens on an address and connects each of its clients to one server. Toxics are those of
/// [`waylay_fault::Toxic`]; they act on connections that are open as well as on later ones. The proxies are controlled
/// by the methods here, or over HTTP in Toxiproxy's API ([`serve`](Self::serve), [`service`](Self::service)), so that
/// its clients in other languages work. Clones share the proxies; with the last one they end.
///
/// ```
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio::net::{TcpListener, TcpStream};
/// use waylay_fault_admin::{ProxyConfig, ProxySet, ToxicConfig, ToxicKind};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = TcpListener::bind("127.0.0.1:0").await?;
/// let upstream = server.local_addr()?.to_string();
///
/// let proxies = ProxySet::new();
/// let proxy = proxies.create(ProxyConfig::new("redis", "127.0.0.1:0", upstream)).await?;
/// proxies.add_toxic("redis", ToxicConfig::downstream(ToxicKind::LimitData { bytes: 3 })).await?;
///
/// let mut client = TcpStream::connect(&proxy.config.listen).await?;
/// let (mut stream, _) = server.accept().await?;
/// stream.write_all(b"+PONG\r\n").await?;
/// let mut seen = String::new();
/// client.read_to_string(&mut seen).await?;
/// assert_eq!(seen, "+PO");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct ProxySet {
    proxies: Arc<Mutex<BTreeMap<String, Proxy>>>,
}

impl ProxySet {
    /// Returns a set without proxies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns all proxies, by name.
    pub async fn list(&self) -> Vec<ProxyStatus> {
        self.proxies.lock().await.values().map(Proxy::status).collect()
    }

    /// Returns the proxy of this name.
    ///
    /// # Errors
    /// There is none.
    pub async fn get(&self, name: &str) -> Result<ProxyStatus, ProxyError> {
        self.with(name, |proxy| Ok(proxy.status())).await
    }

    /// Adds a proxy, which listens from now on if it is enabled. The result has the address.
    ///
    /// # Errors
    /// Its name or its upstream is empty, a proxy of its name exists, or it cannot listen on its address.
    pub async fn create(&self, config: ProxyConfig) -> Result<ProxyStatus, ProxyError> {
        check(&config, "")?;
        let mut proxies = self.proxies.lock().await;
        if proxies.contains_key(&config.name) {
            return Err(ProxyError::ProxyExists(config.name));
        }
        let proxy = started(config).await?;
        let status = proxy.status();
        proxies.insert(status.config.name.clone(), proxy);
        Ok(status)
    }

    /// Changes the proxy of this name by a function of its settings. Other addresses end its connections, toxics stay.
    ///
    /// # Errors
    /// There is none, or it cannot listen on its new address; it is disabled then.
    pub async fn update(
        &self,
        name: &str,
        change: impl FnOnce(&mut ProxyConfig),
    ) -> Result<ProxyStatus, ProxyError> {
        let mut proxies = self.proxies.lock().await;
        let proxy = find(&mut proxies, name)?;
        let mut config = proxy.config.clone();
        change(&mut config);
        proxy.update(config).await?;
        Ok(proxy.status())
    }

    /// Removes the proxy of this name, and ends its connections.
    ///
    /// # Errors
    /// There is none.
    pub async fn remove(&self, name: &str) -> Result<(), ProxyError> {
        let mut proxies = self.proxies.lock().await;
        find(&mut proxies, name)?.set_enabled(false).await?;
        proxies.remove(name);
        Ok(())
    }

    /// Adds a toxic to a proxy.
    ///
    /// # Errors
    /// There is no such proxy, it has a toxic of this name, or an attribute cannot work.
    pub async fn add_toxic(&self, proxy: &str, toxic: ToxicConfig) -> Result<(), ProxyError> {
        self.with(proxy, |proxy| proxy.add_toxic(toxic)).await
    }

    /// Puts a toxic in the place of the one of its name.
    ///
    /// # Errors
    /// There is no such proxy or toxic, or an attribute cannot work.
    pub async fn change_toxic(&self, proxy: &str, toxic: ToxicConfig) -> Result<(), ProxyError> {
        self.with(proxy, |proxy| proxy.change_toxic(toxic)).await
    }

    /// Removes a toxic; what it delays is delivered at once.
    ///
    /// # Errors
    /// There is no such proxy or toxic.
    pub async fn remove_toxic(&self, proxy: &str, toxic: &str) -> Result<(), ProxyError> {
        self.with(proxy, |proxy| proxy.remove_toxic(toxic)).await
    }

    /// Removes all toxics, and enables all proxies.
    ///
    /// # Errors
    /// A proxy cannot listen on its address.
    pub async fn reset(&self) -> Result<(), ProxyError> {
        let mut proxies = self.proxies.lock().await;
        for proxy in proxies.values_mut() {
            proxy.remove_toxics();
            proxy.set_enabled(true).await?;
        }
        Ok(())
    }

    /// Adds the proxies of a JSON array, the format of Toxiproxy's file and of `POST /populate`. One that exists with
    /// the same addresses is kept, with its toxics; with other addresses it is replaced. The first part of the result
    /// are the proxies up to the first error.
    pub async fn populate(&self, document: &[u8]) -> (Vec<ProxyStatus>, Result<(), ProxyError>) {
        let configs = match read_list(document) {
            Ok(configs) => configs,
            Err(error) => return (Vec::new(), Err(error)),
        };
        let mut proxies = self.proxies.lock().await;
        let mut done = Vec::with_capacity(configs.len());
        for config in configs {
            match put(&mut proxies, config).await {
                Ok(status) => done.push(status),
                Err(error) => return (done, Err(error)),
            }
        }
        (done, Ok(()))
    }

    pub(crate) async fn with<T>(
        &self,
        name: &str,
        act: impl FnOnce(&mut Proxy) -> Result<T, ProxyError>,
    ) -> Result<T, ProxyError> {
        act(find(&mut *self.proxies.lock().await, name)?)
    }

    pub(crate) async fn for_each(&self, act: impl FnMut(&Proxy)) {
        self.proxies.lock().await.values().for_each(act);
    }
}

impl fmt::Debug for ProxySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySet").finish_non_exhaustive()
    }
}

fn find<'a>(proxies: &'a mut BTreeMap<String, Proxy>, name: &str) -> Result<&'a mut Proxy, ProxyError> {
    proxies.get_mut(name).ok_or_else(|| ProxyError::NoProxy(name.to_owned()))
}

/// Adds a proxy, or replaces the one of its name if the addresses are others.
async fn put(proxies: &mut BTreeMap<String, Proxy>, config: ProxyConfig) -> Result<ProxyStatus, ProxyError> {
    if let Some(proxy) = proxies.get_mut(&config.name) {
        if !proxy.differs(&config).await {
            proxy.set_enabled(config.enabled).await?;
            return Ok(proxy.status());
        }
        proxy.set_enabled(false).await?;
    }
    let proxy = started(config).await?;
    let status = proxy.status();
    proxies.insert(status.config.name.clone(), proxy);
    Ok(status)
}

async fn started(config: ProxyConfig) -> Result<Proxy, ProxyError> {
    let is_enabled = config.enabled;
    let mut proxy = Proxy::new(config);
    proxy.set_enabled(is_enabled).await?;
    Ok(proxy)
}

/// Checks all of a list before any of it is used.
fn read_list(document: &[u8]) -> Result<Vec<ProxyConfig>, ProxyError> {
    let items = match json::decode(document)? {
        Value::Array(items) => items,
        other => {
            return Err(ProxyError::BadBody(format!(
                "an array of proxies is expected, not {}",
                json::kind(&other)
            )));
        }
    };
    let mut configs = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let config: ProxyConfig = json::record(item)?;
        check(&config, &format!(" at proxy {}", at + 1))?;
        configs.push(config);
    }
    Ok(configs)
}

/// Checks that a proxy has a name and a server.
fn check(config: &ProxyConfig, place: &str) -> Result<(), ProxyError> {
    for (name, value) in [("name", &config.name), ("upstream", &config.upstream)] {
        if value.is_empty() {
            return Err(ProxyError::MissingField(format!("{name}{place}")));
        }
    }
    Ok(())
}
