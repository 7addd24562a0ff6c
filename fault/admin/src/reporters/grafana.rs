//! Grafana, GrafanaBuilder: what happens to a set of faults as annotations of Grafana.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum_core::BoxError;
use axum_core::body::Body;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::uri::Scheme;
use http::{HeaderValue, Request, Response, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_service::Service;
use waylay_extract::{BaseUrlError, Client};
use waylay_fault::{FaultSet, SetEvent};

use crate::access::token::Token;
use crate::reporters::changes::{Change, Region, of_begin, of_event, of_halt};
use crate::reporters::poster::{AnnotationOptions, HttpService, Poster};

/// Events of a set that wait to be described.
const MAX_EVENTS: usize = 64;

/// Changes that wait for Grafana.
const MAX_CHANGES: usize = 256;

/// Time to connect.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Posts what happens to a set of faults as annotations of a Grafana, so that charts show when faults were active.
///
/// | annotation | tag |
/// |---|---|
/// | region from the time at which faults are applied until they are replaced or removed, expire or stop | `plan` |
/// | point at which the time of the set was over | `expired` |
/// | point at which the set stopped by itself, with the figures | `stopped` |
/// | region from a halt of the process to its end | `halt` |
///
/// Each has the tags `waylay`, `set:` with the [name](waylay_fault::FaultSetBuilder::name) of the set, `environment:`,
/// and those of [`tags`](GrafanaBuilder::tags).
///
/// Injections do not wait for it: 256 changes are kept while Grafana cannot be reached, and posted later with the time
/// at which they happened. The first failure, and the first success after it, are events of the crate `tracing`.
///
/// ```no_run
/// use waylay_fault::FaultSet;
/// use waylay_fault_admin::{Grafana, Token};
///
/// # async fn run(set: FaultSet) -> Result<(), Box<dyn std::error::Error>> {
/// let token = Token::from_env("GRAFANA_TOKEN")?;
/// let grafana = Grafana::builder("http://grafana.internal:3000", token).tags(["team:shop"]).build()?;
/// tokio::spawn({
///     let set = set.clone();
///     async move { grafana.follow(&set).await }
/// });
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Grafana {
    client: Client<HttpService>,
    options: AnnotationOptions,
}

impl Grafana {
    /// Begins with the address at which Grafana is reached, including a path below which it is served, and the token of
    /// a service account that may create and change annotations.
    pub fn builder(url: impl Into<String>, token: Token) -> GrafanaBuilder {
        let options = AnnotationOptions { tags: vec!["waylay".to_owned()], dashboard: None, panel: None };
        GrafanaBuilder { url: url.into(), token, options, client: None }
    }

    /// Annotates what happens to the set, for as long as this is polled. A region that is open when this is dropped
    /// remains a point. A set is followed once: what follows it stays in its list of
    /// [functions](FaultSet::on_event).
    pub async fn follow(&self, set: &FaultSet) {
        self.follow_until(set, std::future::pending()).await;
    }

    /// As [`follow`](Self::follow), until this future completes. Then open regions are ended, and what is kept is posted
    /// up to the first failure.
    ///
    /// ```no_run
    /// # async fn run(
    /// #     set: waylay_fault::FaultSet,
    /// #     grafana: waylay_fault_admin::Grafana,
    /// #     shutdown: std::sync::Arc<tokio::sync::Notify>,
    /// # ) {
    /// grafana.follow_until(&set, shutdown.notified()).await;
    /// # }
    /// ```
    pub async fn follow_until(&self, set: &FaultSet, stop: impl Future<Output = ()>) {
        let lost = Arc::new(AtomicU64::new(0));
        let (events, received) = mpsc::channel(MAX_EVENTS);
        let unheard = lost.clone();
        set.on_event(move |event| {
            // Runs on the task of a request: it must not wait.
            if let Err(mpsc::error::TrySendError::Full(_)) =
                events.try_send((event.clone(), SystemTime::now()))
            {
                unheard.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (changes, queue) = mpsc::channel(MAX_CHANGES);
        let (ending, is_ending) = watch::channel(false);
        let mut options = self.options.clone();
        options.tags.extend(set.name().map(|name| format!("set:{name}")));
        options.tags.extend(set.environment().map(|name| format!("environment:{name}")));
        let poster = Poster::new(self.client.clone(), options, lost.clone(), is_ending);
        let collect = async move {
            collect(set, received, stop, |change| {
                if changes.try_send(change).is_err() {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            })
            .await;
            ending.send_replace(true);
        };
        tokio::join!(collect, poster.run(queue));
    }
}

/// Describes what happens to a set until the stop, and then ends all regions.
async fn collect(
    set: &FaultSet,
    mut events: mpsc::Receiver<(SetEvent, SystemTime)>,
    stop: impl Future<Output = ()>,
    push: impl Fn(Change),
) {
    let mut stop = pin!(stop);
    let mut is_halted = false;
    of_begin(set, SystemTime::now()).into_iter().for_each(&push);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some((event, time)) = events.recv() => of_event(set, &event, time).into_iter().for_each(&push),
            now = waylay_fault::halt_changed(is_halted) => {
                is_halted = now;
                push(of_halt(now, SystemTime::now()));
            }
        }
    }
    // What came before the stop is not lost.
    while let Ok((event, time)) = events.try_recv() {
        of_event(set, &event, time).into_iter().for_each(&push);
    }
    for region in Region::ALL {
        push(Change::End(region, SystemTime::now()));
    }
}

impl fmt::Debug for Grafana {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grafana").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Options of a [`Grafana`], begun by [`Grafana::builder`].
#[must_use = "a builder does nothing until `build`"]
pub struct GrafanaBuilder {
    url: String,
    token: Token,
    options: AnnotationOptions,
    client: Option<HttpService>,
}

impl GrafanaBuilder {
    /// Adds tags to every annotation, such as the name of this replica.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.options.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Shows the annotations on this dashboard only, given by its UID. By default they belong to the organization, and
    /// every dashboard can query them by their tags.
    pub fn dashboard(mut self, uid: impl Into<String>) -> Self {
        self.options.dashboard = Some(uid.into());
        self
    }

    /// Shows the annotations on one panel of a dashboard only.
    pub fn panel(mut self, dashboard: impl Into<String>, panel: u64) -> Self {
        self.options.panel = Some(panel);
        self.dashboard(dashboard)
    }

    /// Sends the requests by this client: with a proxy, with certificates of a company, or over HTTPS without the
    /// feature `grafana-tls`. By default it is hyper-util's client, which keeps its connection.
    ///
    /// ```
    /// use axum_core::body::Body;
    /// use hyper_util::client::legacy::Client;
    /// use hyper_util::client::legacy::connect::HttpConnector;
    /// use hyper_util::rt::TokioExecutor;
    /// use waylay_fault_admin::{Grafana, Token};
    ///
    /// // In its place the connector of `hyper-rustls`, or of `hyper-http-proxy`.
    /// let connector = HttpConnector::new();
    /// let client = Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    /// let grafana = Grafana::builder("https://grafana.internal", Token::generate()?).client(client).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn client<S, B>(mut self, client: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        self.client = Some(BoxCloneSyncService::new(
            client.map_response(|response| response.map(Body::new)).map_err(Into::into),
        ));
        self
    }

    /// Checks the options; nothing is sent before a set is [followed](Grafana::follow).
    ///
    /// # Errors
    /// The address is no URL of a host, or has a login. It begins with `https://`, and there is neither a client nor the
    /// feature `grafana-tls`, or the operating system has no certificates.
    pub fn build(self) -> Result<Grafana, GrafanaError> {
        let Self { url, token, options, client } = self;
        if url.contains('@') {
            return Err(GrafanaError::Login);
        }
        let uri: Uri = url.parse().map_err(|_| GrafanaError::Url(BaseUrlError::InvalidBase(url.clone())))?;
        let is_https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(GrafanaError::Scheme(url)),
        };
        let service = match client {
            Some(client) => client,
            None if is_https => https_client()?,
            None => http_client(http_connector()),
        };
        // A token has only characters that a header may have.
        let bearer = HeaderValue::try_from(format!("Bearer {}", token.reveal()));
        let mut bearer = bearer.unwrap_or(HeaderValue::from_static("Bearer"));
        bearer.set_sensitive(true);
        let client = Client::new(service).header(AUTHORIZATION, bearer);
        Ok(Grafana { client: client.base(url.as_str()).map_err(GrafanaError::Url)?, options })
    }
}

