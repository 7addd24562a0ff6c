//! Connection: a client of NATS that reconnects, and whether it is connected.

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::{self, context::ContextBuilder};
use async_nats::{ConnectOptions, Event, ServerAddr};
use tokio::sync::watch;

use crate::backoff;
use crate::error::FleetError;

/// Time for a response of a server, and for a connection.
const RESPONSE_TIME: Duration = Duration::from_secs(3);

/// A client that connects, and connects again, for as long as it is there.
pub(crate) struct Connection {
    jetstream: jetstream::Context,
    servers: String,
    link: watch::Receiver<Link>,
}

/// Whether there is a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Link {
    pub(crate) is_connected: bool,
    /// The number of connections so far.
    pub(crate) connections: u64,
}

impl Connection {
    /// Begins to connect; a server that cannot be reached is tried again.
    ///
    /// # Errors
    /// An address is wrong.
    pub(crate) async fn new(addresses: &str, options: ConnectOptions) -> Result<Self, FleetError> {
        let addresses = parse(addresses)?;
        let servers: Vec<_> =
            addresses.iter().map(|addr| format!("{}:{}", addr.host(), addr.port())).collect();
        let (sender, link) = watch::channel(Link::default());
        let options = options
            .retry_on_initial_connect()
            .request_timeout(Some(RESPONSE_TIME))
            .connection_timeout(RESPONSE_TIME)
            .reconnect_delay_callback(|attempt| backoff::delay(attempt, rand::random()))
            .event_callback(move |event| {
                sender.send_if_modified(|link| link.follow(&event));
                std::future::ready(())
            });
        let client = options.connect(addresses).await;
        let client = client.map_err(|error| FleetError::Url { cause: error.to_string() })?;
        let jetstream = ContextBuilder::new().timeout(RESPONSE_TIME).ack_timeout(RESPONSE_TIME).build(client);
        Ok(Self { jetstream, servers: servers.join(", "), link })
    }

    /// Waits a moment for a connection.
    ///
    /// # Errors
    /// There is none.
    pub(crate) async fn ready(&self) -> Result<(), FleetError> {
        let mut link = self.link.clone();
        let connected = link.wait_for(|link| link.is_connected);
        match tokio::time::timeout(RESPONSE_TIME, connected).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(FleetError::NotConnected { servers: self.servers.clone() }),
        }
    }

    pub(crate) fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    pub(crate) fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }

    /// Returns the servers, without users and passwords.
    pub(crate) fn servers(&self) -> &str {
        &self.servers
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("servers", &self.servers).finish_non_exhaustive()
    }
}

impl Link {
    /// Follows an event of the client; returns whether it changed anything.
    fn follow(&mut self, event: &Event) -> bool {
        match event {
            Event::Connected => {
                self.is_connected = true;
                self.connections += 1;
                true
            }
            Event::Disconnected | Event::Closed => std::mem::replace(&mut self.is_connected, false),
            _ => false,
        }
    }
}

/// Parses addresses that are separated by commas.
fn parse(addresses: &str) -> Result<Vec<ServerAddr>, FleetError> {
    let parse = |address: &str| {
        let address: ServerAddr =
            address.trim().parse().map_err(|error: std::io::Error| error.to_string())?;
        if address.host().is_empty() { Err("it has no host".to_owned()) } else { Ok(address) }
    };
    let parsed: Result<Vec<_>, String> = addresses.split(',').map(parse).collect();
    parsed.map_err(|cause| FleetError::Url { cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_errors_hold_no_password() {
        let rows = [
            ("nats://127.0.0.1:4222", Ok(vec!["127.0.0.1:4222"])),
            ("a.example, tls://b.example:4333", Ok(vec!["a.example:4222", "b.example:4333"])),
            ("nats://ann:secret@a.example", Ok(vec!["a.example:4222"])),
            ("http://ann:secret@a.example", Err("invalid scheme")),
            ("nats://ann:secret@", Err("empty host")),
            ("", Err("no host")),
            ("a.example,", Err("no host")),
            ("nats://a.example:seven", Err("invalid port")),
        ];
        for (text, expected) in rows {
            match (parse(text), expected) {
                (Ok(parsed), Ok(expected)) => {
                    let parsed: Vec<_> =
                        parsed.iter().map(|addr| format!("{}:{}", addr.host(), addr.port())).collect();
                    assert_eq!(parsed, expected, "{text}");
                }
                (Err(error), Err(cause)) => {
                    let error = error.to_string();
                    assert!(error.contains(cause) && !error.contains("secret"), "{text}: {error}");
                }
                (parsed, _) => panic!("{text}: {parsed:?}"),
            }
        }
    }

    #[test]
    fn a_link_follows_the_events_of_the_client() {
        let mut link = Link::default();
        let rows = [
            (Event::Disconnected, false, false, 0),
            (Event::Connected, true, true, 1),
            (Event::LameDuckMode, false, true, 1),
            (Event::Disconnected, true, false, 1),
            (Event::Connected, true, true, 2),
            (Event::Closed, true, false, 2),
        ];
        for (event, is_change, is_connected, connections) in rows {
            assert_eq!(link.follow(&event), is_change, "{event}");
            assert_eq!(link, Link { is_connected, connections }, "{event}");
        }
    }
}
