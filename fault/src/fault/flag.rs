//! Flag: a participation that a feature flag decides, request by request.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderName, Request};

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind, header_name};
use crate::report::callback::{GuardedFuture, guard};

/// A source of feature flags, such as an OpenFeature client.
///
/// Feature `openfeature` implements it for `OpenFeatureFlags`.
///
/// ```
/// use std::pin::Pin;
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Fault, Flag, FlagRequest, FlagSource, error};
///
/// /// Chosen customers, asked for in another service.
/// struct Customers;
///
/// impl FlagSource for Customers {
///     fn share(&self, flag: FlagRequest) -> Pin<Box<dyn Future<Output = Option<f64>> + Send>> {
///         Box::pin(async move { Some(if flag.targeting_key() == Some("acme") { 1.0 } else { 0.0 }) })
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let flag = Flag::new("flaky-cart", Customers).targeting_header("x-customer");
/// let fault = Fault::new("flaky-cart", error(503)).enabled(true).flag(flag).build()?;
/// let service = fault.layer().layer(service_fn(async |_: Request<String>| {
///     Ok::<_, std::io::Error>(Response::new(String::from("real")))
/// }));
/// let request = |customer: &str| Request::get("/cart").header("x-customer", customer).body(String::new());
/// assert_eq!(service.clone().oneshot(request("acme")?).await?.status(), 503);
/// assert_eq!(service.oneshot(request("other")?).await?.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait FlagSource: Send + Sync + 'static {
    /// Evaluates a flag for one request: the share of requests like this one that take part, from 0 to 1.
    /// `None`, another number, a panic and a timeout stand for the participation that the fault has.
    ///
    /// The future is dropped when the client leaves.
    fn share(&self, flag: FlagRequest) -> Pin<Box<dyn Future<Output = Option<f64>> + Send>>;
}

impl<S: FlagSource + ?Sized> FlagSource for Arc<S> {
    fn share(&self, flag: FlagRequest) -> Pin<Box<dyn Future<Output = Option<f64>> + Send>> {
        (**self).share(flag)
    }
}

/// The kind of a flag's values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlagKind {
    /// All requests take part, or none.
    #[default]
    Boolean,
    /// The number is the share that takes part.
    Share,
}

/// One evaluation of a flag: its key and the context from the request's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagRequest {
    key: Arc<str>,
    kind: FlagKind,
    targeting_key: Option<String>,
    context: Vec<(String, String)>,
}

impl FlagRequest {
    /// Returns the key of the flag.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the kind of its values.
    pub fn kind(&self) -> FlagKind {
        self.kind
    }

    /// Returns the value of the [targeting header](Flag::targeting_header), if the request has it.
    pub fn targeting_key(&self) -> Option<&str> {
        self.targeting_key.as_deref()
    }

