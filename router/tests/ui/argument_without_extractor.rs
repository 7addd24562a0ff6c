use waylay_router::{Route, Router};

async fn show(id: u32) -> String {
    id.to_string()
}

fn main() {
    let _ = Router::builder().route(Route::get("/").to(show)).build();
}
