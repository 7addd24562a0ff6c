//! Rules evaluated on requests in the obvious way: the tree is evaluated for every request.

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
    pub client: Option<[u8; 4]>,
}

/// Evaluates the tree; `None` for unknown.
pub fn holds(expr: &Expr, asked: &TestRequest) -> Option<bool> {
    match expr {
        Expr::Call(call) => leaf(call, asked),
        Expr::Not(inner) => holds(inner, asked).map(|inner| !inner),
        Expr::All(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| holds(part, asked)).collect();
            if parts.contains(&Some(false)) { Some(false) } else { (!parts.contains(&None)).then_some(true) }
        }
        Expr::Either(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| holds(part, asked)).collect();
            if parts.contains(&Some(true)) { Some(true) } else { (!parts.contains(&None)).then_some(false) }
        }
        other => panic!("{other:?}"),
    }
}

fn leaf(call: &Call, asked: &TestRequest) -> Option<bool> {
    let text = |place: usize| call.arguments.get(place).map(|argument| argument.text.as_str());
    let first = text(0).unwrap_or("");
    let among = |pairs: &[(String, String)]| {
        pairs.iter().any(|(key, value)| key == first && text(1).is_none_or(|want| want == value))
    };
    Some(match call.function {
        Function::Any => true,
        Function::Host => match first.strip_prefix("{x}.") {
            Some(rest) => asked.host.split_once('.').is_some_and(|(_, after)| after == rest),
            None => asked.host == first,
        },
        Function::HostRegexp if first == "[ab].*" => asked.host.starts_with(['a', 'b']),
        Function::Path if first == "/{p}" => asked.path.len() > 1 && !asked.path[1..].contains('/'),
        Function::Path => asked.path == first,
        Function::PathPrefix => {
            let first = first.trim_end_matches('/');
            asked.path.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        Function::PathRegexp if first == "/a/b?" => matches!(&*asked.path, "/a/" | "/a/b"),
        Function::PathRegexp if first == "/a.*" => asked.path.starts_with("/a"),
        Function::MethodRegexp if first == "P.*" => asked.method.starts_with('P'),
        Function::Method => asked.method == first || first == "GET" && asked.method == "HEAD",
        Function::Header => among(&asked.headers),
        Function::Query => among(&asked.query),
        Function::Scheme => asked.scheme.as_ref()? == first,
        Function::ClientIp => {
            let bytes = asked.client?;
            let network: Vec<u8> =
                first.trim_end_matches(".0.0/16").split('.').map(|b| b.parse().unwrap()).collect();
            bytes.starts_with(&network)
        }
        other => panic!("{other}"),
    })
}
