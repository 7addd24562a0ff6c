//! Routes of a router as a text table.

use comfy_table::{Table, presets};
use waylay_router::{OneLine, RouteInfo, Router};

use crate::redact;

/// Returns a table with left-aligned columns and without borders; `Table::trim_fmt` formats it.
pub fn plain_table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Lists the routes of a router: one line each, in the order of registration.
pub fn route_table(router: &Router) -> String {
    table(router, str::to_owned)
}

/// Lists the routes without the values of conditions on headers, cookies and queries.
pub fn route_table_without_values(router: &Router) -> String {
    table(router, redact::condition)
}

fn table(router: &Router, condition: fn(&str) -> String) -> String {
    let mut table = plain_table(["METHOD", "HOST", "PATH", "CONDITIONS", "NAME"]);
    table.add_rows(router.routes().map(|route| row(route, condition))).trim_fmt()
}

fn row(route: RouteInfo<'_>, condition: fn(&str) -> String) -> [String; 5] {
    let methods = if route.methods().is_all() { "*".to_owned() } else { route.methods().to_string() };
    let hosts: Vec<&str> = route.hosts().collect();
    // A rule may have several alternatives, of which the other columns show the first.
    let conditions = match route.rule() {
        Some(rule) => condition(rule),
        None => route.conditions().map(condition).collect::<Vec<_>>().join(", "),
    };
    [
        methods,
        if hosts.is_empty() { "*".to_owned() } else { hosts.join(" & ") },
        route.template().to_owned(),
        if route.is_build_only() { format!("{conditions} (build only)") } else { conditions },
        route.name().unwrap_or_default().to_owned(),
    ]
    .map(|cell| OneLine(&cell).to_string())
}

#[cfg(test)]
mod tests {
    use waylay_router::{Route, Router};

    #[test]
    fn columns_are_aligned() {
        let router = Router::builder()
            .route(Route::get("/orders/{id}").name("order").to(async || ""))
            .route(Route::any("/").host("a.b").query_present("q").to(async || ""))
            .build()
            .unwrap();
        let text = super::route_table(&router);
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "METHOD     HOST  PATH          CONDITIONS  NAME",
                "GET, HEAD  *     /orders/{id}              order",
                "*          a.b   /             Query(`q`)",
            ]
        );
    }
}
