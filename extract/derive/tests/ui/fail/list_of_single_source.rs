use waylay_extract::Extract;

#[derive(Extract)]
struct Show {
    #[param]
    ids: Vec<u64>,
    #[cookie]
    tags: Option<Vec<String>>,
    #[query(csv)]
    page: u16,
}

fn main() {}
