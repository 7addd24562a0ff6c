//! The routes of Toxiproxy's HTTP API.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use waylay_router::{BuildErrors, Matched, Route, Router};

use crate::toxiproxy::error::ProxyError;
use crate::toxiproxy::json;
use crate::toxiproxy::proxy::{ProxyConfig, ProxyStatus};
use crate::toxiproxy::proxy_set::ProxySet;
use crate::toxiproxy::toxic::ToxicConfig;

/// The version of the API, which clients compare, and of this crate.
const VERSION: &str = concat!("2.12.0+waylay-", env!("CARGO_PKG_VERSION"));

type Answer = Result<Response, ProxyError>;

/// Builds the router of the API.
pub(crate) fn router(proxies: &ProxySet) -> Result<Router, BuildErrors> {
    let proxy = "/proxies/{proxy}";
    let toxics = "/proxies/{proxy}/toxics";
    let toxic = "/proxies/{proxy}/toxics/{toxic}";
    Router::builder()
        .route(Route::get("/version").to(version))
        .route(Route::get("/metrics").to(on(proxies, metrics)))
        .route(Route::post("/reset").to(on(proxies, reset)))
        .route(Route::post("/populate").to(on(proxies, populate)))
        .route(Route::get("/proxies").to(on(proxies, list)))
        .route(Route::post("/proxies").to(on(proxies, create)))
        .route(Route::get(proxy).to(on(proxies, show)))
        // Toxiproxy 2.6 put PATCH in the place of POST, which clients still send.
        .route(Route::new().path(proxy).method(Method::POST).method(Method::PATCH).to(on(proxies, update)))
        .route(Route::delete(proxy).to(on(proxies, remove)))
        .route(Route::get(toxics).to(on(proxies, list_toxics)))
        .route(Route::post(toxics).to(on(proxies, add_toxic)))
        .route(Route::get(toxic).to(on(proxies, show_toxic)))
        .route(
            Route::new().path(toxic).method(Method::POST).method(Method::PATCH).to(on(proxies, change_toxic)),
        )
        .route(Route::delete(toxic).to(on(proxies, remove_toxic)))
        .build()
}

/// Returns the handler that calls a function with the proxies.
fn on<Act, Fut>(
    proxies: &ProxySet,
    act: Act,
) -> impl Fn(Matched, Bytes) -> Fut + Clone + Send + Sync + 'static
where
    Act: Fn(ProxySet, Matched, Bytes) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send,
{
    let proxies = proxies.clone();
    move |matched, body| act(proxies.clone(), matched, body)
}

async fn version() -> Response {
    answer(StatusCode::OK, &BTreeMap::from([("version", VERSION)]))
}

