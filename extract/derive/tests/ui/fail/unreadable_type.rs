use waylay_extract::Extract;

struct Color;

#[derive(Extract)]
struct Show {
    #[query]
    color: Color,
    #[query]
    colors: Vec<Color>,
}

fn main() {}
