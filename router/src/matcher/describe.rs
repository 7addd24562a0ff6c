//! Guards as text, for explain.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, UPGRADE};

use crate::matcher::guard;
use crate::matcher::guard::{Guard, HeaderMatch};
use crate::matcher::query::QueryMatch;
use crate::request::view::RequestView;
use crate::template::encoding::Encoding;

/// The kind of condition, what it asks for, and what the request has.
pub(crate) fn describe(
    guard: &Guard,
    words: &[String],
    view: &RequestView<'_>,
) -> (&'static str, String, String) {
    let headers = view.head.headers;
    match guard {
        Guard::Methods(set) => ("method", set.to_string(), view.head.method.to_string()),
        Guard::Scheme(any) => {
            let wanted: Vec<&str> = any.iter().map(|scheme| scheme.as_str()).collect();
            let got = view.scheme().map_or("an unknown one".to_owned(), ToString::to_string);
            ("scheme", wanted.join("|"), got)
        }
        Guard::Host(_) => {
            let got = view.host.map_or("none".to_owned(), |host| host.name.clone().into_owned());
            ("host", "of a scope".to_owned(), got)
        }
        Guard::Header(name, want) => {
            let wanted = match want {
                HeaderMatch::Present => name.to_string(),
                HeaderMatch::Absent => format!("not {name}"),
                HeaderMatch::Exact(text) => format!("{name}={text}"),
                HeaderMatch::Regex(regex) => format!("{name}~{}", bare(regex.as_str())),
                HeaderMatch::All(regex) => format!("each {name}~{}", bare(regex.as_str())),
            };
            ("header", wanted, lines(headers, name))
        }
        Guard::Cookie(name, value) => {
            let wanted = value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}"));
            ("cookie", wanted, listed(guard::values(headers, name).map(str::to_owned).collect()))
        }
        Guard::Client(any) => {
            let wanted: Vec<String> = any.iter().map(ToString::to_string).collect();
            let got = view.client().map_or("an unknown one".to_owned(), |address| address.to_string());
            ("client", wanted.join("|"), got)
        }
        Guard::ContentType(any) => ("content type", joined(any), lines(headers, &CONTENT_TYPE)),
        Guard::Accept(any) => ("accept", joined(any), lines(headers, &ACCEPT)),
        Guard::Upgrade(any) => ("upgrade", any.join("|"), lines(headers, &UPGRADE)),
        Guard::Query(query) => {
            let key = &query.key;
            let wanted = match &query.want {
                QueryMatch::Present => key.clone(),
                QueryMatch::Absent => format!("not {key}"),
                QueryMatch::Exact(text) => format!("{key}={text}"),
                QueryMatch::Regex(regex) => format!("{key}~{}", bare(regex.as_str())),
                // A compiled template has no text of its own: the route's words have it.
                QueryMatch::Template(_) => words
                    .iter()
                    .find_map(|words| words.strip_prefix("query ")?.strip_prefix(&format!("{key}=")))
                    .map_or_else(|| key.clone(), |template| format!("{key}={template}")),
            };
            ("query", wanted, listed(values(view.query(), key)))
        }
        Guard::Path(_) => ("path", "of a rule".to_owned(), view.path.to_owned()),
        Guard::PathRegex(whole) => ("path", format!("~{}", bare(whole.regex.as_str())), view.path.to_owned()),
        Guard::MethodRegex(regex) => {
            ("method", format!("~{}", bare(regex.as_str())), view.head.method.to_string())
        }
        Guard::Formula(rule) => {
            let got = if rule.verdict(view).is_none() { "what cannot be told" } else { "no" };
            ("rule", rule.text.clone(), got.to_owned())
        }
        Guard::Custom(custom) => ("guard", custom.name.clone(), "no".to_owned()),
    }
}

fn joined<T: ToString>(any: &[T]) -> String {
    any.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
}

/// A regex without the anchors that were put around it.
fn bare(regex: &str) -> &str {
    regex.strip_prefix(r"\A(?:").and_then(|regex| regex.strip_suffix(r")\z")).unwrap_or(regex)
}

fn lines(headers: &HeaderMap, name: &HeaderName) -> String {
    listed(headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).collect())
}

fn listed(values: Vec<String>) -> String {
    if values.is_empty() { "none".to_owned() } else { values.join(" and ") }
}

fn values(query: &str, key: &str) -> Vec<String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let own = pairs.filter(|(name, _)| Encoding::Form.decode(name).is_ok_and(|name| name == key));
    own.map(|(_, value)| value.to_owned()).collect()
}
