use waylay_extract::Extract;

#[derive(Extract)]
#[route(GTE "/")]
struct Method {}

#[derive(Extract)]
#[route("/")]
struct NoMethod {}

#[derive(Extract)]
#[route(GET)]
struct NoTemplate {}

#[derive(Extract)]
#[route(GET "users/{id}")]
struct NoSlash {
    #[param]
    id: u64,
}

#[derive(Extract)]
#[route(GET "/{id}/{id}")]
struct Twice {
    #[param]
    id: u64,
}

#[derive(Extract)]
#[route(GET "/{*rest}/x")]
struct TailFirst {
    #[param]
    rest: String,
}

#[derive(Extract)]
#[route(GET "/")]
#[route(POST "/")]
struct TwoRoutes {}

fn main() {}
