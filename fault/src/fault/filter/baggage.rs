//! Baggage: requests whose W3C `baggage` names the fault.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::config::secret::{SecretConfig, SecretHeader};
use crate::injector::key::RequestKeys;
use crate::report::event::SkipReason;

const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// The key whose members name faults, unless another is set.
const DEFAULT_KEY: &str = "waylay.fault";

/// The members that are read of one request (W3C Baggage, section 3.3.2).
const MAX_BAGGAGE_MEMBERS: usize = 64;

/// The bytes that are read of one request, over all its `baggage` headers (the same section).
const MAX_BAGGAGE_BYTES: usize = 8192;

/// Selects the requests whose `baggage` header names the fault, for
/// [`FaultBuilder::baggage`](crate::FaultBuilder::baggage): a service passes the header on to the services
/// that it calls, so a fault can be aimed several calls away.
///
/// A member `waylay.fault=slow-cart` names the fault `slow-cart`. The value is percent-decoded; several
/// faults are named by several members, or by names between commas encoded as `%2C`. At most 64 members and
/// 8192 bytes are read.
///
/// # Trust
///
/// Every client of the service could name a fault. [`trust_all`](Self::trust_all) accepts
/// every request, and is for services that only trusted callers reach; the edge in front of them has to
/// [remove](Self::remove_from) the member from requests of others. [`with_secret`](Self::with_secret)
/// accepts requests with a secret in another header only. Services do not pass that header on, so it
/// protects the first service of a chain, and the others trust it.
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Baggage, Fault, error};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let fault = Fault::new("no-stock", error(503))
///     .enabled(true)
///     .participation(1.0)
///     .baggage(Baggage::trust_all())
///     .build()?;
/// let service = fault.layer().layer(service_fn(async |_: Request<String>| {
///     Ok::<_, std::io::Error>(Response::new(String::from("real")))
/// }));
/// let aimed = Request::get("/stock").header("baggage", "tenant=acme,waylay.fault=no-stock").body(String::new())?;
/// assert_eq!(service.clone().oneshot(aimed).await?.status(), 503);
/// assert_eq!(service.oneshot(Request::get("/stock").body(String::new())?).await?.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "it selects nothing until a fault has it"]
pub struct Baggage {
    key: String,
    secret: Option<SecretConfig>,
}

impl Baggage {
    /// Accepts the baggage of every request.
    pub fn trust_all() -> Self {
        Self { key: DEFAULT_KEY.into(), secret: None }
    }

    /// Accepts the baggage of requests that have this secret, of at least 16 visible ASCII characters, in
    /// this header. The header is removed before the service sees the request.
    pub fn with_secret(header: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::of(SecretConfig { header: header.into(), secret: Ok(secret.into()) })
    }

    pub(crate) fn of(secret: SecretConfig) -> Self {
        Self { key: DEFAULT_KEY.into(), secret: Some(secret) }
    }

    /// Sets the key of the members that name faults; `waylay.fault` by default.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Removes the members of the key from the `baggage` of a request, as an edge does for requests that it
    /// does not trust. Other members stay as they are.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use waylay_fault::Baggage;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("baggage", "tenant=acme, waylay.fault=no-stock".parse()?);
    /// Baggage::trust_all().remove_from(&mut headers);
    /// assert_eq!(headers["baggage"], "tenant=acme");
    /// # Ok::<(), http::header::InvalidHeaderValue>(())
    /// ```
    pub fn remove_from(&self, headers: &mut HeaderMap) {
        let values: Vec<HeaderValue> = headers.get_all(BAGGAGE).iter().cloned().collect();
        headers.remove(BAGGAGE);
        for value in values {
            let members = value.as_bytes().split(|byte| *byte == b',');
            let kept: Vec<&[u8]> = members.filter(|member| key_of(member) != self.key.as_bytes()).collect();
            // Bytes of a valid value are one again.
            let kept = HeaderValue::from_bytes(kept.join(&b","[..]).trim_ascii());
            headers.extend(kept.ok().filter(|kept| !kept.is_empty()).map(|kept| (BAGGAGE, kept)));
        }
    }

    pub(crate) fn check(self, errors: &mut ErrorCollector) -> Option<BaggageFilter> {
        // A header's name and a key of baggage are both tokens (RFC 9110, section 5.6.2).
        let is_token = HeaderName::from_bytes(self.key.as_bytes()).is_ok();
        if !is_token {
            errors.add("baggage.key", &self.key, FaultErrorKind::BaggageKey);
        }
        let secret = match &self.secret {
            Some(secret) => Some(SecretHeader::check("baggage", secret, errors)?),
            None => None,
        };
        is_token.then_some(BaggageFilter { key: self.key, secret })
    }
}

