//! Results of a line: requests, URLs, description of the routes.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, Request};
use serde::Serialize;
use waylay_router::rule::{Function, Rule};
use waylay_router::{Capture, MethodSet, Miss, Peer, Reason, RouteInfo, Table, UrlError, Urls};

use crate::input::{Case, Dialect, UrlSpec};
use crate::miss_handlers::{MissHandler, Outcome, is_slash_redirect, miss_handlers, outcome};
use crate::server::{self, Received, Server};
use crate::table::{BuiltTable, RouteTree};

/// Result of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct RequestResult {
    pub(crate) matched: Option<String>,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow: Option<Vec<String>>,
    pub(crate) vars: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path_template: Option<String>,
    /// Cause of a redirect: `clean` or `strict_slash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redirect_by: Option<&'static str>,
    /// Handler of a miss, with the scope that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) handled_by: Option<String>,
    /// Middlewares from the outside in, then the handler.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) trace: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_control_allow_methods: Option<String>,
}

/// Table of a line with everything that a result needs.
pub(crate) struct Responder<'p> {
    tree: &'p RouteTree<'p>,
    built: &'p BuiltTable,
    table: &'p Table<usize>,
    miss_handlers: Vec<MissHandler>,
    mounts: BTreeMap<usize, Self>,
    server: Option<Server>,
    /// The methods of all routes.
    methods: BTreeSet<Method>,
}

impl<'p> Responder<'p> {
    /// Creates the responder of a line, unless its table is rejected.
    pub(crate) fn for_case(
        case: &Case,
        tree: &'p RouteTree<'p>,
        built: &'p BuiltTable,
    ) -> Result<Option<Self>, String> {
        let Some(responder) = Self::new(tree, built) else { return Ok(None) };
        let server = if server::is_required(case) { Some(Server::new(case, tree, built)?) } else { None };
        Ok(Some(Self { server, ..responder }))
    }

    fn new(tree: &'p RouteTree<'p>, built: &'p BuiltTable) -> Option<Self> {
        let table = built.table.as_ref()?;
        let mounts = built.mounts.iter();
        let mounts = mounts.filter_map(|(node, built)| {
            Some((*node, Self::new(tree.nodes.get(*node)?.mount.as_deref()?, built)?))
        });
        let named = table.routes().map(|route| route.methods()).filter(|methods| !methods.is_all());
        Some(Self {
            tree,
            built,
            table,
            miss_handlers: miss_handlers(tree, built),
            mounts: mounts.collect(),
            server: None,
            methods: named.flat_map(|methods| methods.iter().cloned().collect::<Vec<_>>()).collect(),
        })
    }

    /// Returns the result of a request.
    pub(crate) fn result(&self, received: &Received) -> RequestResult {
        let (request, peer) = match received {
            Ok((request, peer)) => (request, peer),
            Err(status) => return RequestResult { status: *status, ..RequestResult::default() },
        };
        let mut result = self.look_up(request, peer);
        if let Some(server) = &self.server {
            let (trace, methods) = server.call(request, peer);
            result.access_control_allow_methods = methods;
            if result.matched.is_some() {
                result.trace = trace;
            }
        }
        result
    }

    fn look_up(&self, request: &Request<()>, peer: &Peer) -> RequestResult {
        match outcome(self.table, &self.miss_handlers, request, peer) {
            Outcome::Found(found) => match self.mounts.get(found.value()) {
                // In gorilla/mux a mounted router sees the whole path, and its miss is final.
                Some(mounted) => mounted.look_up(request, peer),
                None => match self.tree.handler_of(*found.value()) {
                    Some(owner) => self.found(owner, found.route(), found.captures()),
                    None => self.unhandled(request, peer),
                },
            },
            Outcome::Handled(node, name) => {
                let handled_by = Some(format!("{name}:{}", self.tree.nodes[node].title));
                RequestResult { handled_by, ..self.unhandled(request, peer) }
            }
            Outcome::Miss(miss) => self.miss(request, peer, &miss),
        }
    }

