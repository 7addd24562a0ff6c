use waylay_extract::Extract;

#[derive(Extract)]
struct Before {
    #[body]
    whole: Vec<u8>,
    #[json]
    title: String,
}

#[derive(Extract)]
struct After {
    #[json]
    title: String,
    #[body]
    whole: Vec<u8>,
}

fn main() {}
