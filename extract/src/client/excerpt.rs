//! excerpt: one readable line of an unexpected body.
//!
//! Error pages of proxies have many lines of HTML, one of which names the cause. As in juju's
//! httprequest, a page is reduced to its text, plain text to its lines; other bodies are escaped.

use http::HeaderMap;
use serde::de::IgnoredAny;
use waylay_template::OneLine;

use crate::descriptor::body::{is_json, media_type};

/// Bytes of a body that an excerpt is made of.
pub(crate) const READ: usize = 200 * 1024;

/// Bytes of an excerpt.
const MAX_SHOWN: usize = 1024;

/// Bytes between the `&` and the `;` of a character reference.
const MAX_REFERENCE: usize = 8;

/// Elements whose text a browser does not show.
const HIDDEN: [&str; 4] = ["script", "style", "template", "noscript"];

/// Character references that error pages contain, and their characters in the same order.
const NAMES: [&str; 18] = [
    "amp", "lt", "gt", "quot", "apos", "nbsp", "copy", "reg", "lsquo", "rsquo", "ldquo", "rdquo", "lsaquo",
    "rsaquo", "hellip", "ndash", "mdash", "middot",
];
const CHARACTERS: &str = "&<>\"' ©®‘’“”‹›…–—·";

/// Returns the readable part of a body in one line.
pub(crate) fn excerpt(headers: &HeaderMap, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(READ)]);
    let reduced = match &*media_type(headers).to_ascii_lowercase() {
        "text/html" | "application/xhtml+xml" => page_text(&text),
        "text/plain" => join(text.lines().map(str::to_owned)),
        // Of valid JSON every blank between two values is as good as another.
        _ if is_json(headers) && serde_json::from_slice::<IgnoredAny>(body).is_ok() => {
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    };
    let mut shown = OneLine(if reduced.is_empty() { &text } else { &reduced }).to_string();
    if shown.len() > MAX_SHOWN {
        let end = (0..=MAX_SHOWN).rev().find(|end| shown.is_char_boundary(*end)).unwrap_or(0);
        let omitted = shown.len() - end;
        shown.truncate(end);
        shown.push_str(&format!(" ... [{omitted} bytes omitted]"));
    }
    shown
}

/// Joins the texts that are not blank.
fn join(texts: impl Iterator<Item = String>) -> String {
    let texts = texts.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    texts.collect::<Vec<_>>().join("; ")
}

/// Returns the texts between the tags of an HTML page, each without its full stop.
fn page_text(html: &str) -> String {
    let mut texts = Vec::new();
    let mut rest = html;
    while let Some((text, tag)) = rest.split_once('<') {
        texts.push(words(text));
        rest = after_tag(tag);
    }
    texts.push(words(rest));
    join(texts.into_iter())
}

/// Returns what follows a tag, a comment, or an element that is not shown; `tag` starts after the `<`.
fn after_tag(tag: &str) -> &str {
    // `<!-->` is a whole comment.
    if tag.starts_with("!--") {
        return tag[1..].split_once("-->").map_or("", |(_, rest)| rest);
    }
    let Some((open, rest)) = tag.split_once('>') else {
        return "";
    };
    let name = open.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
    if !HIDDEN.iter().any(|hidden| hidden.eq_ignore_ascii_case(name)) {
        return rest;
    }
    let is_name = |text: &str| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    rest.match_indices("</").find(|(at, _)| is_name(&rest[at + 2..])).map_or("", |(at, _)| &rest[at..])
}

/// Decodes the character references of a text and collapses its white space.
fn words(text: &str) -> String {
    let mut pieces = text.split('&');
    let mut decoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once(';').and_then(|(name, rest)| Some((reference(name)?, rest))) {
            Some((character, rest)) => {
                decoded.push(character);
                decoded.push_str(rest);
            }
            None => {
                decoded.push('&');
                decoded.push_str(piece);
            }
        }
    }
    let words = decoded.split_whitespace().collect::<Vec<_>>().join(" ");
    words.strip_suffix('.').map_or(words.clone(), str::to_owned)
}