async fn reset(proxies: ProxySet, _: Matched, _: Bytes) -> Answer {
    proxies.reset().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn populate(proxies: ProxySet, _: Matched, body: Bytes) -> Answer {
    #[derive(Serialize)]
    struct Populated {
        #[serde(flatten)]
        error: Option<ErrorView>,
        proxies: Vec<ProxyStatus>,
    }
    let (proxies, result) = proxies.populate(&body).await;
    let error = result.err();
    let status = error.as_ref().map_or(StatusCode::CREATED, ProxyError::status);
    Ok(answer(status, &Populated { error: error.as_ref().map(ErrorView::of), proxies }))
}

async fn list(proxies: ProxySet, _: Matched, _: Bytes) -> Answer {
    let all = proxies.list().await.into_iter().map(|proxy| (proxy.config.name.clone(), proxy));
    Ok(answer(StatusCode::OK, &all.collect::<BTreeMap<_, _>>()))
}

async fn create(proxies: ProxySet, _: Matched, body: Bytes) -> Answer {
    let config: ProxyConfig = json::record(json::decode(&body)?)?;
    Ok(answer(StatusCode::CREATED, &proxies.create(config).await?))
}

async fn show(proxies: ProxySet, matched: Matched, _: Bytes) -> Answer {
    Ok(answer(StatusCode::OK, &proxies.get(&variable(&matched, "proxy")).await?))
}

async fn update(proxies: ProxySet, matched: Matched, body: Bytes) -> Answer {
    /// What a request changes; the name stays.
    #[derive(Deserialize)]
    struct Change {
        listen: Option<String>,
        upstream: Option<String>,
        enabled: Option<bool>,
    }
    let name = variable(&matched, "proxy");
    proxies.get(&name).await?;
    let change: Change = json::record(json::decode(&body)?)?;
    let changed = proxies.update(&name, |config| {
        config.listen = change.listen.unwrap_or_else(|| config.listen.clone());
        config.upstream = change.upstream.unwrap_or_else(|| config.upstream.clone());
        config.enabled = change.enabled.unwrap_or(config.enabled);
    });
    Ok(answer(StatusCode::OK, &changed.await?))
}

async fn remove(proxies: ProxySet, matched: Matched, _: Bytes) -> Answer {
    proxies.remove(&variable(&matched, "proxy")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn list_toxics(proxies: ProxySet, matched: Matched, _: Bytes) -> Answer {
    Ok(answer(StatusCode::OK, &proxies.get(&variable(&matched, "proxy")).await?.toxics))
}

async fn add_toxic(proxies: ProxySet, matched: Matched, body: Bytes) -> Answer {
    let name = variable(&matched, "proxy");
    proxies.get(&name).await?;
    let toxic = ToxicConfig::read(&body)?;
    proxies.add_toxic(&name, toxic.clone()).await?;
    Ok(answer(StatusCode::OK, &toxic))
}

async fn show_toxic(proxies: ProxySet, matched: Matched, _: Bytes) -> Answer {
    let (name, toxic) = (variable(&matched, "proxy"), variable(&matched, "toxic"));
    let found = proxies.with(&name, |proxy| proxy.toxic(&toxic).cloned());
    Ok(answer(StatusCode::OK, &found.await?))
}

async fn change_toxic(proxies: ProxySet, matched: Matched, body: Bytes) -> Answer {
    let (name, toxic) = (variable(&matched, "proxy"), variable(&matched, "toxic"));
    let changed = proxies.with(&name, |proxy| {
        let changed = proxy.toxic(&toxic)?.changed_by(&body)?;
        proxy.change_toxic(changed.clone())?;
        Ok(changed)
    });
    Ok(answer(StatusCode::OK, &changed.await?))
}

async fn remove_toxic(proxies: ProxySet, matched: Matched, _: Bytes) -> Answer {
    proxies.remove_toxic(&variable(&matched, "proxy"), &variable(&matched, "toxic")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Writes the bytes through each proxy in the text format of Prometheus.
async fn metrics(proxies: ProxySet, _: Matched, _: Bytes) -> Answer {
    let mut received =
        family("received", "Bytes read by each proxy from clients (upstream) and servers (downstream).");
    let mut sent =
        family("sent", "Bytes written by each proxy to servers (upstream) and clients (downstream).");
    proxies
        .for_each(|proxy| {
            let labels = format!(
                "listener={},proxy={},upstream={}",
                label(&proxy.config.listen),
                label(&proxy.config.name),
                label(&proxy.config.upstream)
            );
            let traffic = &proxy.traffic;
            write_line(&mut received, "received", "upstream", &labels, &traffic.from_clients);
            write_line(&mut received, "received", "downstream", &labels, &traffic.from_upstream);
            write_line(&mut sent, "sent", "upstream", &labels, &traffic.to_upstream);
            write_line(&mut sent, "sent", "downstream", &labels, &traffic.to_clients);
        })
        .await;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], received + &sent).into_response())
}

fn family(name: &str, help: &str) -> String {
    let name = format!("toxiproxy_proxy_{name}_bytes_total");
    format!("# HELP {name} {help}\n# TYPE {name} counter\n")
}

fn write_line(text: &mut String, name: &str, direction: &str, labels: &str, counter: &AtomicU64) {
    let bytes = counter.load(Ordering::Relaxed);
    // Writing to a string cannot fail.
    let _ =
        writeln!(text, "toxiproxy_proxy_{name}_bytes_total{{direction=\"{direction}\",{labels}}} {bytes}");
}

fn label(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn variable(matched: &Matched, name: &str) -> String {
    matched.get(name).unwrap_or_default().into_owned()
}

fn answer<T: Serialize>(status: StatusCode, value: &T) -> Response {
    // Texts, numbers and lists of them: nothing that JSON lacks.
    let text = serde_json::to_vec(value).unwrap_or_default();
    (status, [(CONTENT_TYPE, "application/json")], text).into_response()
}

/// The body of an error.
#[derive(Serialize)]
struct ErrorView {
    error: String,
    status: u16,
}

impl ErrorView {
    fn of(error: &ProxyError) -> Self {
        Self { error: error.to_string(), status: error.status().as_u16() }
    }
}

impl IntoResponse for ProxyError {
    fn into_response(self) -> Response {
        answer(self.status(), &ErrorView::of(&self))
    }
}
