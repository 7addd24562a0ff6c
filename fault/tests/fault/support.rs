//! A service wrapped in a fault, in memory.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{Action, Event, Fault, FaultBuilder, Injector, Phase};

/// An enabled fault that selects every request.
pub(crate) fn always(injector: impl Into<Injector>) -> FaultBuilder {
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

/// Status and text of the response of `202 Accepted` through the fault; `None` without a response.
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

/// Tests whether a fault that responds by itself was injected into this request.
pub(crate) async fn is_injected(fault: &Fault, request: Request<String>) -> bool {
    send(fault, request).await.0 != Some(202)
}

/// Runs a future to its end, for tests that are not async.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) type Report = (Phase, Vec<Action>);

/// The recorded events of a fault.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Report>>>);

impl Log {
    pub(crate) fn reporter(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let log = self.0.clone();
        move |event| log.lock().unwrap().push((event.phase(), event.actions().to_vec()))
    }

    /// Takes the events so far.
    pub(crate) fn take(&self) -> Vec<Report> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