/// Returns the character of a reference: `amp`, `#38`, `#x26`.
fn reference(name: &str) -> Option<char> {
    if name.len() > MAX_REFERENCE {
        return None;
    }
    let Some(digits) = name.strip_prefix('#') else {
        return CHARACTERS.chars().nth(NAMES.iter().position(|known| *known == name)?);
    };
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};

    use super::{READ, excerpt};

    #[test]
    fn a_body_is_reduced_to_its_readable_text() {
        let proxy = "<!DOCTYPE HTML>\n<html><head>\n<title>502 Proxy Error</title>\n\
            <script>if (a < b) { alert('no') }</script><STYLE>p { x: y }</Style></head><body>\n\
            <!-- hidden > text --><h1>Proxy Error</h1>\n<p>The server received an invalid\nresponse.<br />\n\
            It could not handle <em><a href=\"/a\">GET&nbsp;/a&#47;b</a></em>.<p>\nReason: <b>R&amp;D &rsquo; &x;</b></p>";
        let long = "x".repeat(1324);
        let shown = format!("{} ... [300 bytes omitted]", "x".repeat(1024));
        for (kind, body, expected) in [
            ("text/plain; charset=UTF-8", "   some\n   text\t\n", "some; text"),
            ("text/plain", "\nsome text", "some text"),
            ("something", "some  \nstuff", "some  \\nstuff"),
            ("application/json", "{\n  \"error\": \"no \\\"x\\\"\"\n}\n", r#"{ "error": "no \"x\"" }"#),
            ("application/problem+json", "[1,2]", "[1,2]"),
            ("application/json", "{\"torn\": ", r#"{"torn": "#),
            ("/; charset=foo", "some stuff", "some stuff"),
            ("text/html", "<html><a href=\"foo\">\n</a></html>", "<html><a href=\"foo\">\\n</a></html>"),
            ("text/plain", &long, &shown),
            (
                "text/html; charset=UTF-8",
                proxy,
                "502 Proxy Error; Proxy Error; The server received an invalid response; \
                 It could not handle; GET /a/b; Reason:; R&D ’ &x;",
            ),
            ("text/html", "<p>unclosed <b", "unclosed"),
            // What a terminal or a log obeys is escaped, also from character references.
            ("text/plain", "a\u{1b}[31mb\u{202e}c\u{2028}d", r"a\u{1b}[31mb\u{202e}c\u{2028}d"),
            ("text/html", "<p>a&#27;[2Jb&#x202e;c&#x85;d&#xfeff;e", r"a\u{1b}[2Jb\u{202e}c d\u{feff}e"),
            (
                "application/json",
                "{\"a\u{2029}\": \"\u{9b}b\u{7f}\u{2066}\"}",
                r#"{"a ": "\u{9b}b\u{7f}\u{2066}"}"#,
            ),
            ("image/png", "\u{1b}]0;t\u{7}", r"\u{1b}]0;t\u{7}"),
            ("text/html", "<script>never closed", "<script>never closed"),
            ("text/html", "<!-- never closed", "<!-- never closed"),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap())]);
            assert_eq!(excerpt(&headers, body.as_bytes()), expected, "{kind} {body}");
        }
        // Takes linear time.
        let html = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
        let shown = format!("{} ... [203776 bytes omitted]", "&".repeat(1024));
        assert_eq!(excerpt(&html, "&".repeat(READ + 1).as_bytes()), shown);
        for (text, expected) in
            [("&#x0041F;", "\u{41f}"), ("&#x000041F;", "&#x000041F;"), ("&é;&;&", "&é;&;&")]
        {
            assert_eq!(excerpt(&html, text.as_bytes()), expected);
        }
        assert_eq!(excerpt(&HeaderMap::new(), b"Pepp\xe9\n"), "Pepp\u{fffd}\\n");
    }
}
