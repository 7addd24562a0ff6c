use waylay_extract::{Extract, RouterExt, routes};
use waylay_router::Router;

#[derive(Extract)]
struct Api {
    #[header]
    tenant: String,
}

#[derive(Extract)]
struct Show {
    #[param]
    id: u64,
}

#[routes]
impl Api {
    pub async fn show(&self, _: Show) {}
}

fn main() {
    Router::builder().endpoint(async |show: Show| show.id.to_string());
}
