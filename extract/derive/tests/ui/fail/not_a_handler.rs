//! j-bad_handler-001 to 010: arguments and results that no handler may have.

use waylay_extract::{Extract, RouterExt};
use waylay_router::{Route, Router};

#[derive(Extract)]
#[route(GET "/posts/{id}")]
struct Show {
    #[param]
    id: u64,
}

#[derive(Extract)]
struct Create {
    #[json]
    title: String,
}

struct Plain;

async fn two_bodies(_: Create, _: Create) {}

async fn body_first(_: Create, _: Show) {}

async fn no_extractor(_: Plain) {}

async fn lent(_: &Show) {}

async fn no_answer(_: Show) -> Plain {
    Plain
}

async fn no_error(_: Show) -> Result<String, Plain> {
    Err(Plain)
}

fn not_async(_: Show) {}

fn main() {
    let routes: [Route<waylay_router::PendingEndpoint<()>>; 7] = [
        Route::post("/").to(two_bodies),
        Route::post("/").to(body_first),
        Route::get("/").to(no_extractor),
        Route::get("/").to(lent),
        Route::get("/").to(no_answer),
        Route::get("/").to(no_error),
        Route::get("/").to(not_async),
    ];
    Router::builder().endpoint(no_answer);
}
