//! One walk over each part of a request, which hands every value to its field.

use http::{HeaderMap, HeaderName, header::COOKIE};

use crate::value::Value;

/// Hands each key and value of a query string on, in order.
///
/// A key that cannot be decoded is no field's key, so it is passed over as every unknown key is.
pub(crate) fn query(text: &[u8], feed: &mut dyn FnMut(&str, Value<'_>)) {
    for pair in text.split(|byte| *byte == b'&') {
        if pair.is_empty() {
            continue;
        }
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (key, value) = match equals {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &pair[pair.len()..]),
        };
        if let Ok(key) = Value::form(key).decode() {
            feed(&key, Value::form(value));
        }
    }
}

/// The values of a header's lines, in order.
pub fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = Value<'h>> + use<'h> {
    let lines = headers.get_all(name).into_iter();
    lines.map(|line| Value::plain(line.as_bytes()))
}

/// Hands each cookie on: RFC 6265, 4.2.1, of every `Cookie` line, since HTTP/2 may split it.
///
/// Quotes around a value are not part of it, as in Go's `net/http`.
pub(crate) fn cookies(headers: &HeaderMap, feed: &mut dyn FnMut(&str, Value<'_>)) {
    for line in headers.get_all(COOKIE) {
        for pair in line.as_bytes().split(|byte| *byte == b';') {
            let Some(equals) = pair.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let value = pair[equals + 1..].trim_ascii();
            let value = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
            if let Ok(name) = str::from_utf8(pair[..equals].trim_ascii()) {
                feed(name, Value::percent(value));
            }
        }
    }
}
