//! Conditions on cookies (RFC 6265 §5.4: pairs divided by `; `).

use http::HeaderMap;
use http::header::COOKIE;

/// The values of a cookie; several lines (RFC 9113 §8.2.3) and several pairs of a name all count.
pub(crate) fn values<'r>(headers: &'r HeaderMap, name: &'r str) -> impl Iterator<Item = &'r str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';'));
    pairs.filter_map(move |pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}
