use axum::extract::State;
use waylay_router::{Route, Router, Scope};

async fn show(State(greeting): State<String>) -> String {
    greeting
}

fn main() {
    let _ = Router::builder().scope(Scope::new().prefix("/a").route(Route::get("/").to(show))).build();
}
