use axum_core::body::Body;
use waylay_extract::IntoRequest;

struct Opaque;

#[derive(IntoRequest)]
struct Streamed {
    #[body(stream)]
    body: Body,
}

#[derive(IntoRequest)]
#[route(GET "/posts/{id}")]
struct Optional {
    #[param]
    id: Option<u64>,
}

#[derive(IntoRequest)]
struct Unwritable {
    #[query]
    opaque: Opaque,
}

fn main() {}
