//! What the table answers: a result for each request, a result for each build.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, HeaderName, HeaderValue};
use http::uri::Scheme;
use http::{Method, Request, Uri};
use serde::Serialize;
use waylay_router::{Capture, Miss, Peer, Reason, RouteInfo, Table, UrlError, Urls};

use crate::case::{Asked, Build, Dialect};
use crate::plan::{Built, Plan};

/// Above this `http::Uri` reads no target, and servers answer 414.
const LONGEST_TARGET: usize = 65_534;

/// The answer to a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    pub(crate) matched: Option<String>,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow: Option<Vec<String>>,
    pub(crate) vars: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path_template: Option<String>,
}

/// The answer to a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct BuildAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'static str>,
}

/// A request as a server hands it over, or the status with which the server refuses it.
pub(crate) type Arrived = Result<(Request<()>, Peer), u16>;

/// Reads a request as a server would.
///
/// # Errors
/// What is wrong with a text that no wire carries: the address of the other end.
pub(crate) fn arrive(asked: &Asked) -> Result<Arrived, String> {
    let scheme = if asked.tls { Scheme::HTTPS } else { Scheme::HTTP };
    let mut peer = Peer::default().scheme(scheme);
    if let Some(remote) = &asked.remote {
        let addr =
            remote.parse::<SocketAddr>().or_else(|_| remote.parse::<IpAddr>().map(|ip| (ip, 0).into()));
        peer = peer.addr(addr.map_err(|_| format!("remote `{remote}` is no address"))?);
    }
    if asked.url.len() > LONGEST_TARGET {
        return Ok(Err(414));
    }
    Ok(request(asked).map(|request| (request, peer)).ok_or(400))
}

fn request(asked: &Asked) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(asked.method.as_bytes()).ok()?;
    *request.uri_mut() = asked.url.parse::<Uri>().ok()?;
    let headers = request.headers_mut();
    if let Some(host) = &asked.host {
        headers.append(HOST, HeaderValue::from_bytes(host.as_bytes()).ok()?);
    }
    for (name, lines) in &asked.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        for line in lines.iter() {
            headers.try_append(&name, HeaderValue::from_bytes(line.as_bytes()).ok()?).ok()?;
        }
    }
    Some(request)
}

/// Asks the table.
pub(crate) fn answer(table: &Table<usize>, plan: &Plan<'_>, arrived: &Arrived) -> Answer {
    let (request, peer) = match arrived {
        Ok((request, peer)) => (request, peer),
        Err(status) => return Answer { status: *status, ..Answer::default() },
    };
    match table.find(request, peer) {
        Ok(found) => hit(Some(found.value()), found.route(), found.captures(), plan),
        Err(miss) => missed(table, plan, &miss),
    }
}

fn hit<'m>(
    item: Option<&usize>,
    route: Option<RouteInfo<'_>>,
    captures: impl Iterator<Item = Capture<'m>>,
    plan: &Plan<'_>,
) -> Answer {
    let value = |capture: Capture<'_>| match capture.decode() {
        Ok(value) => value.into_owned(),
        // What is no text is shown as it came, escapes and all.
        Err(_) => capture.raw().to_owned(),
    };
    let template = route.map_or("", |route| route.template());
    Answer {
        matched: item.and_then(|item| plan.items.get(*item)).map(|item| item.title.clone()),
        status: 200,
        vars: captures.map(|capture| (capture.name().to_owned(), value(capture))).collect(),
        path_template: Some(written(template, plan.dialect)).filter(|text| !text.is_empty()),
        ..Answer::default()
    }
}

/// The template without the mark that the router puts behind prefixes.
fn written(template: &str, dialect: Dialect) -> String {
    let mark = if dialect == Dialect::Gorilla { "…" } else { "/…" };
    match template.strip_suffix(mark) {
        Some("") if dialect != Dialect::Gorilla => "/".to_owned(),
        Some(prefix) => prefix.to_owned(),
        None => template.to_owned(),
    }
}

fn missed(table: &Table<usize>, plan: &Plan<'_>, miss: &Miss) -> Answer {
    let redirect = match &miss.reason {
        Reason::Redirect(redirect) => Some(redirect),
        _ => None,
    };
    let location = redirect.map(|redirect| redirect.target.clone());
    let slashed = match redirect.and_then(|redirect| redirect.matched.as_deref()) {
        Some(matched) => hit(table.value(matched.place()), matched.route(), matched.captures(), plan),
        None => Answer::default(),
    };
    Answer {
        status: miss.status().as_u16(),
        location,
        allow: miss.allow().map(|methods| methods.iter().map(Method::to_string).collect()),
        ..slashed
    }
}

/// Builds a URL.
pub(crate) fn build(built: &Built, urls: &Urls, plan: &Plan<'_>, wanted: &Build) -> BuildAnswer {
    // Of several routes of one name gorilla/mux knows the last.
    let item = plan.items.iter().rposition(|item| item.named && item.title == wanted.name);
    let answer = match item {
        None => Err("no_such_route"),
        Some(item) if built.dead.contains(&item) => Err("route_error"),
        Some(item) => reverse(urls, &plan.items[item].label, wanted).map_err(word),
    };
    answer.unwrap_or_else(|error| BuildAnswer { error: Some(error), ..BuildAnswer::default() })
}

fn reverse(urls: &Urls, label: &str, wanted: &Build) -> Result<BuildAnswer, UrlError> {
    let builder = urls.get(label)?;
    let builder = wanted.vars.iter().fold(builder, |builder, (name, value)| builder.set(name, value));
    let host = absent(builder.host(), &UrlError::NoHost)?;
    let target = absent(builder.build(), &UrlError::NoPath)?;
    let path = target.as_deref().map(|target| target.split('?').next().unwrap_or(target).to_owned());
    let path = path.filter(|path| !path.is_empty());
    let Some(host) = host else {
        return Ok(BuildAnswer {
            url: Some(target.ok_or(UrlError::NoPath)?),
            path,
            ..BuildAnswer::default()
        });
    };
    let url = match builder.absolute() {
        // As gorilla/mux does: without a scheme of its own a route is served over http.
        Err(UrlError::NoScheme) => builder.scheme("http").absolute()?,
        other => other?,
    };
    let scheme = url.split("://").next().unwrap_or("http");
    let host = Some(format!("{scheme}://{host}"));
    Ok(BuildAnswer { url: Some(url), host, path, error: None })
}

fn absent(part: Result<String, UrlError>, why: &UrlError) -> Result<Option<String>, UrlError> {
    match part {
        Ok(text) => Ok(Some(text)),
        Err(error) if error == *why => Ok(None),
        Err(error) => Err(error),
    }
}

fn word(error: UrlError) -> &'static str {
    match error {
        UrlError::UnknownRoute { .. } => "no_such_route",
        UrlError::MissingVariable(_) => "missing_var",
        UrlError::NoHost | UrlError::NoScheme => "no_host",
        UrlError::NoPath => "no_path",
        // A variable that the route does not have is one that no template gives back.
        _ => "var_mismatch",
    }
}
