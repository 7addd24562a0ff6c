//! Observe: the endpoints that read.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use waylay_extract::{Answer, Answers, Extract, routes};
use waylay_fault::FaultExplanation;

use crate::api::fleet::{FleetOverview, FleetUnreachable};
use crate::api::state::AdminState;
use crate::api::view::{self, FaultView, RouteView, StatusView};
use crate::metrics;
use crate::problem::{Json, Problem};

/// The endpoints that read.
#[derive(Debug, Extract)]
pub(crate) struct Observe {
    #[state]
    state: AdminState,
}

/// Tells that the process answers, and whether its faults are halted.
#[derive(Debug, Extract)]
#[route(GET "/health")]
pub(crate) struct Health {}

/// The process answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HealthView {
    /// `ok`.
    status: &'static str,
    /// Whether every fault of the process is halted.
    is_halted: bool,
}

/// Returns all that is known about the set of faults.
#[derive(Debug, Extract)]
#[route(GET "/status")]
pub(crate) struct Status {}

/// Lists the faults in their order.
#[derive(Debug, Extract)]
#[route(GET "/faults")]
pub(crate) struct ListFaults {}

/// Shows one fault.
#[derive(Debug, Extract)]
#[route(GET "/faults/{name}")]
pub(crate) struct ShowFault {
    /// The name of the fault.
    #[param]
    pub(crate) name: String,
}

/// Lists the routes of the service, if the program has named its router.
#[derive(Debug, Extract)]
#[route(GET "/routes")]
pub(crate) struct ListRoutes {}

/// Shows what the replicas of the fleet run, if the process belongs to one.
#[derive(Debug, Extract)]
#[route(GET "/fleet")]
pub(crate) struct ShowFleet {}

/// Explains what each fault would do to a request, and why not; nothing is counted by it.
#[derive(Debug, Extract)]
#[route(GET "/explain")]
pub(crate) struct Explain {
    /// The method of the request.
    #[query(default = "GET", max_length = 32)]
    method: String,
    /// The path with its query, or a whole URL.
    #[query(max_length = 4096)]
    url: String,
    /// A header, `name: value`; may be repeated.
    #[query(max_items = 50)]
    header: Vec<String>,
}

/// What each fault would do to a request.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExplanationView {
    /// The faults in their order.
    faults: Vec<FaultExplanationView>,
    /// What the router of the service would do, if the program has named it.
    route: Option<String>,
}

/// What one fault would do to a request.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FaultExplanationView {
    /// The name of the fault.
    name: String,
    /// Where it acts.
    placement: &'static str,
    /// Why it would skip the request, if it would.
    skipped: Option<String>,
    /// What it would do.
    actions: Vec<String>,
}

impl FaultExplanationView {
    fn new(fault: &FaultExplanation) -> Self {
        Self {
            name: fault.name().to_owned(),
            placement: fault.placement().name(),
            skipped: fault.skipped().map(|reason| reason.to_string()),
            actions: fault.actions().iter().map(ToString::to_string).collect(),
        }
    }
}

/// Returns counters and gauges in the text format of Prometheus.
#[derive(Debug, Extract)]
#[route(GET "/metrics")]
pub(crate) struct Metrics {}

/// The text format of Prometheus.
pub(crate) struct MetricsText(String);

impl IntoResponse for MetricsText {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], Body::from(self.0)).into_response()
    }
}

impl Answer for MetricsText {
    fn answer(answers: &mut Answers) {
        answers.content(StatusCode::OK, "The metrics.", "text/plain", json!({"type": "string"}));
    }
}

#[routes(state = AdminState)]
impl Observe {
    pub(crate) async fn health(&self, _: Health) -> Json<HealthView> {
        Json(HealthView { status: "ok", is_halted: waylay_fault::halted() })
    }

    pub(crate) async fn status(&self, _: Status) -> Json<StatusView> {
        Json(StatusView::new(&self.state))
    }

    pub(crate) async fn list(&self, _: ListFaults) -> Json<Vec<FaultView>> {
        Json(view::faults(&self.state, None))
    }

    pub(crate) async fn show(&self, fault: ShowFault) -> Result<Json<FaultView>, Problem> {
        let mut faults = view::faults(&self.state, Some(&fault.name));
        faults.pop().map(Json).ok_or_else(|| no_fault(&fault.name))
    }

    pub(crate) async fn routes(&self, _: ListRoutes) -> Result<Json<Vec<RouteView>>, Problem> {
        let Some(router) = &self.state.routes else {
            return Err(Problem::not_found("the program has named no router (`AdminBuilder::routes`)"));
        };
        Ok(Json(router.routes().filter(|route| !route.is_build_only()).map(RouteView::new).collect()))
    }

    pub(crate) async fn fleet(&self, _: ShowFleet) -> Result<Json<FleetOverview>, Problem> {
        let Some(fleet) = &self.state.fleet else {
            return Err(Problem::not_found("the process belongs to no fleet (`AdminBuilder::fleet`)"));
        };
        let unreachable =
            |error: FleetUnreachable| Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
        fleet.overview().await.map(Json).map_err(unreachable)
    }

    pub(crate) async fn explain(&self, explain: Explain) -> Result<Json<ExplanationView>, Problem> {
        let mut request = explain.request()?;
        let route = self.state.routes.as_ref().map(|router| router.explain(&request).to_string());
        // As a layer within the router would see the request, so that lists of routes decide about it.
        let matched = self.state.routes.as_ref().and_then(|router| router.find(&request).ok());
        matched.into_iter().for_each(|matched| _ = request.extensions_mut().insert(matched));
        let explanation = self.state.set.explain(&request);
        let faults = explanation.faults().iter().map(FaultExplanationView::new).collect();
        Ok(Json(ExplanationView { faults, route }))
    }

    pub(crate) async fn metrics(&self, _: Metrics) -> MetricsText {
        let traffic = self.state.traffic.as_ref().map(crate::traffic::traffic::Traffic::view);
        MetricsText(metrics::text(&self.state.set, traffic.as_ref()))
    }
}

/// Returns the problem of an unknown fault.
pub(crate) fn no_fault(name: &str) -> Problem {
    Problem::not_found(format!("there is no fault `{name}`; `GET faults` lists all"))
}

impl Explain {
    /// Returns the request that is asked about, or a problem with everything that is wrong with it.
    fn request(&self) -> Result<Request<()>, Problem> {
        let mut errors = Vec::new();
        let mut request = Request::new(());
        let mut add = |name: &str, detail: String| {
            errors.push(json!({"in": "query", "name": name, "code": "invalid", "detail": detail}));
        };
        match self.method.parse::<Method>() {
            Ok(method) => *request.method_mut() = method,
            Err(error) => add("method", error.to_string()),
        }
        match self.url.parse::<Uri>() {
            Ok(uri) if uri.path().starts_with('/') => *request.uri_mut() = uri,
            Ok(_) => add("url", "expected a path such as `/cart`, or a URL".to_owned()),
            Err(error) => add("url", error.to_string()),
        }
        for line in &self.header {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            match (name.trim().parse::<HeaderName>(), HeaderValue::from_str(value.trim())) {
                (Ok(name), Ok(value)) => _ = request.headers_mut().append(name, value),
                _ => add("header", "expected `name: value`".to_owned()),
            }
        }
        match errors.len() {
            0 => Ok(request),
            count => {
                let detail = format!("the request has {count} errors");
                Err(Problem::new(StatusCode::BAD_REQUEST, detail).errors(errors))
            }
        }
    }
}
