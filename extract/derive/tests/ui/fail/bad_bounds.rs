//! Bounds that are none, and statuses that are none.

use waylay_extract::Extract;

#[derive(Extract)]
#[route(GET "/", status = 99)]
struct Show {
    #[query(pattern = "(a")]
    open: String,
    #[query(min_length = "two")]
    short: String,
    #[header(typed, min = 1)]
    typed: u8,
    #[query(bool = "loose")]
    yes: bool,
}

#[derive(Extract)]
struct Types {
    #[query(min = 300)]
    small: u8,
    #[json(max_length = 3)]
    number: u8,
}

fn main() {}
