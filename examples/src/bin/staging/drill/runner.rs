//! Runner: starts a shop, enables all faults, sends the workload, compares.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use waylay_examples::server::Limits;
use waylay_fault::FaultSet;
use waylay_fault_admin::Token;

use super::client::Client;
use super::comparison::InjectionLog;
use super::report::Report;
use super::workload::Exchange;
use crate::faults;
use crate::server::Servers;

/// Number of concurrent requests.
const CONCURRENCY: u32 = 64;

/// Starts a shop on free ports, enables all faults, sends the requests, stops the shop, and compares.
pub(crate) async fn run(requests: NonZeroU32, seed: u64) -> Result<Report, Box<dyn Error>> {
    if waylay_fault::halted() {
        return Err("WAYLAY_HALT=1 stops every fault, so a drill would check nothing; unset it".into());
    }
    let log = Arc::new(InjectionLog::default());
    let faults = FaultSet::builder().environment("staging").reporter(log.clone()).build();
    faults.apply(&faults::plan(seed)?)?;
    let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let token = Token::generate()?;
    let servers =
        Servers::bind(free_port, free_port, Limits::default(), &faults, token.clone(), |admin| admin).await?;
    let control = ControlClient::new(servers.control_address(), token);
    let client = Client::new(servers.shop_address());
    let (stop, stopped) = oneshot::channel::<()>();
    let servers = tokio::spawn(servers.run(async { _ = stopped.await }));

    for fault in control.faults().await? {
        control.enable(&fault.name).await?;
    }
    let exchanges = send_all(client, requests.get()).await?;
    let faults = control.faults().await?;

    // The log is complete only after the servers have stopped.
    drop((control, stop));
    servers.await?;
    Ok(Report::new(&exchanges, &log, &faults))
}

/// Sends the requests, and returns what their clients observed, in order.
pub(super) async fn send_all(client: Client, requests: u32) -> Result<Vec<Exchange>, http::Error> {
    let next = Arc::new(AtomicU32::new(0));
    let (sender, mut receiver) = mpsc::unbounded_channel();
    for _ in 0..CONCURRENCY.min(requests) {
        let (client, next, sender) = (client.clone(), Arc::clone(&next), sender.clone());
        tokio::spawn(async move {
            loop {
                let request = next.fetch_add(1, Ordering::Relaxed);
                if request >= requests || sender.send(Exchange::run(&client, request).await).is_err() {
                    break;
                }
            }
        });
    }
    drop((client, sender));

    // The bar is on stderr and hidden if that is not a terminal.
    let progress = ProgressBar::new(requests.into()).with_style(progress_style());
    let mut exchanges = Vec::new();
    while let Some(exchange) = receiver.recv().await {
        exchanges.push(exchange?);
        progress.inc(1);
    }
    progress.finish_and_clear();
    exchanges.sort_unstable_by_key(|exchange| exchange.request);
    Ok(exchanges)
}

fn progress_style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} requests, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A fault as the admin API returns it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FaultState {
    pub(crate) name: String,
    pub(crate) routes: Vec<String>,
    pub(crate) counts: FaultCounts,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FaultCounts {
    pub(crate) injected: u64,
}

/// Client of the admin API.
#[derive(Debug)]
struct ControlClient {
    client: legacy::Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    token: Token,
}

impl ControlClient {
    fn new(address: SocketAddr, token: Token) -> Self {
        Self { client: legacy::Client::builder(TokioExecutor::new()).build_http(), address, token }
    }

    /// Returns all faults.
    async fn faults(&self) -> Result<Vec<FaultState>, Box<dyn Error>> {
        let body = self.send(Method::GET, "/faults", "").await?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Enables a fault.
    async fn enable(&self, name: &str) -> Result<(), Box<dyn Error>> {
        self.send(Method::PATCH, &format!("/faults/{name}"), r#"{"enabled":true}"#).await?;
        Ok(())
    }

    async fn send(&self, method: Method, target: &str, body: &'static str) -> Result<Bytes, Box<dyn Error>> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{target}", self.address))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token.reveal()))
            .body(Full::from(body))?;
        let response = self.client.request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status.is_success() { Ok(body) } else { Err(format!("{target} returns {status}").into()) }
    }
}
