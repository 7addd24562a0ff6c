//! Disposition: name and file name of a part, from its Content-Disposition.

use http::HeaderMap;
use http::header::CONTENT_DISPOSITION;
use percent_encoding::percent_decode_str;

/// Name and file name of a part (RFC 7578, 4.2).
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Disposition {
    pub(crate) name: Option<String>,
    pub(crate) file_name: Option<String>,
}

impl Disposition {
    /// Reads the header; names of parameters ignore case, and the first of each counts.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(CONTENT_DISPOSITION).map(|value| value.as_bytes()).unwrap_or_default();
        let Ok(value) = str::from_utf8(value) else {
            return Self::default();
        };
        let (mut name, mut file_name, mut extended) = (None, None, None);
        for (key, value) in Parameters(value) {
            let place = match &*key.trim().to_ascii_lowercase() {
                "name" => &mut name,
                "filename" => &mut file_name,
                "filename*" => &mut extended,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        // RFC 6266, 4.3: the extended one takes precedence.
        let extended = extended.and_then(|value| extended_value(&value));
        Self { name, file_name: extended.or(file_name) }
    }
}

/// The parameters of a header, each with its value without quotes.
struct Parameters<'h>(&'h str);

impl<'h> Iterator for Parameters<'h> {
    type Item = (&'h str, String);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let stop = self.0.find(['=', ';'])?;
            let (key, rest) = self.0.split_at(stop);
            self.0 = &rest[1..];
            if rest.starts_with(';') {
                continue;
            }
            let value = self.0.trim_start();
            if let Some(quoted) = value.strip_prefix('"') {
                let (value, rest) = quoted_string(quoted);
                self.0 = rest;
                return Some((key, value));
            }
            let (value, rest) = value.split_once(';').unwrap_or((value, ""));
            self.0 = rest;
            return Some((key, value.trim().to_owned()));
        }
    }
}

/// Returns the text up to the closing quote, and what follows the parameter.
///
/// Browsers escape a quote as `%22`, other clients with a backslash; before any other character a backslash is
/// literal, as in the path of a file.
fn quoted_string(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('"') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        match before.strip_suffix('\\') {
            Some(before) => {
                value.push_str(before);
                value.push('"');
                rest = after;
            }
            None => {
                value.push_str(before);
                return (value, after.split_once(';').map_or("", |(_, rest)| rest));
            }
        }
    }
    value.push_str(rest);
    (value, "")
}

/// A value with its character set (RFC 8187, 3.2.1): `UTF-8'en'a%20b`.
fn extended_value(value: &str) -> Option<String> {
    let mut pieces = value.splitn(3, '\'');
    let (charset, _, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    if charset.eq_ignore_ascii_case("utf-8") {
        return percent_decode_str(text).decode_utf8().ok().map(Into::into);
    }
    // Its bytes are the first characters of Unicode.
    charset.eq_ignore_ascii_case("iso-8859-1").then(|| percent_decode_str(text).map(char::from).collect())
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_DISPOSITION;
    use http::{HeaderMap, HeaderValue};

    use super::Disposition;

    #[test]
    fn names_are_read_in_every_form() {
        for (header, name, file_name) in [
            ("form-data; name=\"a\"", Some("a"), None),
            ("form-data; name=a  ", Some("a"), None),
            ("form-data; NAME = \"a\";FileName=\"b c.txt\"", Some("a"), Some("b c.txt")),
            ("form-data; filename=\"name=x; y\"; name=\"é\"", Some("é"), Some("name=x; y")),
            ("form-data; name=\"a \\\"b\\\"\"; filename=\"C:\\dir\\f\"", Some("a \"b\""), Some("C:\\dir\\f")),
            ("form-data; name=\"a\"; filename=\"?\"; filename*=UTF-8''%e2%82%ac%20x", Some("a"), Some("€ x")),
            ("form-data; name=\"a\"; filename*=iso-8859-1'en'%A3; filename=\"x\"", Some("a"), Some("£")),
            ("form-data; name=\"a\"; filename=\"x\"; filename*=UTF-8''%ff", Some("a"), Some("x")),
            ("form-data; name=\"a\"; filename*=koi8-r''x", Some("a"), None),
            ("form-data; surname=\"x\"; name=\"\"; name=\"b\"", Some(""), None),
            ("form-data; name=\"torn", Some("torn"), None),
            ("form-data", None, None),
        ] {
            let value = HeaderValue::from_bytes(header.as_bytes()).unwrap();
            let read = Disposition::of(&HeaderMap::from_iter([(CONTENT_DISPOSITION, value)]));
            let expected = Disposition { name: name.map(Into::into), file_name: file_name.map(Into::into) };
            assert_eq!(read, expected, "{header}");
        }
        assert_eq!(Disposition::of(&HeaderMap::new()), Disposition::default());
    }
}
