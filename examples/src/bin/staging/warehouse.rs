//! Warehouse: the service that the shop asks for stock, under the client faults of a plan.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};
use waylay_examples::problem::Problem;
use waylay_fault::{ClientError, FaultBody, FaultSet};

use crate::faults::{ATTEMPT_ID, REQUEST_ID};
use crate::store::Store;

/// Headers of a request to the shop that belong to the requests that it sends for it.
const PASSED_ON: [&str; 5] = [REQUEST_ID, ATTEMPT_ID, "traceparent", "tracestate", "baggage"];

/// Timeout of a request to the warehouse.
const TIMEOUT: Duration = Duration::from_secs(1);

type WarehouseService = BoxCloneSyncService<Request<()>, Response<FaultBody<Full<Bytes>>>, ClientError>;

/// The client of the warehouse, which runs in the same process.
#[derive(Clone)]
pub(crate) struct Warehouse(WarehouseService);

impl Warehouse {
    /// Creates a client whose requests are under the faults of a set for clients.
    pub(crate) fn new(store: Store, faults: &FaultSet) -> Self {
        let service = service_fn(move |request: Request<()>| {
            let sku = request.uri().path().trim_start_matches("/stock/").parse().ok();
            let count = sku.and_then(|sku: u32| store.stock(sku));
            let text = count.map(|count| count.to_string()).unwrap_or_default();
            let mut response = Response::new(Full::from(text));
            if count.is_none() {
                *response.status_mut() = StatusCode::NOT_FOUND;
            }
            std::future::ready(Ok::<_, std::convert::Infallible>(response))
        });
        Self(BoxCloneSyncService::new(faults.client_layer().layer(service)))
    }

    /// Returns the number of items of a product, if there is such a product.
    ///
    /// # Errors
    /// The warehouse did not respond as it should: 502, or 504 after a second.
    pub(crate) async fn stock(&self, sku: u32, headers: &HeaderMap) -> Result<Option<u32>, Problem> {
        let mut request = Request::get(format!("http://warehouse.localhost/stock/{sku}"));
        for name in PASSED_ON {
            for value in headers.get_all(name) {
                request = request.header(name, value);
            }
        }
        let request = request.body(()).map_err(|error| failed(&error))?;
        let answer = async {
            let response = self.0.clone().oneshot(request).await.map_err(|error| failed(&error))?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(|error| failed(&error))?.to_bytes();
            match (status, std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok())) {
                (StatusCode::NOT_FOUND, _) => Ok(None),
                (StatusCode::OK, Some(count)) => Ok(Some(count)),
                _ => Err(failed(&format!("it returned {status}"))),
            }
        };
        tokio::time::timeout(TIMEOUT, answer).await.unwrap_or_else(|_| {
            Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, "the warehouse did not respond in time"))
        })
    }
}

fn failed(why: &dyn fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, format!("the warehouse failed: {why}"))
}