/// The key of a member, whatever follows it.
fn key_of(member: &[u8]) -> &[u8] {
    member.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}

#[derive(Debug)]
pub(crate) struct BaggageFilter {
    key: String,
    secret: Option<SecretHeader>,
}

impl BaggageFilter {
    /// Returns the header with the secret, which the service is not to see.
    pub(crate) fn secret_header(&self) -> Option<&HeaderName> {
        self.secret.as_ref().map(SecretHeader::name)
    }

    /// Tests whether the request names the fault, and may.
    pub(crate) fn admit(
        &self,
        fault: &str,
        headers: &HeaderMap,
        keys: RequestKeys<'_>,
    ) -> Result<(), SkipReason> {
        if !values(headers, &self.key).any(|value| names(&value, fault)) {
            return Err(SkipReason::NotRequested);
        }
        match &self.secret {
            Some(secret) if !secret.is_known(keys.control_headers()) => Err(SkipReason::Untrusted),
            _ => Ok(()),
        }
    }
}

fn names(value: &str, fault: &str) -> bool {
    value == fault || value.split(',').any(|name| name.trim() == fault)
}

/// The decoded values of the members of this key, within the limits.
fn values<'a>(headers: &'a HeaderMap, key: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    let mut bytes = 0;
    let values = headers.get_all(BAGGAGE).iter().map_while(move |value| {
        bytes += value.len();
        (bytes <= MAX_BAGGAGE_BYTES).then_some(value)
    });
    let members = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    members.take(MAX_BAGGAGE_MEMBERS).filter_map(move |member| {
        // `key = value ; property`
        let (found, rest) = member.split_once('=')?;
        let value = rest.split(';').next().unwrap_or_default().trim();
        (found.trim() == key).then(|| percent_decode_str(value).decode_utf8_lossy())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_named(lines: &[&str], key: &str) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(BAGGAGE, line.parse().expect("a value"));
        }
        values(&headers, key).any(|value| names(&value, "slow cart"))
    }

    #[test]
    fn members_are_read_as_the_specification_says() {
        let many = |count: usize| vec!["a=b"; count].join(",");
        let rows: [(&[&str], bool); 19] = [
            (&["waylay.fault=slow%20cart"], true),
            (&["a=b,waylay.fault=slow%20cart,c=d"], true),
            (&["a=b", " waylay.fault\t=  slow%20cart ;ttl=1;x "], true),
            (&["waylay.fault=other,waylay.fault=slow%20cart"], true),
            (&["waylay.fault=other%2Cslow%20cart"], true),
            (&["waylay.fault=other%2c%20slow%20cart"], true),
            (&["waylay.fault=slow cart"], true),
            (&["waylay.fault=slow%20cart%20"], true),
            (&["waylay.fault=slow+cart"], false),
            (&["waylay.fault=slow%2520cart"], false),
            (&["waylay.fault=Slow%20cart"], false),
            (&["Waylay.Fault=slow%20cart"], false),
            (&["x.waylay.fault=slow%20cart"], false),
            (&["a=b;waylay.fault=slow%20cart"], false),
            (&["waylay.fault"], false),
            (&["waylay.fault=%ff%fe"], false),
            (&[",,=,;=;"], false),
            (&[&(many(63) + ",waylay.fault=slow%20cart")], true),
            (&[&(many(64) + ",waylay.fault=slow%20cart")], false),
        ];
        for (lines, expected) in rows {
            assert_eq!(is_named(lines, "waylay.fault"), expected, "{lines:?}");
        }
        let long = |length: usize| format!("a={}", "b".repeat(length - 2));
        let aimed = "waylay.fault=slow%20cart";
        assert!(is_named(&[&long(MAX_BAGGAGE_BYTES - aimed.len()), aimed], "waylay.fault"));
        assert!(!is_named(&[&long(MAX_BAGGAGE_BYTES - aimed.len() + 1), aimed], "waylay.fault"));
    }

    #[test]
    fn only_members_of_the_key_are_removed() {
        let rows: [(&[&str], &[&str]); 5] = [
            (&["waylay.fault=a"], &[]),
            (&["a=b, waylay.fault=a;x=1 ,c=d;e"], &["a=b,c=d;e"]),
            (&["waylay.fault=a,b=c", "waylay.fault", "d=e"], &["b=c", "d=e"]),
            (&["a=waylay.fault"], &["a=waylay.fault"]),
            (&[], &[]),
        ];
        for (before, after) in rows {
            let mut headers = HeaderMap::new();
            for line in before {
                headers.append(BAGGAGE, line.parse().expect("a value"));
            }
            Baggage::trust_all().remove_from(&mut headers);
            let left: Vec<_> = headers.get_all(BAGGAGE).iter().collect();
            assert_eq!(left, after, "{before:?}");
        }
    }
}
