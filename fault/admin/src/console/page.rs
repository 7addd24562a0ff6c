//! The page: its HTML with style and scripts inside, under a strict policy.

use std::sync::LazyLock;

use axum_core::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderName, StatusCode};

use crate::access::token::random_text;
use crate::problem::Problem;

const HTML: &str = include_str!("console.html");

const STYLE: &str = include_str!("console.css");

/// In the order in which they run.
const SCRIPTS: [&str; 6] = [
    include_str!("client.js"),
    include_str!("charts.js"),
    include_str!("faults.js"),
    include_str!("plan.js"),
    include_str!("fleet.js"),
    include_str!("page.js"),
];

/// Where the nonce of a response is written.
const NONCE: &str = "nonce=\"NONCE\"";

static PAGE: LazyLock<String> =
    LazyLock::new(|| HTML.replacen("STYLE\n", STYLE, 1).replacen("SCRIPT\n", &SCRIPTS.concat(), 1));

/// Returns the page. Its style and scripts run by a nonce; nothing else is loaded or run, and no other page shows it.
pub(crate) fn page() -> Response {
    let Ok(nonce) = random_text::<18>() else {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no random numbers for the page")
            .into_response();
    };
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
        (HeaderName::from_static("x-frame-options"), "DENY".to_owned()),
    ];
    (headers, PAGE.replace(NONCE, &format!("nonce=\"{nonce}\""))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither the page nor its scripts name another file or site, and no element has an inline style or handler,
    /// which the policy forbids.
    #[test]
    fn the_page_loads_nothing() {
        assert_eq!(PAGE.matches(NONCE).count(), 2);
        for text in
            ["STYLE\n", "SCRIPT\n", "src=", "@import", "url(", " style=", " onclick=\"", "innerHTML", "eval("]
        {
            assert!(!PAGE.contains(text), "{text}");
        }
        let sites: Vec<_> =
            PAGE.match_indices("http").map(|(at, _)| &PAGE[at..PAGE.len().min(at + 26)]).collect();
        assert_eq!(sites, ["http://www.w3.org/2000/svg"], "a name space, not an address");
        let links: Vec<_> = PAGE.match_indices("href=").map(|(at, _)| &PAGE[at..at + 11]).collect();
        assert_eq!(links, ["href=\"data:", "href=\"#main", "href=\"opena"]);
    }
}
