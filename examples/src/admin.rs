//! Admin listeners: loopback addresses, the token, and a guard against DNS rebinding.

use std::net::{IpAddr, SocketAddr};

use http::header::HOST;
use http::uri::Authority;
use waylay_fault_admin::{Token, TokenError};
use waylay_router::RequestHead;

/// Parses the address of a listener.
///
/// # Errors
/// Not an address with a port.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "not an address such as 127.0.0.1:3000".to_owned())
}

/// Parses the address of a listener without authentication, which must not be reachable from other machines.
///
/// # Errors
/// Not an address, or not a loopback address.
pub fn loopback_address(text: &str) -> Result<SocketAddr, String> {
    let address = address(text)?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("reachable from other machines; give a loopback address such as 127.0.0.1:3001".to_owned())
    }
}

/// Returns the token of changes to the faults: that of `WAYLAY_ADMIN_TOKEN`, else a new one.
///
/// # Errors
/// The variable is no token.
pub fn token() -> Result<Token, TokenError> {
    match std::env::var_os("WAYLAY_ADMIN_TOKEN") {
        Some(_) => Token::from_env("WAYLAY_ADMIN_TOKEN"),
        None => Token::generate(),
    }
}

/// Tests whether the host is a loopback address or `localhost`. A page of another site whose name resolves to
/// this machine (DNS rebinding) sends that name.
pub fn has_loopback_host(head: &RequestHead<'_>) -> bool {
    let header = head.headers.get(HOST).and_then(|value| value.to_str().ok()?.parse::<Authority>().ok());
    let authority = head.uri.authority().cloned().or(header);
    authority.is_some_and(|authority| {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}
