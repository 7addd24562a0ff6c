use waylay_extract::Extract;

#[derive(Extract)]
struct Show {
    #[qurey]
    page: u16,
    #[heder("x-trace")]
    trace: String,
}

fn main() {}
