use waylay_extract::Extract;

#[derive(Extract)]
struct Search {
    #[query(nested = "slashes")]
    style: Vec<u8>,
    #[query(nested, depth = 100)]
    deep: Vec<u8>,
    #[query(nested, csv)]
    list: Vec<u8>,
    #[form(nested, limit = "much", max_items = "x")]
    form: Vec<u8>,
    #[query("deep")]
    again: u8,
    #[query("deep.er")]
    below: u8,
    #[query("deep[x]", nested)]
    nested: u8,
    #[query("deeper")]
    beside: u8,
    #[query("form.x")]
    other: u8,
}

fn main() {}
