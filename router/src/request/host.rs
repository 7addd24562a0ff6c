//! Host: the effective host of a request.

use std::borrow::Cow;

use http::header::HOST;
use http::{HeaderMap, Uri, Version};
use waylay_template::Syntax;

use crate::request::path::BadRequest;
use crate::request::shared::single_line;
use crate::template::scan::ScannedText;

/// A host name without a final dot, and the port if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host<'r> {
    pub(crate) name: Cow<'r, str>,
    pub(crate) port: Option<u16>,
}

/// A borrowed [`Host`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostView<'v> {
    pub(crate) name: &'v str,
    pub(crate) port: Option<u16>,
}

impl Host<'_> {
    pub(crate) fn view(&self) -> HostView<'_> {
        HostView { name: &self.name, port: self.port }
    }

    /// Compares two hosts. A missing port may be the default port of the scheme.
    fn is_same(&self, other: &Host<'_>) -> bool {
        self.name == other.name && (self.port == other.port || self.port.is_none() || other.port.is_none())
    }
}

/// Returns the host from a trusted proxy, else the authority of the URI, else the single `Host` line (RFC
/// 9112 §3.2.2, RFC 9113 §8.3.1).
pub(crate) fn effective<'r>(
    uri: &'r Uri,
    headers: &'r HeaderMap,
    given: Option<&'r str>,
    version: Version,
    syntax: Syntax,
) -> Result<Option<Host<'r>>, BadRequest> {
    let mut lines = headers.get_all(HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(BadRequest::SeveralHosts);
    }
    // The line must be valid even if the target has an authority (RFC 9112 §3.2).
    if let (Some(line), Some(authority), Syntax::Native) =
        (line.filter(|line| !line.is_empty()), uri.authority(), syntax)
    {
        let line = line.to_str().map_err(|_| BadRequest::BadHost).and_then(|line| split(line, syntax))?;
        // In HTTP/1.1 an absolute target overrides the line (RFC 9112 §3.2.2); in later versions it does not.
        if version > Version::HTTP_11 && !line.is_same(&split(authority.as_str(), syntax)?) {
            return Err(BadRequest::SeveralHosts);
        }
    }
    let text = match (given, uri.authority(), line) {
        (Some(given), ..) => given,
        (None, Some(authority), _) => authority.as_str(),
        (None, None, Some(line)) => line.to_str().map_err(|_| BadRequest::BadHost)?,
        (None, None, None) => return Ok(None),
    };
    if text.is_empty() {
        return Ok(None);
    }
    split(text, syntax).map(Some)
}

/// Returns the effective host of a request that names it once, without a port, in its canonical form.
///
/// All other requests, and the errors, are left to [`effective`].
#[inline(always)]
pub(crate) fn plain<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<Option<ScannedText<'r>>> {
    let name = match (uri.authority(), single_line(headers, &HOST)?) {
        (None, None) => return Some(None),
        (Some(authority), None) => authority.as_str().as_bytes(),
        (None, Some(line)) => line.as_bytes(),
        (Some(_), Some(_)) => return None,
    };
    let ends_well = name.last().is_some_and(|last| *last != b'.');
    if !ends_well || name.len() > LONGEST {
        return None;
    }
    ScannedText::host(name, is_plain).map(Some)
}

/// Tests a host with bytes that are rare in hosts. Other characters than those of ASCII are accepted in targets only.
#[cold]
fn is_plain(name: &[u8]) -> bool {
    name.iter().fold(PLAIN, |seen, byte| seen | CLASS[usize::from(*byte)] | (byte & 0x80)) == PLAIN
}

/// The longest host name, in bytes.
const LONGEST: usize = 255;

const PLAIN: u8 = 0;

const UPPER: u8 = 1;

const PORT: u8 = 2;

const BAD: u8 = 4;

/// The class of each byte; a name of plain bytes only is canonical.
const CLASS: [u8; 256] = {
    let mut class = [BAD; 256];
    let mut byte = 0usize;
    while byte < 256 {
        class[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'%' => PLAIN,
            // Not `,`: lines that a proxy has joined, `a, b`, name two hosts.
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'=' => PLAIN,
            0x80..=0xff => PLAIN,
            b'A'..=b'Z' => UPPER,
            b':' | b'[' | b']' => PORT,
            _ => BAD,
        };
        byte += 1;
    }
    class
};

