use waylay_extract::Extract;

#[derive(Extract)]
struct Show<'a> {
    #[query]
    text: &'a str,
}

fn main() {}
