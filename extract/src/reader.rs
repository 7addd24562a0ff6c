//! One walk over each part of a request, which hands every value to its field.

use http::{HeaderMap, HeaderName, HeaderValue, header::COOKIE};

use crate::value::Value;

/// Hands each pair of a query string or an urlencoded form on, in order, in one pass over its bytes.
///
/// A key that cannot be decoded is no field's key, so it is passed over as every unknown key is.
/// The walk ends, and says so, behind `max` pairs.
pub(crate) fn pairs<'r>(text: &'r str, max: usize, feed: &mut dyn FnMut(&str, Value<'r>)) -> bool {
    let mut pair = Pair::default();
    let mut left = max;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'&' => {
                if pair.start < at {
                    let Some(less) = left.checked_sub(1) else { return false };
                    left = less;
                }
                pair.hand_on(text, at, feed);
                pair = Pair { start: at + 1, ..Pair::default() };
            }
            b'=' if pair.equals.is_none() => {
                pair.equals = Some(at);
                pair.key_is_escaped = std::mem::take(&mut pair.is_escaped);
            }
            b'%' | b'+' => pair.is_escaped = true,
            _ => {}
        }
    }
    if pair.start < text.len() && left == 0 {
        return false;
    }
    pair.hand_on(text, text.len(), feed);
    true
}

/// What is known of a pair while its bytes go by.
#[derive(Default)]
struct Pair {
    start: usize,
    equals: Option<usize>,
    key_is_escaped: bool,
    /// Whether there is an escape since the start, or since the `=`.
    is_escaped: bool,
}

impl Pair {
    fn hand_on<'r>(&self, text: &'r str, end: usize, feed: &mut dyn FnMut(&str, Value<'r>)) {
        // The places are those of `&` and `=`, which are characters of their own in UTF-8.
        let (key, value) = match self.equals {
            Some(equals) => {
                let key = Value::form(&text[self.start..equals], self.key_is_escaped);
                (key, Value::form(&text[equals + 1..end], self.is_escaped))
            }
            None if self.start == end => return,
            None => (Value::form(&text[self.start..end], self.is_escaped), Value::Text("")),
        };
        match key {
            Value::Text(key) => feed(key, value),
            key => {
                if let Ok(key) = key.decode() {
                    feed(&key, value);
                }
            }
        }
    }
}

/// The values of a header's lines, in order.
pub fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = Value<'h>> + use<'h> {
    let lines = headers.get_all(name).into_iter();
    lines.map(|line| Value::plain(line.as_bytes()))
}

/// The lines of a header as they are.
pub fn lines<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h HeaderValue> + use<'h> {
    headers.get_all(name).into_iter()
}

/// Hands each cookie on: RFC 6265, 4.2.1, of every `Cookie` line, since HTTP/2 may split it.
///
/// Quotes around a value are not part of it, as in Go's `net/http`.
pub(crate) fn cookies<'r>(headers: &'r HeaderMap, feed: &mut dyn FnMut(&str, Value<'r>)) {
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
