use axum::extract::State;
use waylay_router::{Route, Router};

async fn show(State(greeting): State<String>) -> String {
    greeting
}

fn main() {
    let _ = Router::builder().route(Route::get("/").to(show)).build();
}
