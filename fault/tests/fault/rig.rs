//! A service behind a fault, in memory.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{Action, Event, Fault, FaultBuilder, Injector, Phase};

/// A fault that is on and strikes all.
pub(crate) fn striking(injector: impl Into<Injector>) -> FaultBuilder {
    Fault::new("test", injector).enabled(true).participation(1.0)
}

pub(crate) fn get(path: &str) -> Request<String> {
    request(Method::GET, path, &[])
}

pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request<String> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(String::new()).unwrap()
}

/// Status and text that come back from `202 Accepted` behind the fault; no answer is no status.
pub(crate) async fn send(fault: &Fault, request: Request<String>) -> (Option<u16>, String) {
    let inner = service_fn(async |_: Request<String>| {
        let mut response = Response::new(String::from("Accepted"));
        *response.status_mut() = StatusCode::ACCEPTED;
        Ok::<_, Infallible>(response)
    });
    let response = fault.layer().layer(inner).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    match response.into_body().collect().await {
        Ok(body) => (Some(status), String::from_utf8(body.to_bytes().to_vec()).unwrap()),
        Err(error) => {
            assert_eq!(error.reject().map(|reject| reject.fault()), Some(fault.name()));
            (None, String::new())
        }
    }
}

/// Whether a fault that answers by itself struck this request.
pub(crate) async fn is_struck(fault: &Fault, request: Request<String>) -> bool {
    send(fault, request).await.0 != Some(202)
}

/// Runs a future to its end; for tests that are no futures themselves.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) type Report = (Phase, Vec<Action>);

/// The reports of a fault, kept.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Report>>>);

impl Log {
    pub(crate) fn reporter(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let log = self.0.clone();
        move |event| log.lock().unwrap().push((event.phase(), event.actions().to_vec()))
    }

    /// Takes what has come in so far.
    pub(crate) fn take(&self) -> Vec<Report> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
