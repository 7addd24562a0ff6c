//! The router of the API.

use waylay_extract::{Extract, RouterExt, routes};
use waylay_router::{BuildErrors, Policy, Router};

use crate::api::state::AdminState;
use crate::problem::{Json, Problem};

/// The endpoints that tell about the process.
#[derive(Debug, Extract)]
pub(crate) struct About {
    #[state]
    state: AdminState,
}

/// Tells that the process answers.
#[derive(Debug, Extract)]
#[route(GET "/health")]
pub(crate) struct Health {}

/// The process answers.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub(crate) struct HealthView {
    /// `ok`.
    status: String,
    /// Whether every fault of the process is halted.
    is_halted: bool,
    /// The number of the current set of faults.
    revision: u64,
}

#[routes(state = AdminState)]
impl About {
    pub(crate) async fn health(&self, _: Health) -> Result<Json<HealthView>, Problem> {
        Ok(Json(HealthView {
            status: "ok".to_owned(),
            is_halted: waylay_fault::halted(),
            revision: self.state.set.revision(),
        }))
    }
}

/// Builds the router.
pub(crate) fn router(state: AdminState) -> Result<Router, BuildErrors> {
    Router::builder().policy(Policy::strict()).state(state).endpoints::<About>().build()
}
