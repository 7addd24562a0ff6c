//! Rows of the group `mixed`: the routes of a shop, with all kinds of conditions.

use http::{Method, Request};
use waylay_router::{Route, Table};

/// Condition of a route besides its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// No condition.
    None,
    /// A host.
    Host(&'static str),
    /// A host with any first label; the labels after it.
    AnyTenantOf(&'static str),
    /// A header and its value.
    Header(&'static str, &'static str),
    /// A query key and its value.
    Query(&'static str, &'static str),
}

/// A route, and a request that matches it.
#[derive(Debug)]
pub struct Row {
    /// Kind in the report.
    pub kind: &'static str,
    /// Method.
    pub method: Method,
    /// Path template of waylay.
    pub path: String,
    /// Whether the path is a prefix.
    pub prefix: bool,
    /// Condition besides the path.
    pub extra: Extra,
    /// Target of the request.
    pub target: String,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'r> {
    /// Text.
    Text(&'r str),
    /// A variable within a segment, and its regex.
    Var(&'r str, Option<&'r str>),
    /// The rest of the path.
    Tail(&'r str),
}

impl Row {
    /// Splits the path; the regexes of the benches contain no braces.
    pub fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for section in self.path.split_inclusive('}') {
            let (text, var) = section.split_once('{').unwrap_or((section, ""));
            if !text.is_empty() {
                parts.push(Part::Text(text));
            }
            let var = var.trim_end_matches('}');
            match (var.strip_prefix('*'), var.split_once(':')) {
                (Some(name), _) => parts.push(Part::Tail(name)),
                (None, Some((name, regex))) => parts.push(Part::Var(name, Some(regex))),
                (None, None) if !var.is_empty() => parts.push(Part::Var(var, None)),
                (None, None) => {}
            }
        }
        parts
    }

    /// Creates the request.
    pub fn request(&self) -> Request<()> {
        let host = match self.extra {
            Extra::Host(host) => host.to_owned(),
            Extra::AnyTenantOf(rest) => format!("acme.{rest}"),
            _ => "www.shop.test".to_owned(),
        };
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.target)
            .header("host", host)
            .header("user-agent", "ratios/1")
            .header("accept", "*/*")
            .header("accept-encoding", "gzip, br");
        if let Extra::Header(name, value) = self.extra {
            request = request.header(name, value);
        }
        request.body(()).expect("the targets of the benches are valid")
    }
}

/// Returns all rows; of several matching rows the first one wins.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |kind, method: &Method, path: &str, prefix, extra, target: &str| {
        let (method, path, target) = (method.clone(), path.to_owned(), target.to_owned());
        rows.push(Row { kind, method, path, prefix, extra, target });
    };
    let (get, post, put, delete) = (&Method::GET, &Method::POST, &Method::PUT, &Method::DELETE);
    for (path, target) in [
        ("/", "/"),
        ("/stats", "/stats"),
        ("/users/{id}", "/users/17"),
        ("/tenants/{id}/limits", "/tenants/acme/limits"),
    ] {
        add("exact host", get, path, false, Extra::Host("admin.shop.test"), target);
    }
    for (path, target) in [
        ("/", "/"),
        ("/stats", "/stats"),
        ("/orders/{id}", "/orders/8812"),
        ("/orders/{id}/lines/{line}", "/orders/8812/lines/3"),
    ] {
        add("host variable", get, path, false, Extra::AnyTenantOf("shop.test"), target);
    }
    for kind in ["application/json", "text/csv", "application/xml"] {
        add("header guard", post, "/v1/import", false, Extra::Header("content-type", kind), "/v1/import");
    }
    for format in ["pdf", "csv"] {
        let target = format!("/v1/report?year=2026&format={format}");
        add("query guard", get, "/v1/report", false, Extra::Query("format", format), &target);
    }
    for path in ["/status", "/version", "/openapi.json", "/v1/me/settings"] {
        add("exact", get, path, false, Extra::None, path);
    }
    let resources = ["users", "orders", "products", "carts", "invoices", "payments", "reviews", "shipments"];
    for resource in resources {
        let all = &format!("/v1/{resource}");
        let one = &format!("{all}/{{id}}");
        let search = &format!("{all}/search");
        add("exact", get, all, false, Extra::None, all);
        add("method", post, all, false, Extra::None, all);
        add("literal beside variable", get, search, false, Extra::None, search);
        add("one variable", get, one, false, Extra::None, &format!("{all}/48151623"));
        add("method", put, one, false, Extra::None, &format!("{all}/48151623"));
        add("method", delete, one, false, Extra::None, &format!("{all}/48151623"));
        let inner = &format!("{one}/items/{{item}}");
        add("two variables", get, inner, false, Extra::None, &format!("{all}/48151623/items/7"));
    }
    for resource in ["orders", "invoices", "shipments", "batches"] {
        let path = &format!("/by-number/{resource}/{{number:[0-9]+}}");
        add("regex", get, path, false, Extra::None, &format!("/by-number/{resource}/20261121"));
    }
    for (path, target) in [
        ("/images/img-{id}.png", "/images/img-9001.png"),
        ("/avatars/{user}.svg", "/avatars/ada.svg"),
        ("/flights/{from}-{to}", "/flights/ZRH-HEL"),
        ("/members/@{name}", "/members/@grace"),
    ] {
        add("mixed segment", get, path, false, Extra::None, target);
    }
    for (path, target) in
        [("/static", "/static/app/main-3f2a.js"), ("/docs", "/docs"), ("/v1/legacy", "/v1/legacy/a/b")]
    {
        add("prefix", get, path, true, Extra::None, target);
    }
    for (path, target) in [
        ("/files/{*path}", "/files/2026/11/report.pdf"),
        ("/proxy/{upstream}/{*rest}", "/proxy/billing/v2/invoices/7"),
    ] {
        add("tail", get, path, false, Extra::None, target);
    }
    rows
}

/// Builds waylay's table; its values are the indices of the rows.
pub fn table(rows: &[Row]) -> Table<usize> {
    let mut builder = Table::builder();
    for (index, row) in rows.iter().enumerate() {
        let route = if row.prefix { Route::prefix(&row.path) } else { Route::any(&row.path) };
        let route = route.method(row.method.clone());
        let route = match row.extra {
            Extra::None => route,
            Extra::Host(host) => route.host(host),
            Extra::AnyTenantOf(rest) => route.host(format!("{{tenant}}.{rest}")),
            Extra::Header(name, value) => route.header(name, value),
            Extra::Query(key, value) => route.query(key, value),
        };
        builder.add(None, route.value(index));
    }
    builder.build().expect("the tables of the benches are valid")
}
