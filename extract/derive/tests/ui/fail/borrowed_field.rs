use bytes::Bytes;
use waylay_extract::Extract;

#[derive(Extract)]
struct Escaped<'a> {
    #[query]
    text: &'a str,
}

#[derive(Extract)]
struct NoLifetime {
    #[header]
    accept: &'static str,
}

#[derive(Extract)]
struct Two<'a, 'b> {
    #[header]
    accept: &'a str,
    #[header]
    host: &'b str,
}

#[derive(Extract)]
struct WithState<'a> {
    #[header]
    accept: &'a str,
    #[state]
    pool: u8,
    #[part]
    file: Bytes,
}

fn main() {}
