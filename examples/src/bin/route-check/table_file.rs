//! TableFile: the router of a TOML or JSON file, called with requests.

use std::future::Future;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::response::Response;
use clap::ValueEnum;
use http::Request;
use http::header::{ALLOW, LOCATION};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tower::ServiceExt;
use waylay_examples::table_file::table_spec;
use waylay_router::{Body, Matched, Peer, Policy, Router};

use crate::evaluation::{message, public_keys};
use crate::expect::{Counts, differing_parts};
use crate::input::{Dialect, RequestSpec};
use crate::output::{Difference, LineError, Subject};
use crate::print;
use crate::results::{RequestResult, value};
use crate::server::receive;

/// How the program that has the table reads requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyName {
    Default,
    Strict,
    Gorilla,
}

impl PolicyName {
    fn policy(self) -> Policy {
        match self {
            Self::Default => Policy::default(),
            Self::Strict => Policy::strict(),
            Self::Gorilla => Policy::gorilla(),
        }
    }
}

/// Options of the output for each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) expect: bool,
    pub(crate) explain: bool,
    pub(crate) allow: f64,
}

/// Reason why a table is not checked.
#[derive(Debug)]
pub(crate) enum TableError {
    /// The file cannot be read.
    Unreadable(String),
    /// The table does not build.
    Invalid(String),
}

/// The router of a file.
#[derive(Debug)]
pub(crate) struct TableFile {
    router: Router,
}

/// The result of one request.
#[derive(Debug, Serialize)]
struct RequestOutput<'r> {
    #[serde(flatten)]
    request: Subject<'r>,
    result: RequestResult,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explain: Vec<String>,
}

impl TableFile {
    /// Builds the router of a file; the names of handlers have no meaning here.
    pub(crate) fn read(path: &Path, policy: PolicyName) -> Result<Self, TableError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| TableError::Unreadable(format!("{}: {error}", path.display())))?;
        let spec = table_spec(path, &text).map_err(TableError::Unreadable)?;
        let handler = async |matched: Matched| {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(matched);
            response
        };
        let router = Router::builder().policy(policy.policy()).spec(&spec, |_, route| Ok(route.to(handler)));
        let router = router.build();
        router.map(|router| Self { router }).map_err(|errors| TableError::Invalid(errors.to_string()))
    }

    pub(crate) fn lints(&self) -> Vec<String> {
        self.router.lints().iter().map(ToString::to_string).collect()
    }

    /// Calls the router for each line; returns whether all lines are valid and at most the allowed
    /// percentage differs.
    pub(crate) fn run(
        &self,
        options: Options,
        mut requests: impl BufRead,
        mut output: impl Write,
    ) -> io::Result<bool> {
        let (mut counts, mut failures) = (Counts::default(), 0);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if requests.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match self.line(options, number, line.trim_ascii(), &mut counts, &mut output) {
                Ok(printed) => printed?,
                Err(error) => {
                    failures += 1;
                    print(&mut output, &LineError { line: number, error })?;
                }
            }
        }
        if options.expect {
            writeln!(output, "{counts}")?;
        }
        output.flush()?;
        Ok(failures == 0 && !counts.exceed(options.allow))
    }

    fn line(
        &self,
        options: Options,
        number: usize,
        line: &[u8],
        counts: &mut Counts,
        output: &mut impl Write,
    ) -> Result<io::Result<()>, String> {
        let (spec, expected) = parse_request(line)?;
        let (result, explain) = match receive(&spec, Dialect::Native)? {
            Err(status) => (RequestResult { status, ..RequestResult::default() }, Vec::new()),
            Ok((request, peer)) => {
                let request = with_peer(request, peer);
                (self.result(request.clone()), self.explain(&request))
            }
        };
        let subject = Subject::request(number - 1, &spec);
        if !options.expect {
            let explain = if options.explain { explain } else { Vec::new() };
            return Ok(print(output, &RequestOutput { request: subject, result, explain }));
        }
        let Some(expected) = expected else { return Ok(Ok(())) };
        let expected = Some(expected);
        let agrees = differing_parts(Dialect::Native, &spec, &expected, Some(&result)).is_empty();
        counts.requests.add(agrees);
        if agrees {
            return Ok(Ok(()));
        }
        let (expected, got) = (json!(expected), json!(result));
        Ok(print(output, &Difference { line: number, id: None, subject, expected, got, explain }))
    }

    fn explain(&self, request: &Request<()>) -> Vec<String> {
        format!("{:#}", self.router.explain(request)).lines().map(str::to_owned).collect()
    }

    fn result(&self, request: Request<()>) -> RequestResult {
        let future = pin!(self.router.clone().oneshot(request.map(|()| Body::empty())));
        // No handler of this router ever waits.
        let Poll::Ready(Ok(response)) = future.poll(&mut Context::from_waker(Waker::noop())) else {
            return RequestResult::default();
        };
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let matched = response.extensions().get::<Matched>();
        let title = |matched: &Matched| {
            let route = matched.route()?;
            route.name().or(route.rule()).map(str::to_owned)
        };
        RequestResult {
            matched: matched.and_then(title),
            status: response.status().as_u16(),
            location: text(LOCATION).map(str::to_owned),
            allow: text(ALLOW).map(|methods| methods.split(", ").map(str::to_owned).collect()),
            vars: matched
                .iter()
                .flat_map(|matched| matched.captures())
                .map(|capture| (capture.name().to_owned(), value(capture)))
                .collect(),
            path_template: matched.map(|matched| matched.template().to_owned()),
            ..RequestResult::default()
        }
    }
}

fn with_peer(mut request: Request<()>, peer: Peer) -> Request<()> {
    request.extensions_mut().insert(peer);
    request
}

/// Parses a request: a JSON object with an optional `expect`, or a method and a URL.
fn parse_request(line: &[u8]) -> Result<(RequestSpec, Option<Map<String, Value>>), String> {
    if !line.starts_with(b"{") {
        let text = std::str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
        let mut words = text.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(method), Some(url), None) => Ok((RequestSpec::new(method, url), None)),
            _ => Err(format!("`{text}` is not a request such as `GET http://example.com/path`")),
        };
    }
    let mut members: Map<String, Value> = serde_json::from_slice(line).map_err(|error| message(&error))?;
    let expected = match members.remove("expect") {
        None => None,
        Some(Value::Object(expected)) => Some(expected),
        Some(_) => return Err("`expect` is not an object".to_owned()),
    };
    let spec = serde_json::from_value(Value::Object(members));
    spec.map(|spec| (spec, expected)).map_err(|error| public_keys(&error.to_string()))
}
