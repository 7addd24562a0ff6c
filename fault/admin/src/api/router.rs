//! The router of the API: its endpoints, their document, and the page.

use axum_core::response::IntoResponse;
use http::header::CONTENT_TYPE;
use waylay_extract::RouterExt;
use waylay_router::{BuildErrors, Policy, Route, Router};

use crate::api::change::Change;
use crate::api::document::document;
use crate::api::observe::Observe;
use crate::api::plan::PlanApi;
use crate::api::state::AdminState;
use crate::api::stream::Stream;
use crate::console;

/// Builds the router.
pub(crate) fn router(state: AdminState) -> Result<Router, BuildErrors> {
    let endpoints = || {
        Router::builder()
            .policy(Policy::strict())
            .state(state.clone())
            .endpoints::<Observe>()
            .endpoints::<Change>()
            .endpoints::<PlanApi>()
            .endpoints::<Stream>()
    };
    let document = document(&endpoints().build()?);
    let document = async move || ([(CONTENT_TYPE, "application/json")], document).into_response();
    endpoints()
        .route(Route::get("/").to(async || console::page()))
        .route(Route::get("/openapi.json").to(document))
        .build()
}
