//! Values as each part of a request spells them: the way back of `value` and `reader`.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 3986, 3.3: everything but `pchar`; `/` divides segments.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// WHATWG URL, `application/x-www-form-urlencoded` percent-encode set; the blank becomes `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').add(b' ');

/// RFC 6265, 4.1.1: everything but `cookie-octet`, and `%`, since the reader decodes.
const COOKIE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

/// Appends text to one segment of a path.
pub(crate) fn push_segment(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, SEGMENT));
}

/// Appends a key and a value, or a key alone, to a query or a form.
pub(crate) fn push_pair(out: &mut String, key: &str, value: Option<&str>) {
    if !out.is_empty() {
        out.push('&');
    }
    push_form(out, key);
    if let Some(value) = value {
        out.push('=');
        push_form(out, value);
    }
}

fn push_form(out: &mut String, text: &str) {
    for (place, word) in text.split(' ').enumerate() {
        if place > 0 {
            out.push('+');
        }
        out.extend(utf8_percent_encode(word, FORM));
    }
}

/// Appends a cookie to a `Cookie` line; `raw`: its value is not escaped.
pub(crate) fn push_cookie(out: &mut String, name: &str, value: &str, raw: bool) {
    if !out.is_empty() {
        out.push_str("; ");
    }
    out.push_str(name);
    out.push('=');
    if raw {
        out.push_str(value);
    } else {
        out.extend(utf8_percent_encode(value, COOKIE));
    }
}

/// Whether a text is one or more `cookie-octet`s or nothing, so that it needs no escape.
pub(crate) fn is_cookie(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e))
}
