//! Functions that make the value of `#[routes]` for each request, and cannot.

use waylay_extract::{Extract, routes};

#[derive(Extract)]
#[route(GET "/posts/{id}")]
struct Show {
    #[param]
    id: u64,
}

struct Api;
struct Other;

trait HasId {}

async fn wants_a_trait<A: HasId>(_: (), _: &A) -> Result<Api, String> {
    Ok(Api)
}

async fn gives_nothing(_: (), _: &Show) {}

async fn gives_no_error(_: (), _: &Show) -> Result<Api, Other> {
    Ok(Api)
}

async fn gives_another(_: (), _: &Show) -> Result<Other, String> {
    Ok(Other)
}

async fn wants_more(_: Other, _: &Show) -> Result<more::Mine, String> {
    Ok(more::Mine)
}

#[routes(root = wants_a_trait)]
impl Api {
    pub async fn one(&self, _: Show) {}
}

mod nothing {
    use super::*;
    pub struct Api;
    #[routes(root = gives_nothing)]
    impl Api {
        pub async fn one(&self, _: Show) {}
    }
}

mod no_error {
    use super::*;
    #[routes(root = gives_no_error)]
    impl Other {
        pub async fn one(&self, _: Show) {}
    }
}

mod another {
    use super::*;
    pub struct Mine;
    #[routes(root = gives_another)]
    impl Mine {
        pub async fn one(&self, _: Show) {}
    }
}

mod more {
    use super::*;
    pub struct Mine;
    #[routes(root = wants_more)]
    impl Mine {
        pub async fn one(&self, _: Show) {}
    }
}

fn main() {}
