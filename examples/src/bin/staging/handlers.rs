//! Handlers of the shop: products, stock, orders.

use axum::Json;
use axum::extract::State;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use waylay_examples::problem::Problem;
use waylay_extract::Extract;
use waylay_router::Urls;

use crate::store::{Order, OrderDetails, Product, Store};
use crate::warehouse::Warehouse;

pub(crate) async fn products(State(store): State<Store>) -> Json<&'static [Product]> {
    Json(store.products())
}

#[derive(Debug, Extract)]
pub(crate) struct Search {
    #[query]
    q: String,
}

/// Shares its path with [`products`]; the route requires a `q`, so requests without one do not get here.
pub(crate) async fn search(State(store): State<Store>, search: Search) -> Json<Vec<Product>> {
    let text = search.q.to_lowercase();
    Json(store.products().iter().filter(|product| product.name.contains(&text)).copied().collect())
}

#[derive(Debug, Extract)]
pub(crate) struct Sku {
    #[param]
    sku: u32,
}

pub(crate) async fn product(
    State(store): State<Store>,
    Sku { sku }: Sku,
) -> Result<Json<&'static Product>, Problem> {
    store.product(sku).map(Json).ok_or_else(|| unknown_product(sku))
}

/// Number of items of a product, in the shop or at a tenant.
#[derive(Debug, Serialize)]
pub(crate) struct Stock {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    sku: u32,
    count: u32,
}

#[derive(Debug, Extract)]
pub(crate) struct TenantSku {
    /// A variable of the host is extracted like one of the path.
    #[param]
    tenant: String,
    #[param]
    sku: u32,
}

/// Asks the warehouse, as a shop does that is not the only one.
pub(crate) async fn tenant_stock(
    warehouse: Warehouse,
    headers: HeaderMap,
    TenantSku { tenant, sku }: TenantSku,
) -> Result<Json<Stock>, Problem> {
    let count = warehouse.stock(sku, &headers).await?.ok_or_else(|| unknown_product(sku))?;
    Ok(Json(Stock { tenant: Some(tenant), sku, count }))
}

#[derive(Debug, Extract)]
pub(crate) struct SetStock {
    #[param]
    sku: u32,
    #[json]
    count: u32,
}

/// Handles `PUT …/stock` with JSON.
pub(crate) async fn set_stock(
    State(store): State<Store>,
    SetStock { sku, count }: SetStock,
) -> Result<Json<Stock>, Problem> {
    update_stock(&store, sku, count)
}

#[derive(Debug, Extract)]
pub(crate) struct StockFile {
    #[param]
    sku: u32,
    #[body(text)]
    lines: String,
}

/// Handles `PUT …/stock` with CSV: sums up `shelf,count` lines.
pub(crate) async fn set_stock_from_csv(
    State(store): State<Store>,
    StockFile { sku, lines }: StockFile,
) -> Result<Json<Stock>, Problem> {
    let counts = lines.lines().map(|line| line.split_once(',')?.1.trim().parse::<u32>().ok());
    let count = counts.enumerate().try_fold(0u32, |sum, (index, count)| {
        count.and_then(|count| sum.checked_add(count)).ok_or_else(|| {
            let detail = format!("line {} is not `shelf,count`", index + 1);
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        })
    })?;
    update_stock(&store, sku, count)
}

fn update_stock(store: &Store, sku: u32, count: u32) -> Result<Json<Stock>, Problem> {
    if store.set_stock(sku, count) {
        Ok(Json(Stock { tenant: None, sku, count }))
    } else {
        Err(unknown_product(sku))
    }
}

fn unknown_product(sku: u32) -> Problem {
    Problem::not_found(format!("there is no product {sku}"))
}

/// A whole request as one struct: all fields are checked, and all errors are reported in one response.
#[derive(Debug, Extract)]
pub(crate) struct PlaceOrder {
    #[param]
    version: String,
    #[param]
    cart: u64,
    #[query(default)]
    gift: bool,
    #[header]
    idempotency_key: String,
    #[json]
    sku: u32,
    #[json(default = 1)]
    quantity: u32,
    #[json]
    note: Option<String>,
}

pub(crate) async fn place_order(
    State(store): State<Store>,
    urls: Urls,
    order: PlaceOrder,
) -> Result<(StatusCode, [(http::HeaderName, String); 1], Json<Order>), Problem> {
    let PlaceOrder { version, cart, gift, idempotency_key, sku, quantity, note } = order;
    if store.product(sku).is_none() {
        let detail = format!("there is no product {sku} to order");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let details = OrderDetails { cart, sku, quantity, gift, note };
    let order = store
        .place(idempotency_key, details)
        .ok_or_else(|| Problem::new(StatusCode::CONFLICT, "this idempotency key belongs to another order"))?;
    let location = urls.builder("shop.order")?.set("version", version).set("id", order.id).build()?;
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(order)))
}

#[derive(Debug, Extract)]
pub(crate) struct OrderId {
    #[param]
    id: usize,
}

pub(crate) async fn order(
    State(store): State<Store>,
    OrderId { id }: OrderId,
) -> Result<Json<Order>, Problem> {
    store.order(id).map(Json).ok_or_else(|| Problem::not_found(format!("there is no order {id}")))
}
