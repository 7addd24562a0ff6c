//! HeaderControl: faults that a trusted client requests by headers.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind, header_name};
use crate::config::secret::{SecretConfig, SecretHeader};
use crate::injector::abort::{grpc_response, status_response};
use crate::injector::key::RequestKeys;
use crate::injector::slow::rate_limit;
use crate::injector::steps::{Step, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::Draws;
use crate::report::event::{Action, SkipReason};

/// Does what a request asks for in its headers, if one of them has this secret.
///
/// The headers are Envoy's: `x-envoy-fault-abort-request` (a status from 200 to 599),
/// `x-envoy-fault-abort-grpc-request` (a gRPC status from 0 to 16), `x-envoy-fault-delay-request`
/// (milliseconds), `x-envoy-fault-throughput-response` (KiB per second), and for each of the three kinds a
/// share in percent: `x-envoy-fault-abort-request-percentage`, `x-envoy-fault-delay-request-percentage`,
/// `x-envoy-fault-throughput-response-percentage`, 100 by default. Each kind has its own draw. A delay comes
/// first, then the abort; of both aborts the HTTP status has precedence.
///
/// - Without a control header a request is skipped as [`NotRequested`](SkipReason::NotRequested), without the
///   secret as [`Untrusted`](SkipReason::Untrusted), with a wrong value as
///   [`InvalidControl`](SkipReason::InvalidControl); the request goes on to the service.
/// - What is requested is limited: a longer delay is cut to [`max_delay`](HeaderControl::max_delay), a lower
///   rate raised to [`min_throughput`](HeaderControl::min_throughput), a larger share cut to
///   [`max_share`](HeaderControl::max_share).
/// - While the fault is enabled the secret and all control headers are removed from every request, trusted
///   or not, so that neither the service nor what it calls sees them.
/// - The lists, the participation, the protection of probes and the guards of the fault apply as to any other.
///
/// The secret has at least 16 visible ASCII characters and is compared in constant time. It must be the
/// whole injector of its fault.
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Fault, header_control};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let fault = Fault::new("requested", header_control("x-chaos-key", "correct-horse-battery").max_delay("2s"))
///     .enabled(true)
///     .participation(1.0)
///     .build()?;
/// let service = fault.layer().layer(service_fn(async |request: Request<String>| {
///     assert!(request.headers().is_empty(), "the service sees neither the secret nor the request for a fault");
///     Ok::<_, std::io::Error>(Response::new(String::from("real")))
/// }));
/// let request = |key: &str| {
///     Request::get("/cart").header("x-chaos-key", key).header("x-envoy-fault-abort-request", "503").body(String::new())
/// };
/// assert_eq!(service.clone().oneshot(request("correct-horse-battery")?).await?.status(), 503);
/// assert_eq!(service.oneshot(request("a-guess")?).await?.status(), 200);
/// assert_eq!(fault.control().counts().untrusted, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn header_control(header: impl Into<String>, secret: impl Into<String>) -> HeaderControl {
    HeaderControl::of(SecretConfig { header: header.into(), secret: Ok(secret.into()) })
}

/// Faults by headers, made by [`header_control`].
#[derive(Debug, Clone)]
pub struct HeaderControl {
    secret: SecretConfig,
    prefix: String,
    max_delay: DelayTime,
    min_throughput: u64,
    max_share: f64,
}

impl HeaderControl {
    pub(crate) fn of(secret: SecretConfig) -> Self {
        Self {
            secret,
            prefix: "x-envoy-fault".into(),
            max_delay: "5s".into(),
            min_throughput: 1,
            max_share: 1.0,
        }
    }

    /// Sets what the names of the control headers begin with, in place of `x-envoy-fault`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the longest delay; 5 s by default.
    #[must_use]
    pub fn max_delay(mut self, time: impl Into<DelayTime>) -> Self {
        self.max_delay = time.into();
        self
    }

    /// Sets the lowest rate, in KiB per second; 1 by default.
    #[must_use]
    pub fn min_throughput(mut self, kib_per_second: u64) -> Self {
        self.min_throughput = kib_per_second;
        self
    }

    /// Sets the largest share of the requests, from 0 to 1; 1 by default.
    #[must_use]
    pub fn max_share(mut self, share: f64) -> Self {
        self.max_share = share;
        self
    }
}

impl From<HeaderControl> for Injector {
    fn from(control: HeaderControl) -> Self {
        Self::new(control)
    }
}

impl InjectorConfig for HeaderControl {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let is_nested = !at.is_empty();
        let at = child_setting(at, "header_control");
        if is_nested {
            errors.add(&*at, "header_control", FaultErrorKind::Nested);
        }
        let secret = SecretHeader::check(&at, &self.secret, errors);
        let max_delay = errors.time(format!("{at}.max_delay"), self.max_delay.duration());
        if self.min_throughput == 0 {
            errors.add(format!("{at}.min_throughput"), 0, FaultErrorKind::Zero);
        }
        if !(0.0..=1.0).contains(&self.max_share) {
            errors.add(format!("{at}.max_share"), self.max_share, FaultErrorKind::Fraction);
        }
        let names = ControlNames::check(&format!("{at}.prefix"), &self.prefix, errors);
        let (secret, names) = (secret?, names?);
        let removed = names.all().chain([secret.name()]).cloned().collect();
        let (max_delay, min_throughput, max_share) = (max_delay?, self.min_throughput, self.max_share);
        Some(Box::new(CompiledControl { secret, names, removed, max_delay, min_throughput, max_share }))
    }
}

#[derive(Debug)]
struct CompiledControl {
    secret: SecretHeader,
    names: ControlNames,
    removed: Vec<HeaderName>,
    max_delay: Duration,
    /// In KiB per second.
    min_throughput: u64,
    max_share: f64,
}