fn split(text: &str, syntax: Syntax) -> Result<Host<'_>, BadRequest> {
    let seen = text.bytes().fold(PLAIN, |seen, byte| seen | CLASS[usize::from(byte)]);
    // No name is longer (RFC 1035 §2.3.4), and host patterns are not tested with longer ones.
    if seen & BAD != 0 || text.len() > LONGEST + ":65535".len() {
        return Err(BadRequest::BadHost);
    }
    let (name, port) = if seen & PORT == 0 { (text, None) } else { port(text)? };
    if syntax == Syntax::Gorilla {
        return Ok(Host { name: Cow::Borrowed(name), port });
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.ends_with('.') || name.len() > LONGEST {
        return Err(BadRequest::BadHost);
    }
    let name = if seen & UPPER != 0 { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) };
    Ok(Host { name, port })
}

fn port(text: &str) -> Result<(&str, Option<u16>), BadRequest> {
    let (name, port) = match (text.rfind(':'), text.rfind(']')) {
        (Some(colon), bracket) if bracket.is_none_or(|bracket| bracket < colon) => {
            (&text[..colon], Some(&text[colon + 1..]))
        }
        _ => (text, None),
    };
    let bracketed = name.starts_with('[') && name.ends_with(']');
    if name.is_empty() || (!bracketed && name.contains([':', '[', ']'])) {
        return Err(BadRequest::BadHost);
    }
    let port = match port {
        None | Some("") => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().map_err(|_| BadRequest::BadHost)?)
        }
        Some(_) => return Err(BadRequest::BadHost),
    };
    Ok((name, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    use crate::request::shared::FEW_LINES;

    #[test]
    fn one_name() {
        for (given, wanted) in [
            ("example.com", Ok(("example.com", None))),
            ("EXAMPLE.com.:80", Ok(("example.com", Some(80)))),
            ("[::1]:8080", Ok(("[::1]", Some(8080)))),
            ("[::1]", Ok(("[::1]", None))),
            ("h:", Ok(("h", None))),
            ("u@x", Err(BadRequest::BadHost)),
            ("a:99999", Err(BadRequest::BadHost)),
            ("a:1:2", Err(BadRequest::BadHost)),
            ("a/evil", Err(BadRequest::BadHost)),
            ("a..", Err(BadRequest::BadHost)),
            (".", Err(BadRequest::BadHost)),
            (":80", Err(BadRequest::BadHost)),
            ("a,b", Err(BadRequest::BadHost)),
            ("a.example,", Err(BadRequest::BadHost)),
        ] {
            let host = split(given, Syntax::Native);
            let got = host.as_ref().map(|host| (&*host.name, host.port)).map_err(|error| *error);
            assert_eq!(got, wanted, "{given}");
        }
    }

    /// URI, lines of `Host`, and the host that is read in place: nothing if it is not plain, none if there is no line.
    type PlainRow = (&'static str, &'static [&'static str], Option<Option<&'static str>>);

    /// However many lines are before those of the host.
    #[test]
    fn plain_hosts() {
        let rows: [PlainRow; 13] = [
            ("/", &["example.com"], Some(Some("example.com"))),
            ("/", &["a_b.example"], Some(Some("a_b.example"))),
            ("/", &["a-host-of-more-than-16-bytes.example:80"], None),
            (
                "/",
                &["a-host-of-more-than-16-bytes.example"],
                Some(Some("a-host-of-more-than-16-bytes.example")),
            ),
            ("/", &[], Some(None)),
            ("/", &["a.example", "a.example"], None),
            ("/", &["A.example"], None),
            ("/", &["a.example:80"], None),
            ("/", &["a.example."], None),
            ("/", &["caf\u{e9}.example"], None),
            ("/", &[""], None),
            ("http://a.example/", &[], Some(Some("a.example"))),
            ("http://a.example/", &["a.example"], None),
        ];
        for (uri, lines, wanted) in rows {
            for before in [0, 1, FEW_LINES, 20] {
                let mut headers = HeaderMap::new();
                for i in 0..before {
                    let name: http::HeaderName = format!("x-{i}").parse().unwrap();
                    headers.insert(name, HeaderValue::from_static("a.example"));
                }
                for line in lines {
                    headers.append(HOST, HeaderValue::from_bytes(line.as_bytes()).unwrap());
                }
                let uri: Uri = uri.parse().unwrap();
                let found = plain(&uri, &headers).map(|host| host.map(|host| host.bytes()));
                let wanted = wanted.map(|host| host.map(str::as_bytes));
                assert_eq!(found, wanted, "{uri} {lines:?} after {before}");
            }
        }
    }
}
