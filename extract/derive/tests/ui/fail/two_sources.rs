use waylay_extract::Extract;

#[derive(Extract)]
struct Show {
    #[query]
    #[header]
    page: u16,
}

fn main() {}
