//! Short text of an unexpected body.
//!
//! Proxies answer in HTML of many lines, of which one says what is wrong; so, as in juju's
//! httprequest, a page is reduced to its text, a text to its lines, and the rest is shown escaped.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The most bytes of a body that an excerpt is made of.
pub(crate) const READ: usize = 200 * 1024;

/// The most bytes that are shown.
const SHOWN: usize = 1024;

/// Texts that are never shown by a browser.
const HIDDEN: [&str; 4] = ["script", "style", "template", "noscript"];

/// Type and subtype of the content, in small letters.
pub(crate) fn essence(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/')?;
    let sound = !kind.is_empty() && !subtype.is_empty();
    sound.then(|| (kind.to_owned(), subtype.to_owned()))
}

/// `application/json`, or a subtype whose last suffix is `+json` (RFC 6839, 3.1).
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    essence(headers).is_some_and(|(kind, subtype)| {
        kind == "application" && subtype.rsplit('+').next().is_some_and(|suffix| suffix == "json")
    })
}

/// The part of a body that is worth reading, in one line.
pub(crate) fn excerpt(headers: &HeaderMap, body: &[u8]) -> String {
    let body = &body[..body.len().min(READ)];
    let text = String::from_utf8_lossy(body);
    let (kind, subtype) = essence(headers).unwrap_or_default();
    let reduced = match (&*kind, &*subtype) {
        ("text", "html") | ("application", "xhtml+xml") => page(&text),
        ("text", "plain") => lines(text.lines()),
        _ => String::new(),
    };
    cut(if reduced.is_empty() { text.escape_debug().to_string() } else { reduced })
}

/// The start of a text, and how much of it is left out.
fn cut(mut text: String) -> String {
    if text.len() > SHOWN {
        let end = (0..=SHOWN).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        let omitted = text.len() - end;
        text.truncate(end);
        text.push_str(&format!(" ... [{omitted} bytes omitted]"));
    }
    text
}

/// The lines that are not blank, with `; ` between them.
fn lines<'t>(lines: impl Iterator<Item = &'t str>) -> String {
    let lines = lines.map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

/// The texts of an HTML page: what stands between tags, each without its full stop.
fn page(html: &str) -> String {
    let mut texts = Vec::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        texts.extend(words(&rest[..open]));
        rest = behind(&rest[open..]);
    }
    texts.extend(words(rest));
    texts.join("; ")
}

/// What follows a tag or a comment; an element that is never shown is passed over whole.
fn behind(tag: &str) -> &str {
    if tag.starts_with("<!--") {
        return tag.find("-->").map_or("", |end| &tag[end + 3..]);
    }
    let Some(end) = tag.find('>') else {
        return "";
    };
    let after = &tag[end + 1..];
    let name = tag[1..end].split([' ', '\t', '\r', '\n', '/', '>']).next().unwrap_or_default();
    let Some(hidden) = HIDDEN.iter().find(|hidden| name.eq_ignore_ascii_case(hidden)) else {
        return after;
    };
    let close = format!("</{hidden}");
    let start = (0..after.len()).find(|at| {
        after.as_bytes()[*at..].get(..close.len()).is_some_and(|b| b.eq_ignore_ascii_case(close.as_bytes()))
    });
    // The closing tag itself is a tag like any other.
    start.map_or("", |start| &after[start..])
}

/// A text with its blanks made one and its references read; `None` if nothing is left.
fn words(text: &str) -> Option<String> {
    let text = references(text);
    let words: Vec<_> = text.split_whitespace().collect();
    let text = words.join(" ");
    let text = text.strip_suffix('.').unwrap_or(&text);
    (!text.is_empty()).then(|| text.to_owned())
}

/// The character references that error pages are made with, read; others stay.
fn references(text: &str) -> String {
    const NAMED: [(&str, &str); 18] = [
        ("amp", "&"),
        ("lt", "<"),
        ("gt", ">"),
        ("quot", "\""),
        ("apos", "'"),
        ("nbsp", " "),
        ("copy", "©"),
        ("reg", "®"),
        ("lsquo", "‘"),
        ("rsquo", "’"),
        ("ldquo", "“"),
        ("rdquo", "”"),
        ("lsaquo", "‹"),
        ("rsaquo", "›"),
        ("hellip", "…"),
        ("ndash", "–"),
        ("mdash", "—"),
        ("middot", "·"),
    ];
    /// The most bytes between `&` and `;`.
    const LONGEST: usize = 8;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // No further than a name goes, or each of many `&` would be looked behind to the text's end.
        let end = rest.bytes().take(LONGEST + 2).position(|byte| byte == b';');
        let name = end.and_then(|end| rest.get(1..end));
        let read = name.and_then(|name| {
            let named = NAMED.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
            named.or_else(|| number(name).map(String::from))
        });
        match (name, read) {
            (Some(name), Some(read)) => {
                out.push_str(&read);
                rest = &rest[name.len() + 2..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn number(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
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
    fn a_body_is_reduced_to_what_a_person_reads() {
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
            ("/; charset=foo", "some stuff", "some stuff"),
            ("text/html", "<html><a href=\"foo\">\n</a></html>", "<html><a href=\\\"foo\\\">\\n</a></html>"),
            ("text/plain", &long, &shown),
            (
                "text/html; charset=UTF-8",
                proxy,
                "502 Proxy Error; Proxy Error; The server received an invalid response; \
                 It could not handle; GET /a/b; Reason:; R&D ’ &x;",
            ),
            ("text/html", "<p>unclosed <b", "unclosed"),
            ("text/html", "<script>never closed", "<script>never closed"),
            ("text/html", "<!-- never closed", "<!-- never closed"),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap())]);
            assert_eq!(excerpt(&headers, body.as_bytes()), expected, "{kind} {body}");
        }
        // Of so many references, each is looked at and no more.
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
