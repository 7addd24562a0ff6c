//! Client address, header and method lists.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::config::error::{ErrorCollector, FaultErrorKind, header_name, header_value};

/// Ranges in CIDR notation (RFC 4632), or single addresses.
#[derive(Debug, Default)]
pub(crate) struct ClientList(Vec<Network>);

#[derive(Debug)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl ClientList {
    /// Reads the ranges; each bad one becomes a finding under `setting[index]`.
    pub(crate) fn check(setting: &str, ranges: Vec<String>, errors: &mut ErrorCollector) -> Self {
        let mut list = Vec::with_capacity(ranges.len());
        for (index, range) in ranges.into_iter().enumerate() {
            match read(&range) {
                Some(network) => list.push(network),
                None => errors.add(format!("{setting}[{index}]"), range, FaultErrorKind::Network),
            }
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any range holds the address; one that is not known is in no list.
    pub(crate) fn contains(&self, client: Option<IpAddr>) -> bool {
        client.is_some_and(|client| self.0.iter().any(|network| network.holds(client)))
    }
}

fn read(range: &str) -> Option<Network> {
    let (address, bits) = match range.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (range, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().ok()?,
        Some(_) => return None,
        None => most,
    };
    (bits <= most).then_some(Network { address, bits })
}

impl Network {
    fn holds(&self, client: IpAddr) -> bool {
        // A shift by the whole width is none; a range of no bits holds all of its kind.
        match (self.address, client) {
            (IpAddr::V4(own), IpAddr::V4(client)) => {
                let differ = own.to_bits() ^ client.to_bits();
                differ.checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(client)) => {
                let differ = own.to_bits() ^ client.to_bits();
                differ.checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Name and value pairs; a request is in the list if any value of any pair's header equals.
#[derive(Debug, Default)]
pub(crate) struct HeaderList(Vec<(HeaderName, HeaderValue)>);

impl HeaderList {
    /// Reads the pairs; each bad one becomes a finding under `setting[index]`.
    pub(crate) fn check(setting: &str, pairs: Vec<(String, String)>, errors: &mut ErrorCollector) -> Self {
        let mut list = Vec::with_capacity(pairs.len());
        for (index, (name, value)) in pairs.into_iter().enumerate() {
            let setting = format!("{setting}[{index}]");
            let name = header_name(&setting, &name, errors);
            let value = header_value(&setting, &value, errors);
            list.extend(name.zip(value));
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, headers: &HeaderMap) -> bool {
        self.0.iter().any(|(name, wanted)| headers.get_all(name).iter().any(|value| value == wanted))
    }
}

/// Methods, compared byte by byte, as HTTP does.
#[derive(Debug, Default)]
pub(crate) struct MethodList(Vec<Method>);

impl MethodList {
    /// Reads the names; each bad one becomes a finding under `setting[index]`.
    pub(crate) fn check(setting: &str, names: Vec<String>, errors: &mut ErrorCollector) -> Self {
        let mut list = Vec::with_capacity(names.len());
        for (index, name) in names.into_iter().enumerate() {
            match Method::from_bytes(name.as_bytes()) {
                Ok(method) => list.push(method),
                Err(_) => errors.add(format!("{setting}[{index}]"), name, FaultErrorKind::Method),
            }
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, method: &Method) -> bool {
        self.0.contains(method)
    }
}
