use axum_core::body::Body;
use bytes::Bytes;
use waylay_extract::Extract;

#[derive(Extract)]
struct Mixed {
    #[json]
    title: String,
    #[form]
    age: u8,
    #[body(form)]
    whole: String,
}

#[derive(Extract)]
struct Streamed {
    #[body(stream)]
    body: Body,
    #[json]
    title: String,
    #[body(bytes)]
    raw: Bytes,
}

#[derive(Extract)]
struct Json {
    #[json]
    title: String,
}

#[derive(Extract)]
struct Flattened {
    #[form]
    age: u8,
    #[flatten(body)]
    json: Json,
}

fn main() {}
