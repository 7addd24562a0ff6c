use waylay_extract::Extract;

#[derive(Extract)]
struct Show {
    #[json]
    #[serde(flatten)]
    rest: Vec<u8>,
    #[json("one")]
    #[serde(rename = "other")]
    name: String,
}

fn main() {}
