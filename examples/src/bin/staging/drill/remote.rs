//! The control port as a client sees it.

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

/// A fault as the control port tells of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) routes: Vec<String>,
    pub(crate) counts: ToldCounts,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ToldCounts {
    pub(crate) injected: u64,
}

/// Asks the control port, over its socket like anybody else.
#[derive(Debug)]
pub(crate) struct Remote {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
}

impl Remote {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), address }
    }

    /// Every fault, with its routes and counts.
    pub(crate) async fn faults(&self) -> Result<Vec<Told>, Box<dyn Error>> {
        let answer = self.ask(Method::GET, "/_faults", "").await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Switches one on.
    pub(crate) async fn switch_on(&self, name: &str) -> Result<(), Box<dyn Error>> {
        self.ask(Method::PUT, &format!("/_faults/{name}"), r#"{"enabled":true}"#).await?;
        Ok(())
    }

    async fn ask(&self, method: Method, target: &str, body: &'static str) -> Result<Bytes, Box<dyn Error>> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{target}", self.address))
            .header("content-type", "application/json")
            .body(Full::from(body))?;
        let answer = self.client.request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status.is_success() { Ok(body) } else { Err(format!("{target} answers {status}").into()) }
    }
}
