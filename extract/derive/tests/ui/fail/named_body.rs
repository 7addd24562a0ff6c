use waylay_extract::Extract;

#[derive(Extract)]
struct Create {
    #[body("foo")]
    title: String,
}

fn main() {}
