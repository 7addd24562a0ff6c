use axum::extract::State;
use http::Method;
use waylay_router::{Route, Router};

async fn show(_: Method, State(greeting): State<String>) -> String {
    greeting
}

fn main() {
    let _ = Router::builder().state(7_u32).route(Route::get("/").to(show)).build();
}
