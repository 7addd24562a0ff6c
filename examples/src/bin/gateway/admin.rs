//! Admin routes: `/_routes`, `/_explain` and the console `/_faults`, on a separate listener.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use axum::extract::{Query, State};
use axum::response::IntoResponse;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use waylay_examples::admin::has_loopback_host;
use waylay_examples::problem::Problem;
use waylay_examples::redact;
use waylay_examples::route_table::route_table_without_values;
use waylay_fault_admin::AdminService;
use waylay_router::{BuildErrors, Policy, Route, Router, Scope};

/// The current table with its description; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct TableView {
    current: Arc<RwLock<Arc<Described>>>,
}

/// A table and its text, which is created on the first request: lints may take long, but do not change.
#[derive(Debug)]
struct Described {
    router: Router,
    text: OnceLock<String>,
}

impl Described {
    fn text(&self) -> &str {
        self.text.get_or_init(|| {
            let lints = self.router.lints();
            let lints: String = lints.iter().map(|lint| format!("lint: {}\n", redact::lint(lint))).collect();
            format!("{}\n{lints}", route_table_without_values(&self.router))
        })
    }
}

impl TableView {
    pub(crate) fn new(router: Router) -> Self {
        Self { current: Arc::new(RwLock::new(Arc::new(Described { router, text: OnceLock::new() }))) }
    }

    pub(crate) fn replace(&self, router: Router) {
        let described = Arc::new(Described { router, text: OnceLock::new() });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = described;
    }

    fn current(&self) -> Arc<Described> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Builds the admin routes. They show the whole table, so they are for hosts of this machine only.
pub(crate) fn router(view: TableView, console: AdminService) -> Result<Router, BuildErrors> {
    Router::builder()
        .policy(Policy::strict())
        .state(view)
        // It checks its requests itself.
        .route(Route::prefix("/_faults").mount(console))
        .scope(
            Scope::new()
                .guard("loopback host", has_loopback_host)
                .route(Route::get("/_routes").to(routes))
                .route(Route::get("/_explain").to(explain)),
        )
        .build()
}

async fn routes(State(view): State<TableView>) -> Result<String, Problem> {
    let described = view.current();
    let text = tokio::task::spawn_blocking(move || described.text().to_owned()).await;
    text.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

/// Handles `/_explain?url=http://host/path&method=GET&header=x-a:1`.
async fn explain(
    State(view): State<TableView>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<impl IntoResponse, Problem> {
    let invalid = |text: String| Problem::new(StatusCode::BAD_REQUEST, text);
    let mut request = Request::new(());
    for (key, value) in pairs {
        match key.as_str() {
            "url" => {
                *request.uri_mut() =
                    value.parse::<Uri>().map_err(|error| invalid(format!("url {value}: {error}")))?;
            }
            "method" => {
                *request.method_mut() =
                    value.parse::<Method>().map_err(|error| invalid(format!("method {value}: {error}")))?;
            }
            "header" => {
                let (name, value) = value.split_once(':').unwrap_or((&value, ""));
                let name =
                    name.parse::<HeaderName>().map_err(|error| invalid(format!("header {name}: {error}")))?;
                let value =
                    HeaderValue::from_str(value.trim()).map_err(|error| invalid(error.to_string()))?;
                request.headers_mut().append(name, value);
            }
            other => {
                return Err(invalid(format!("unknown key `{other}`, expected `url`, `method` or `header`")));
            }
        }
    }
    let explanation = redact::explanation(view.current().router.explain(&request));
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], explanation.to_string()))
}
