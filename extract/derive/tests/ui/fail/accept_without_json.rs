use waylay_extract::Extract;

#[derive(Extract)]
#[extract(accept = ["text/json"])]
struct Form {
    #[form]
    name: String,
}

#[derive(Extract)]
#[extract(accept = ["json", "text/json; charset=utf-8", 7])]
struct Member {
    #[json]
    name: String,
}

#[derive(Extract)]
#[extract(accept = "text/json")]
struct Whole {
    #[body]
    name: String,
}

fn main() {}
