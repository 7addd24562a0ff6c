//! A small shop with an OpenAPI document derived from the argument structs of its handlers.
//!
//! `cargo run -p waylay-examples --example openapi`, then open http://127.0.0.1:3000/ in a browser.

use axum::{Json, response::Html};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use waylay_extract::{Extract, OpenApi, OpenApiExt, RouterExt};
use waylay_router::{Route, Router};

/// An item that is for sale.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Item {
    id: u64,
    name: String,
    /// In cents.
    price: u32,
}

/// Lists the items that are for sale.
#[derive(Extract)]
#[route(GET "/items", answer = Vec<Item>)]
struct List {
    /// Maximum number of items.
    #[query(default = 20)]
    limit: u8,
    /// Lists only items with this text in their name.
    #[query]
    search: Option<String>,
}

/// Shows one item.
#[derive(Extract)]
#[route(GET "/items/{id:[0-9]+}", answer = Item)]
struct Show {
    #[param]
    id: u64,
}

/// Adds an item.
///
/// For the staff of the shop only.
#[derive(Extract)]
#[route(POST "/items", answer = Item)]
struct Add {
    #[header("x-clerk")]
    clerk: String,
    #[json]
    name: String,
    #[json]
    price: u32,
}

fn item(id: u64, name: &str) -> Item {
    Item { id, name: name.to_owned(), price: 100 }
}

async fn list(list: List) -> Json<Vec<Item>> {
    let items = [item(1, "chalk"), item(2, "slate")];
    let matches = |item: &Item| list.search.as_ref().is_none_or(|text| item.name.contains(text));
    Json(items.into_iter().filter(matches).take(list.limit.into()).collect())
}

async fn show(show: Show) -> Json<Item> {
    Json(item(show.id, "chalk"))
}

async fn add(add: Add) -> Json<Item> {
    Json(Item { id: 3, name: format!("{} (by {})", add.name, add.clerk), price: add.price })
}

/// Builds the router of the shop, of its document, and of the page that shows the document.
fn shop() -> Result<Router, Box<dyn std::error::Error>> {
    let shop = Router::builder().endpoint(list).endpoint(show).endpoint(add).build()?;
    let document: OpenApi = shop.openapi("Shop", env!("CARGO_PKG_VERSION"));
    let page = document.page();
    let router = Router::builder()
        .route(Route::get("/").to(async move || Html(page)))
        .route(Route::get("/openapi.json").to(async move || Json(document)))
        .fallback_service(shop)
        .build()?;
    Ok(router)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}/", listener.local_addr()?);
    axum::serve(listener, tower::make::Shared::new(shop()?)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    async fn get(path: &str) -> String {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = super::shop().unwrap().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_document_and_its_page_are_generated() {
        let document: serde_json::Value = serde_json::from_str(&get("/openapi.json").await).unwrap();
        assert_eq!(document["paths"]["/items"]["post"]["summary"], "Adds an item.");
        let page = get("/").await;
        assert!(page.contains("Adds an item."));
        assert!(!page.contains("src=") && !page.contains("href="), "the page loads other files");
        assert_eq!(get("/items?search=sla").await, r#"[{"id":2,"name":"slate","price":100}]"#);
    }
}
