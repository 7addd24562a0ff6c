//! Rules evaluated on requests in the obvious way: the tree is evaluated for every request.

use http::Version;
use waylay_router::rule::{Call, Expr, Function};

/// A request of these tests: decoded, each field once.
#[derive(Debug, Clone)]
pub struct TestRequest {
    pub method: String,
    pub host: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
    pub scheme: Option<String>,
    pub version: Version,
    pub client: Option<[u8; 4]>,
}

/// Evaluates the tree; `None` for unknown.
pub fn holds(expr: &Expr, sent: &TestRequest) -> Option<bool> {
    match expr {
        Expr::Call(call) => leaf(call, sent),
        Expr::Not(inner) => holds(inner, sent).map(|inner| !inner),
        Expr::All(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| holds(part, sent)).collect();
            if parts.contains(&Some(false)) { Some(false) } else { (!parts.contains(&None)).then_some(true) }
        }
        Expr::Either(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| holds(part, sent)).collect();
            if parts.contains(&Some(true)) { Some(true) } else { (!parts.contains(&None)).then_some(false) }
        }
        other => panic!("{other:?}"),
    }
}

fn leaf(call: &Call, sent: &TestRequest) -> Option<bool> {
    let text = |place: usize| call.arguments.get(place).map(|argument| argument.text.as_str());
    let first = text(0).unwrap_or("");
    let among = |pairs: &[(String, String)]| {
        pairs.iter().any(|(key, value)| key == first && text(1).is_none_or(|want| want == value))
    };
    Some(match call.function {
        Function::Any => true,
        Function::Host => match first.strip_prefix("{x}.") {
            Some(rest) => sent.host.split_once('.').is_some_and(|(_, after)| after == rest),
            None => sent.host == first,
        },
        Function::HostRegexp if first == "[ab].*" => sent.host.starts_with(['a', 'b']),
        Function::Path if first == "/{p}" => sent.path.len() > 1 && !sent.path[1..].contains('/'),
        Function::Path => sent.path == first,
        Function::PathPrefix => {
            let first = first.trim_end_matches('/');
            sent.path.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        Function::PathRegexp if first == "/a/b?" => matches!(&*sent.path, "/a/" | "/a/b"),
        Function::PathRegexp if first == "/a.*" => sent.path.starts_with("/a"),
        Function::MethodRegexp if first == "P.*" => sent.method.starts_with('P'),
        Function::Method => sent.method == first || first == "GET" && sent.method == "HEAD",
        Function::Header => among(&sent.headers),
        Function::Query => among(&sent.query),
        Function::Version => match first {
            "HTTP/1.0" => sent.version == Version::HTTP_10,
            "HTTP/2" => sent.version == Version::HTTP_2,
            other => panic!("{other}"),
        },
        Function::Scheme => sent.scheme.as_ref()? == first,
        Function::ClientIp => {
            let bytes = sent.client?;
            let network: Vec<u8> =
                first.trim_end_matches(".0.0/16").split('.').map(|b| b.parse().unwrap()).collect();
            bytes.starts_with(&network)
        }
        other => panic!("{other}"),
    })
}
