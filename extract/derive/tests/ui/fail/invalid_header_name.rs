use waylay_extract::Extract;

#[derive(Extract)]
struct Show {
    #[header("x trace")]
    trace: String,
    #[header("")]
    none: String,
}

fn main() {}