    fn found<'m>(
        &self,
        node: usize,
        route: Option<RouteInfo<'_>>,
        captures: impl Iterator<Item = Capture<'m>>,
    ) -> RequestResult {
        let template = route.map_or("", |route| route.template());
        let template = Some(source_template(template, self.tree.dialect)).filter(|text| !text.is_empty());
        RequestResult {
            matched: self.tree.nodes.get(node).map(|node| node.title.clone()),
            status: 200,
            vars: captures.map(|capture| (capture.name().to_owned(), value(capture))).collect(),
            path_template: template.filter(|_| !self.tree.omit_route),
            ..RequestResult::default()
        }
    }

    fn miss(&self, request: &Request<()>, peer: &Peer, miss: &Miss) -> RequestResult {
        if let Reason::Redirect(redirect) = &miss.reason {
            let matched = redirect.matched.as_deref();
            let route = matched.and_then(|matched| {
                let owner = self.tree.handler_of(*self.table.value(matched.index())?)?;
                Some(self.found(owner, matched.route(), matched.captures()))
            });
            return RequestResult {
                status: miss.status().as_u16(),
                location: Some(redirect.target.clone()),
                redirect_by: Some(if matched.is_some() { "strict_slash" } else { "clean" }),
                ..route.unwrap_or_default()
            };
        }
        let result = match miss.status().as_u16() {
            404 | 405 if !self.miss_handlers.is_empty() => self.unhandled(request, peer),
            status => RequestResult { status, allow: miss.allow().map(names), ..RequestResult::default() },
        };
        RequestResult { handled_by: self.handled_by(miss, result.status), ..result }
    }

    /// Returns the result for a match without a handler: 405 if another method has one.
    fn unhandled(&self, request: &Request<()>, peer: &Peer) -> RequestResult {
        let allowed = self.methods.iter().filter(|method| {
            let mut other = request.clone();
            *other.method_mut() = Method::clone(method);
            match outcome(self.table, &self.miss_handlers, &other, peer) {
                Outcome::Found(found) => self.tree.handler_of(*found.value()).is_some(),
                Outcome::Miss(miss) => is_slash_redirect(&miss),
                Outcome::Handled(..) => false,
            }
        });
        let allow: Vec<String> = allowed.map(Method::to_string).collect();
        let status = if allow.is_empty() { 404 } else { 405 };
        RequestResult {
            status,
            allow: Some(allow).filter(|allow| !allow.is_empty()),
            ..RequestResult::default()
        }
    }

    /// Returns the handler of a miss: of a scope, or of the router. In gorilla's dialect those of scopes are
    /// already applied.
    fn handled_by(&self, miss: &Miss, status: u16) -> Option<String> {
        let name = match status {
            404 => "not_found",
            405 => "method_not_allowed",
            _ => return None,
        };
        let applies =
            |not_found, method_not_allowed| if status == 404 { not_found } else { method_not_allowed };
        let native = self.tree.dialect != Dialect::Gorilla;
        let scope = miss.scope.filter(|_| native).and_then(|scope| self.built.scopes.get(scope.index()));
        let inner = scope.and_then(|node| {
            self.tree.ancestors(*node).find(|node| {
                let sub = self.tree.nodes[*node].spec.sub.as_ref();
                sub.is_some_and(|sub| applies(sub.not_found, sub.method_not_allowed))
            })
        });
        match inner {
            Some(node) => Some(format!("{name}:{}", self.tree.nodes[node].title)),
            None if applies(self.tree.not_found, self.tree.method_not_allowed) => {
                Some(format!("{name}:root"))
            }
            None => None,
        }
    }
}

fn names(methods: &MethodSet) -> Vec<String> {
    methods.iter().map(Method::to_string).collect()
}

/// Returns the decoded value, or the raw one if it is not UTF-8.
pub(crate) fn value(capture: Capture<'_>) -> String {
    capture.decode().map_or_else(|_| capture.raw().to_owned(), |value| value.into_owned())
}

/// Returns the template without the mark that the router adds to prefixes.
fn source_template(template: &str, dialect: Dialect) -> String {
    let mark = if dialect == Dialect::Gorilla { "…" } else { "/…" };
    match template.strip_suffix(mark) {
        Some("") if dialect != Dialect::Gorilla => "/".to_owned(),
        Some(prefix) => prefix.to_owned(),
        None => template.to_owned(),
    }
}

/// Result of a URL to build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct UrlResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'static str>,
}

/// Builds a URL by the name of its route.
pub(crate) fn build_url(built: &BuiltTable, urls: &Urls, tree: &RouteTree<'_>, spec: &UrlSpec) -> UrlResult {
    // Of several routes with one name gorilla/mux uses the last.
    let node = tree.nodes.iter().rposition(|node| node.named && node.title == spec.name);
    let result = match node {
        None => Err("no_such_route"),
        Some(node) if built.invalid.contains(&node) => Err("route_error"),
        Some(node) => url_of(urls, &tree.nodes[node].label, spec).map_err(error_code),
    };
    result.unwrap_or_else(|error| UrlResult { error: Some(error), ..UrlResult::default() })
}

