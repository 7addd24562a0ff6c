use waylay_extract::Extract;

#[derive(Extract)]
struct Show {
    #[param]
    id: u64,
    page: u16,
    sort: String,
}

fn main() {}
