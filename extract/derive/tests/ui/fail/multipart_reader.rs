use bytes::Bytes;
use waylay_extract::{Extract, IntoRequest};

struct Multipart;

#[derive(Extract)]
struct Signed {
    #[body(multipart)]
    parts: Multipart,
    #[body(bytes)]
    raw: Bytes,
}

#[derive(Extract)]
struct Twice {
    #[body(json, multipart)]
    whole: Vec<u8>,
    #[form]
    name: String,
    #[body(bytes)]
    raw: Bytes,
}

#[derive(Extract)]
struct Lent<'r> {
    #[body(multipart)]
    parts: Multipart,
    #[query]
    text: std::borrow::Cow<'r, str>,
}

#[derive(IntoRequest)]
struct Sent {
    #[body(multipart)]
    parts: Multipart,
}

fn main() {}