fn url_of(urls: &Urls, label: &str, spec: &UrlSpec) -> Result<UrlResult, UrlError> {
    let builder = urls.builder(label)?;
    let builder = spec.vars.iter().fold(builder, |builder, (name, value)| builder.set(name, value));
    let host = optional(builder.host(), &UrlError::NoHost)?;
    let target = optional(builder.build(), &UrlError::NoPath)?;
    let path = target.as_deref().map(|target| target.split('?').next().unwrap_or(target).to_owned());
    let path = path.filter(|path| !path.is_empty());
    let Some(host) = host else {
        return Ok(UrlResult { url: Some(target.ok_or(UrlError::NoPath)?), path, ..UrlResult::default() });
    };
    let url = match builder.absolute() {
        // As in gorilla/mux, a route without a scheme has http.
        Err(UrlError::NoScheme) => builder.scheme("http").absolute()?,
        other => other?,
    };
    let scheme = url.split("://").next().unwrap_or("http");
    let host = Some(format!("{scheme}://{host}"));
    Ok(UrlResult { url: Some(url), host, path, error: None })
}

/// Turns the error of an absent part into `None`.
fn optional(part: Result<String, UrlError>, absent: &UrlError) -> Result<Option<String>, UrlError> {
    match part {
        Ok(text) => Ok(Some(text)),
        Err(error) if error == *absent => Ok(None),
        Err(error) => Err(error),
    }
}

fn error_code(error: UrlError) -> &'static str {
    match error {
        UrlError::UnknownRoute { .. } => "no_such_route",
        UrlError::MissingVariable(_) => "missing_var",
        UrlError::NoHost | UrlError::NoScheme => "no_host",
        UrlError::NoPath => "no_path",
        // An unknown variable is a mismatch, too.
        _ => "var_mismatch",
    }
}

/// Description of a route; absent parts are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Description {
    #[serde(skip_serializing_if = "Option::is_none")]
    path_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_template: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queries_templates: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    var_names: Vec<String>,
}

/// Step of the listing: the path template, and the number of enclosing scopes and mounted routers.
pub(crate) type WalkStep = (String, usize);

/// Describes each named route and scope.
pub(crate) fn descriptions(tree: &RouteTree<'_>, built: &BuiltTable) -> BTreeMap<String, Description> {
    let routes = built.table.iter().flat_map(|table| table.routes());
    let named = routes.filter_map(|route| {
        let node = &tree.nodes[tree.node(route.name()?)?];
        node.named.then(|| (node.title.clone(), description(tree, &node.path, route)))
    });
    named.collect()
}

fn description(tree: &RouteTree<'_>, path: &str, route: RouteInfo<'_>) -> Description {
    let query = |condition: &str| {
        let rule = Rule::parse(condition).ok()?;
        let [call] = rule.expr().calls()[..] else { return None };
        let mut arguments = call.arguments.iter().map(|argument| argument.text.as_str());
        let key = arguments.next().filter(|_| call.function == Function::Query)?;
        Some(format!("{key}={}", arguments.next().unwrap_or_default()))
    };
    let all = route.methods().is_all();
    let methods = route.methods().iter().filter(|_| !all);
    Description {
        path_template: Some(source_template(route.template(), tree.dialect)).filter(|_| !path.is_empty()),
        // Of several hosts the innermost is used for URLs.
        host_template: route.hosts().last().map(str::to_owned),
        queries_templates: route.conditions().filter_map(query).collect(),
        methods: methods.map(|method| method.to_string()).collect(),
        var_names: route.variables().map(str::to_owned).collect(),
    }
}

/// Lists routes and scopes in order, with those of mounted routers. A scope with the template `skip` is left
/// out with its children.
pub(crate) fn walk(tree: &RouteTree<'_>, built: &BuiltTable, skip: Option<&str>) -> Vec<WalkStep> {
    let mut steps = Vec::new();
    let mut end = None;
    for route in built.table.iter().flat_map(|table| table.routes()) {
        let Some(number) = route.name().and_then(|label| tree.node(label)) else { continue };
        if end.is_some_and(|end| number <= end) {
            continue;
        }
        let template = source_template(route.template(), tree.dialect);
        if skip == Some(&template) {
            end = Some(tree.nodes[number].last);
            continue;
        }
        let depth = tree.ancestors(number).count() - 1;
        steps.push((template, depth));
        let mounted = tree.nodes[number].mount.as_deref().zip(built.mounts.get(&number));
        let inner = mounted.map(|(tree, built)| walk(tree, built, skip)).unwrap_or_default();
        steps.extend(inner.into_iter().map(|(template, inner)| (template, depth + 1 + inner)));
    }
    steps
}
