use waylay_extract::Extract;
use waylay_extract::derive::Body;

#[derive(Extract)]
struct Stream {
    #[body(stream, validate = small)]
    body: Body,
}

#[derive(Extract)]
struct Words {
    #[query(validate)]
    page: u8,
    #[extension(validate = even)]
    log: u8,
    #[json(validate = "even")]
    size: u8,
}

#[derive(Extract)]
struct Types {
    #[query(validate = short)]
    page: u8,
    #[query(validate = unsure)]
    name: String,
}

fn short(text: &str) -> Result<(), String> {
    Err(text.into())
}

fn unsure(text: &str) -> bool {
    text.is_empty()
}

fn main() {}