fn http_connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIME));
    connector
}

/// Returns hyper-util's client over this connector.
fn http_client<C>(connector: C) -> HttpService
where
    C: hyper_util::client::legacy::connect::Connect + Clone + Send + Sync + 'static,
{
    let mut builder = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
    let client = builder.pool_timer(TokioTimer::new()).build::<_, Body>(connector);
    BoxCloneSyncService::new(client.map_response(|response| response.map(Body::new)).map_err(Into::into))
}

#[cfg(feature = "grafana-tls")]
fn https_client() -> Result<HttpService, GrafanaError> {
    let mut connector = http_connector();
    connector.enforce_http(false);
    let provider = rustls::crypto::ring::default_provider();
    let builder = hyper_rustls::HttpsConnectorBuilder::new().with_provider_and_native_roots(provider);
    let builder = builder.map_err(GrafanaError::Certificates)?;
    Ok(http_client(builder.https_only().enable_http1().wrap_connector(connector)))
}

#[cfg(not(feature = "grafana-tls"))]
fn https_client() -> Result<HttpService, GrafanaError> {
    Err(GrafanaError::Tls)
}

impl fmt::Debug for GrafanaBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrafanaBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Why a [`Grafana`] cannot be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum GrafanaError {
    /// The address is no URL.
    Url(BaseUrlError),
    /// The address begins with neither `http://` nor `https://`.
    Scheme(String),
    /// The address has a user and a password, which would end up in logs.
    Login,
    /// The address begins with `https://`, and there is no client for it.
    Tls,
    /// The certificates of the operating system cannot be read.
    Certificates(io::Error),
}

impl fmt::Display for GrafanaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => write!(f, "the address of Grafana: {error}"),
            Self::Scheme(url) => {
                write!(f, "the address of Grafana, {url:?}, begins with neither `http://` nor `https://`")
            }
            Self::Login => f.write_str(
                "the address of Grafana has a login; give the token of a service account instead (`Token`)",
            ),
            Self::Tls => f.write_str(
                "no client for `https://`; enable the feature `grafana-tls`, or give a client (`GrafanaBuilder::client`)",
            ),
            Self::Certificates(error) => {
                write!(
                    f,
                    "no certificates of the operating system: {error}; give a client that has some (`GrafanaBuilder::client`)"
                )
            }
        }
    }
}

impl std::error::Error for GrafanaError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => std::error::Error::source(error),
            Self::Certificates(error) => std::error::Error::source(error),
            Self::Scheme(_) | Self::Login | Self::Tls => None,
        }
    }
}
