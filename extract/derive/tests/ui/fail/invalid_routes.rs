use waylay_extract::{Extract, routes};

#[derive(Extract)]
struct Api {
    #[header]
    tenant: String,
}

#[derive(Extract)]
#[route(GET "/posts/{id}")]
struct Show {
    #[param]
    id: u64,
}

#[routes]
impl Api {
    pub fn not_async(&self, _: Show) {}

    pub async fn no_argument(&self) {}

    pub async fn no_receiver(_: Show) {}

    pub async fn three(&self, _: Show, _: Show) {}

    pub async fn generic<T>(&self, _: Show) {}

    pub async fn boxed(self: Box<Self>, _: Show) {}

    pub async fn right(&self, _: Show) {}
}

#[routes]
impl Show {
    async fn private(&self, _: Show) {}
}

#[routes]
impl Clone for Api {
    fn clone(&self) -> Self {
        todo!()
    }
}

#[routes(rot = make)]
impl Api {
    pub async fn show(&self, _: Show) {}
}

fn main() {}