/// The names of the control headers.
#[derive(Debug)]
struct ControlNames {
    abort: HeaderName,
    abort_grpc: HeaderName,
    abort_share: HeaderName,
    delay: HeaderName,
    delay_share: HeaderName,
    throughput: HeaderName,
    throughput_share: HeaderName,
}

impl ControlNames {
    fn check(setting: &str, prefix: &str, errors: &mut ErrorCollector) -> Option<Self> {
        let prefix = header_name(setting, prefix, errors)?;
        let name = |rest: &str| HeaderName::from_bytes(format!("{prefix}-{rest}").as_bytes()).ok();
        Some(Self {
            abort: name("abort-request")?,
            abort_grpc: name("abort-grpc-request")?,
            abort_share: name("abort-request-percentage")?,
            delay: name("delay-request")?,
            delay_share: name("delay-request-percentage")?,
            throughput: name("throughput-response")?,
            throughput_share: name("throughput-response-percentage")?,
        })
    }

    fn all(&self) -> impl Iterator<Item = &HeaderName> {
        [
            &self.abort,
            &self.abort_grpc,
            &self.abort_share,
            &self.delay,
            &self.delay_share,
            &self.throughput,
            &self.throughput_share,
        ]
        .into_iter()
    }
}

/// What one request asks for, with the share of each kind.
#[derive(Debug, Default)]
struct Requested {
    abort: Option<(RequestedAbort, f64)>,
    delay: Option<(Duration, f64)>,
    /// In KiB per second.
    throughput: Option<(u64, f64)>,
}

#[derive(Debug)]
enum RequestedAbort {
    Http(u16),
    Grpc(u16),
}

impl CompiledControl {
    /// Reads the control headers.
    ///
    /// # Errors
    /// Why nothing is injected.
    fn read(&self, headers: &HeaderMap) -> Result<Requested, SkipReason> {
        let names = &self.names;
        let kinds = [&names.abort, &names.abort_grpc, &names.delay, &names.throughput];
        if !kinds.into_iter().any(|name| headers.contains_key(name)) {
            return Err(SkipReason::NotRequested);
        }
        if !self.secret.is_known(headers) {
            return Err(SkipReason::Untrusted);
        }
        self.parse(headers).ok_or(SkipReason::InvalidControl)
    }

    /// `None`: a value is not valid.
    fn parse(&self, headers: &HeaderMap) -> Option<Requested> {
        let names = &self.names;
        let share = |name| {
            let percent = number(headers, name)?;
            Some(percent.map_or(1.0, |percent| percent as f64 / 100.0).min(self.max_share))
        };
        let (abort_share, delay_share, throughput_share) =
            (share(&names.abort_share)?, share(&names.delay_share)?, share(&names.throughput_share)?);
        let small = |number: Option<u64>, range: std::ops::RangeInclusive<u64>| match number {
            Some(number) if range.contains(&number) => Some(u16::try_from(number).ok()),
            Some(_) => None,
            None => Some(None),
        };
        let status = small(number(headers, &names.abort)?, 200..=599)?.map(RequestedAbort::Http);
        let grpc = small(number(headers, &names.abort_grpc)?, 0..=16)?.map(RequestedAbort::Grpc);
        let delay = number(headers, &names.delay)?;
        let throughput = number(headers, &names.throughput)?;
        if throughput == Some(0) {
            return None;
        }
        Some(Requested {
            abort: status.or(grpc).map(|abort| (abort, abort_share)),
            delay: delay.map(|millis| (Duration::from_millis(millis).min(self.max_delay), delay_share)),
            throughput: throughput.map(|rate| (rate.max(self.min_throughput), throughput_share)),
        })
    }
}

/// Parses a header of decimal digits; `Some(None)` if it is absent, `None` if it is anything else.
fn number(headers: &HeaderMap, name: &HeaderName) -> Option<Option<u64>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Some(None) };
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    if values.next().is_some() {
        return None;
    }
    // Digits beyond 64 bits are a number all the same, which the limits cut.
    (!text.is_empty()).then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

impl CompiledInjector for CompiledControl {
    fn plan(&self, draws: Draws, keys: RequestKeys<'_>, steps: &mut Steps) {
        let Ok(requested) = self.read(keys.control_headers()) else { return };
        let is_drawn = |kind: u64, share: f64| draws.child(kind).is_selected(share);
        let abort = requested.abort.filter(|(_, share)| is_drawn(0, *share));
        let delay = requested.delay.filter(|(_, share)| is_drawn(1, *share));
        let throughput = requested.throughput.filter(|(_, share)| is_drawn(2, *share));
        if let Some((delay, _)) = delay {
            steps.push(Step::Wait(delay), Action::Slow(delay));
        }
        match abort {
            Some((RequestedAbort::Http(status), _)) => {
                let Some(response) = status_response(status) else { return };
                steps.push(Step::Respond(Arc::new(response)), Action::Error(status));
            }
            Some((RequestedAbort::Grpc(status), _)) => {
                steps.push(Step::Respond(Arc::new(grpc_response(status))), Action::Grpc(status));
            }
            None => {
                if let Some((rate, _)) = throughput {
                    rate_limit(rate.saturating_mul(1024)).plan(draws.child(3), keys, steps);
                }
            }
        }
        if steps.list.is_empty() {
            steps.passed = Some(SkipReason::NotSelected);
        }
    }

    fn admit(&self, keys: RequestKeys<'_>) -> Result<(), SkipReason> {
        self.read(keys.control_headers()).map(drop)
    }

    fn removed_headers(&self) -> &[HeaderName] {
        &self.removed
    }
}
