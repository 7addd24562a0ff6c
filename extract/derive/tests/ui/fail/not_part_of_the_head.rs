use waylay_extract::Extract;

#[derive(Extract)]
struct Show {
    #[request]
    pool: String,
}

#[derive(Extract)]
struct Rest {
    #[query(rest)]
    rest: Vec<String>,
}

#[derive(Extract)]
struct From {
    #[from]
    user: String,
}

fn main() {}
