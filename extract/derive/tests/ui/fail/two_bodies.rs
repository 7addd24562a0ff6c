use bytes::Bytes;
use waylay_extract::Extract;

#[derive(Extract)]
struct Decoded {
    #[body]
    first: Vec<u8>,
    #[body(text)]
    second: String,
}

#[derive(Extract)]
struct Raw {
    #[body(bytes)]
    first: Bytes,
    #[body(bytes)]
    second: Bytes,
}

#[derive(Extract)]
struct Views {
    #[body(text, json)]
    both: String,
}

fn main() {}
