//! Handlers for orders.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use http::header::LOCATION;
use waylay_extract::Extract;
use waylay_router::Urls;

use super::store::{Order, Store, Wish};
use crate::problem::Problem;

/// A whole request as one struct: every field is checked, and all that is wrong is told at once.
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
    asked: PlaceOrder,
) -> Result<(StatusCode, [(http::HeaderName, String); 1], Json<Order>), Problem> {
    let PlaceOrder { version, cart, gift, idempotency_key, sku, quantity, note } = asked;
    if store.product(sku).is_none() {
        let detail = format!("there is no product {sku} to order");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let wish = Wish { cart, sku, quantity, gift, note };
    let order = store
        .place(idempotency_key, wish)
        .ok_or_else(|| Problem::new(StatusCode::CONFLICT, "this idempotency key stands for another order"))?;
    let location = urls.get("shop.order")?.set("version", version).set("id", order.id).build()?;
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
