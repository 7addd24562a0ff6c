use waylay_extract::Extract;

#[derive(Extract)]
struct Show {
    #[path]
    id: u64,
}

fn main() {}
