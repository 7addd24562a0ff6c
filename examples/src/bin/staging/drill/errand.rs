//! The requests that a drill sends, in turn.

use http::request::Builder;
use http::{Method, Request, StatusCode};

/// One kind of request: the route that it means, and what that answers when nothing is wrong.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) route: &'static str,
    pub(crate) natural: StatusCode,
    host: &'static str,
    target: &'static str,
    /// The body of a POST; what has none is a GET.
    order: Option<&'static str>,
}

/// Every route with a fault, and one without.
pub(crate) static ERRANDS: [Errand; 7] = [
    Errand::get("home", "shop.localhost", "/"),
    Errand::get("shop.products", "shop.localhost", "/api/v1/products"),
    Errand::get("shop.search", "shop.localhost", "/api/v1/products?q=tea"),
    Errand::get("shop.product", "shop.localhost", "/api/v1/products/3"),
    Errand::get("shop.order", "shop.localhost", "/api/v1/orders/1"),
    Errand::get("tenant.stock", "acme.shop.localhost", "/api/v1/products/2/stock"),
    Errand {
        route: "shop.place-order",
        natural: StatusCode::CREATED,
        host: "shop.localhost",
        target: "/api/v1/carts/7/orders?gift=true",
        order: Some(r#"{"sku":4,"quantity":2}"#),
    },
];

impl Errand {
    const fn get(route: &'static str, host: &'static str, target: &'static str) -> Self {
        Self { route, natural: StatusCode::OK, host, target, order: None }
    }

    /// The request of this number, but for the ids of its attempts; and its body.
    pub(crate) fn draft(&self, request: u32) -> (Builder, &'static str) {
        let builder = Request::builder().uri(format!("http://{}{}", self.host, self.target));
        let Some(order) = self.order else {
            return (builder, "");
        };
        let builder = builder
            .method(Method::POST)
            .header("content-type", "application/json")
            .header("idempotency-key", format!("drill-{request}"));
        (builder, order)
    }
}
