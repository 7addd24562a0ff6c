//! Handlers for products and their stock.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use waylay_extract::Extract;

use super::store::{Product, Store};
use crate::problem::Problem;

pub(crate) async fn products(State(store): State<Store>) -> Json<&'static [Product]> {
    Json(store.products())
}

#[derive(Debug, Extract)]
pub(crate) struct Search {
    #[query]
    q: String,
}

/// The same path as [`products`]; the route asks for a `q`, so it never comes here without one.
pub(crate) async fn search(State(store): State<Store>, search: Search) -> Json<Vec<Product>> {
    let wanted = search.q.to_lowercase();
    Json(store.products().iter().filter(|product| product.name.contains(&wanted)).copied().collect())
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
    store.product(sku).map(Json).ok_or_else(|| unknown(sku))
}

/// How many there are, as the shop or one of its tenants is told.
#[derive(Debug, Serialize)]
pub(crate) struct Stock {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    sku: u32,
    count: u32,
}

#[derive(Debug, Extract)]
pub(crate) struct TenantSku {
    /// A variable of the host is read like one of the path.
    #[param]
    tenant: String,
    #[param]
    sku: u32,
}

pub(crate) async fn tenant_stock(
    State(store): State<Store>,
    TenantSku { tenant, sku }: TenantSku,
) -> Result<Json<Stock>, Problem> {
    let count = store.stock(sku).ok_or_else(|| unknown(sku))?;
    Ok(Json(Stock { tenant: Some(tenant), sku, count }))
}

#[derive(Debug, Extract)]
pub(crate) struct SetStock {
    #[param]
    sku: u32,
    #[json]
    count: u32,
}

/// `PUT …/stock` with JSON.
pub(crate) async fn set_stock(
    State(store): State<Store>,
    SetStock { sku, count }: SetStock,
) -> Result<Json<Stock>, Problem> {
    shelve(&store, sku, count)
}

#[derive(Debug, Extract)]
pub(crate) struct CountStock {
    #[param]
    sku: u32,
    #[body(text)]
    lines: String,
}

/// `PUT …/stock` with CSV: `shelf,count` lines, added up.
pub(crate) async fn count_stock(
    State(store): State<Store>,
    CountStock { sku, lines }: CountStock,
) -> Result<Json<Stock>, Problem> {
    let counts = lines.lines().map(|line| line.split_once(',')?.1.trim().parse::<u32>().ok());
    let count = counts.enumerate().try_fold(0u32, |sum, (index, count)| {
        count.and_then(|count| sum.checked_add(count)).ok_or_else(|| {
            let detail = format!("line {} is not `shelf,count`", index + 1);
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        })
    })?;
    shelve(&store, sku, count)
}

fn shelve(store: &Store, sku: u32, count: u32) -> Result<Json<Stock>, Problem> {
    if store.set_stock(sku, count) { Ok(Json(Stock { tenant: None, sku, count })) } else { Err(unknown(sku)) }
}

fn unknown(sku: u32) -> Problem {
    Problem::not_found(format!("there is no product {sku}"))
}
