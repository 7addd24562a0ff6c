use waylay_extract::Extract;

#[derive(Extract)]
#[route(GET "/users/{user}/posts/{post}")]
struct Misspelt {
    #[param]
    usr: u64,
    #[param]
    post: u64,
}

#[derive(Extract)]
#[route(GET "/pages/{page?}")]
struct Optional {
    #[param]
    page: u64,
}

#[derive(Extract)]
struct Tenant {
    #[param]
    tenant: String,
}

#[derive(Extract)]
#[route(GET "/posts/{post}")]
struct Flattened {
    #[flatten]
    tenant: Tenant,
    #[param]
    post: u64,
}

#[derive(Extract)]
#[route(GET "/{tenant}/{post}")]
struct Unread {
    #[flatten]
    tenant: Tenant,
}

fn main() {}