    /// Returns the names and values of the [context headers](Flag::context_headers) that the request has.
    pub fn context(&self) -> impl Iterator<Item = (&str, &str)> {
        self.context.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A feature flag that decides about the participation of a fault, for
/// [`FaultBuilder::flag`](crate::FaultBuilder::flag). [`FlagSource`] has an example.
///
/// The flag is evaluated for each request that the lists of the fault admit, before the draw, and only while
/// the fault is enabled; the request waits for it. Its share takes the place of the
/// [participation](crate::FaultBuilder::participation), which holds if there is no share: after an error, a
/// panic or a timeout. The draw goes by the key of the request as always, so a share of 0.2 selects the same
/// requests as a participation of 0.2 does. Explanations, and streams that began before the fault was
/// enabled, do not evaluate the flag.
#[must_use = "it decides nothing until a fault has it"]
pub struct Flag {
    key: String,
    kind: FlagKind,
    source: Result<Arc<dyn FlagSource>, String>,
    targeting: Option<String>,
    context: Vec<String>,
    timeout: DelayTime,
}

impl Flag {
    /// Returns a boolean flag of this key.
    pub fn new(key: impl Into<String>, source: impl FlagSource) -> Self {
        Self::of(key.into(), Ok(Arc::new(source)))
    }

    pub(crate) fn of(key: String, source: Result<Arc<dyn FlagSource>, String>) -> Self {
        let kind = FlagKind::default();
        Self { key, kind, source, targeting: None, context: Vec::new(), timeout: "100ms".into() }
    }

    /// Sets the kind of its values; boolean by default.
    pub fn kind(mut self, kind: FlagKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the header whose value is the targeting key: the user, customer or session that flags go by.
    pub fn targeting_header(mut self, name: impl Into<String>) -> Self {
        self.targeting = Some(name.into());
        self
    }

    /// Sets the headers whose values are the context, each under its name in lower case.
    pub fn context_headers<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.context = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how long a request waits for the flag; 100 ms by default.
    pub fn timeout(mut self, time: impl Into<DelayTime>) -> Self {
        self.timeout = time.into();
        self
    }

    pub(crate) fn check(self, errors: &mut ErrorCollector) -> Option<CompiledFlag> {
        if self.key.is_empty() {
            errors.add("flag.key", "", FaultErrorKind::NoFlagKey);
        }
        let targeting = match &self.targeting {
            Some(name) => Some(header_name("flag.targeting_header", name, errors)?),
            None => None,
        };
        let names = self.context.iter().enumerate();
        let context: Vec<_> = names
            .filter_map(|(index, name)| header_name(&format!("flag.context_headers[{index}]"), name, errors))
            .collect();
        let timeout = errors.time("flag.timeout".into(), self.timeout.duration())?;
        match self.source {
            Ok(source) => Some(CompiledFlag {
                key: self.key.into(),
                kind: self.kind,
                source,
                targeting,
                context,
                timeout,
            }),
            Err(way_out) => {
                errors.add("flag", self.key, FaultErrorKind::NoFlagSource(way_out));
                None
            }
        }
    }
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flag").field("key", &self.key).field("kind", &self.kind).finish_non_exhaustive()
    }
}

pub(crate) struct CompiledFlag {
    key: Arc<str>,
    kind: FlagKind,
    source: Arc<dyn FlagSource>,
    targeting: Option<HeaderName>,
    context: Vec<HeaderName>,
    timeout: Duration,
}

impl CompiledFlag {
    /// Begins an evaluation for a request with these headers.
    pub(crate) fn evaluate(&self, fault: usize, headers: &HeaderMap) -> FlagEvaluation {
        let value = |name: &HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
        let request = FlagRequest {
            key: self.key.clone(),
            kind: self.kind,
            targeting_key: self.targeting.as_ref().and_then(value),
            context: (self.context.iter())
                .filter_map(|name| Some((name.to_string(), value(name)?)))
                .collect(),
        };
        let evaluation = guard(|| self.source.share(request)).map(GuardedFuture::new);
        let timeout = self.timeout;
        let share = Box::pin(async move {
            let share = tokio::time::timeout(timeout, evaluation?).await.ok()??;
            share.filter(|share| (0.0..=1.0).contains(share))
        });
        FlagEvaluation { fault, share: Some(share) }
    }
}

impl fmt::Debug for CompiledFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flag").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The evaluation of one flag for one request.
pub(crate) struct FlagEvaluation {
    fault: usize,
    /// `None` once it is over.
    share: Option<Pin<Box<dyn Future<Output = Option<f64>> + Send>>>,
}

/// The evaluations of all flags for one request, at the same time.
pub(crate) struct FlagEvaluations {
    running: Vec<FlagEvaluation>,
    shares: FlagShares,
}

impl FlagEvaluations {
    /// `None`: there is nothing to evaluate.
    pub(crate) fn new(evaluations: impl Iterator<Item = FlagEvaluation>) -> Option<Self> {
        let running: Vec<_> = evaluations.collect();
        (!running.is_empty()).then(|| Self { running, shares: FlagShares::default() })
    }

    /// Ready when all are over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<FlagShares> {
        for FlagEvaluation { fault, share } in &mut self.running {
            let Some(running) = share else { continue };
            if let Poll::Ready(result) = running.as_mut().poll(cx) {
                *share = None;
                self.shares.0.extend(result.map(|result| (*fault, result)));
            }
        }
        let is_over = self.running.iter().all(|evaluation| evaluation.share.is_none());
        if is_over { Poll::Ready(std::mem::take(&mut self.shares)) } else { Poll::Pending }
    }
}

/// The shares that flags gave for a request, by fault, in the extensions of the request.
#[derive(Debug, Clone, Default)]
pub(crate) struct FlagShares(Vec<(usize, f64)>);

impl FlagShares {
    /// Adds the shares to those of the request.
    pub(crate) fn insert_into<B>(self, request: &mut Request<B>) {
        request.extensions_mut().get_or_insert_default::<Self>().0.extend(self.0);
    }

    /// Returns the last share of a fault.
    pub(crate) fn find<B>(request: &Request<B>, fault: usize) -> Option<f64> {
        let shares = &request.extensions().get::<Self>()?.0;
        shares.iter().rev().find(|(of, _)| *of == fault).map(|(_, share)| *share)
    }
}
