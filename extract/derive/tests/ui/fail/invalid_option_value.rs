use waylay_extract::Extract;

#[derive(Extract)]
#[extract(
    duplicates = "frist",
    deny_unknown(qurey),
    path_error = 403,
    validate,
    source = body,
    max_params = "x"
)]
struct Rules {
    #[query(empty = "never", min_items = 1, with = "hex")]
    page: u16,
    #[query(flag, csv)]
    all: Vec<bool>,
    #[query(rest, alias = "x")]
    rest: Vec<(String, String)>,
    #[header("x-agent", typed)]
    agent: String,
    #[part(limit = "much")]
    photo: String,
    #[flatten(prefix = 3)]
    inner: u8,
}

fn main() {}
