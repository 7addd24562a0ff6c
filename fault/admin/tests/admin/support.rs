//! A server on a free port, and a client that checks each response against the document.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use waylay_fault::{EventLog, FaultSet};
use waylay_fault_admin::{Admin, AdminBuilder, Token};

pub(crate) const TOKEN: &str = "a-token-of-the-tests";

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

pub(crate) const TOML: (&str, &str) = ("content-type", "application/toml");

/// A plan with two faults.
pub(crate) const PLAN: &str = r#"
version = 1
id = "drill"
environments = ["staging"]
ttl = "15m"
max_active_faults = 50

[stop]
window = "30s"
error_ratio = 0.2

[[fault]]
name = "slow-cart"
participation = 0.25
allow_paths = ["/cart/*"]
slow = "90ms"

[[fault]]
name = "flaky"
enabled = false
participation = 1
error = 503
"#;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) set: FaultSet,
    pub(crate) admin: Admin,
    document: Arc<Value>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) fn set() -> FaultSet {
    FaultSet::builder().environment("staging").event_log(EventLog::new(100)).build()
}

impl Server {
    /// Serves a set without faults.
    pub(crate) async fn start() -> Self {
        Self::with(set(), |admin| admin).await
    }

    /// Serves a set with the plan of the tests.
    pub(crate) async fn with_plan() -> Self {
        let set = set();
        set.apply(&waylay_fault::FaultPlan::from_toml(PLAN).unwrap()).unwrap();
        Self::with(set, |admin| admin).await
    }

    pub(crate) async fn with(set: FaultSet, options: impl FnOnce(AdminBuilder) -> AdminBuilder) -> Self {
        let builder = Admin::builder(&set).token(Token::new(TOKEN).unwrap());
        let admin = options(builder).build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = admin.clone();
        tokio::spawn(async move { served.serve(listener).await });
        let mut server = Self { address, set, admin, document: Arc::default() };
        let document = server.ask("GET", "/openapi.json", &[], "").await;
        server.document = Arc::new(document.json());
        server
    }

    pub(crate) fn document(&self) -> &Value {
        &self.document
    }

    /// Sends a request on a new connection. The host is that of the server, unless the headers have one.
    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let response = self.open(method, target, headers, body).await;
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let reply = Reply { status: head.status, headers: head.headers, text };
        self.check(method, target, &reply);
        reply
    }

    /// The same with the token, and with `content-type: application/json` if there is no other.
    pub(crate) async fn change(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let authorization = format!("Bearer {TOKEN}");
        let mut headers = headers.to_vec();
        headers.push(("authorization", &authorization));
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            headers.push(JSON);
        }
        self.ask(method, target, &headers, body).await
    }

    /// Sends a request, and returns the response with its unread body.
    pub(crate) async fn open(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> http::Response<Incoming> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(target);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.address.to_string());
        }
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        sender.send_request(request.body(Full::<Bytes>::from(body.to_owned())).unwrap()).await.unwrap()
    }

    /// Checks that the document has this status for this operation, and that errors are problems.
    fn check(&self, method: &str, target: &str, reply: &Reply) {
        if reply.status.is_client_error() || reply.status.is_server_error() {
            assert_eq!(
                reply.header("content-type"),
                "application/problem+json",
                "{method} {target}: {reply:?}"
            );
            let problem = reply.json();
            assert_eq!(problem["status"], reply.status.as_u16(), "{problem}");
            assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        }
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("cache-control"), "no-store");
        let path = target.split('?').next().unwrap();
        if let Some(operation) = self.operation(method, path) {
            let status = reply.status.as_str();
            assert!(
                operation["responses"].get(status).is_some(),
                "{method} {path} does not document {status}"
            );
        }
    }

    /// Returns the operation of the document for a request.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let matches = |template: &str| {
            let (template, path): (Vec<_>, Vec<_>) =
                (template.split('/').collect(), path.split('/').collect());
            template.len() == path.len()
                && template.iter().zip(path).all(|(part, text)| part.starts_with('{') || *part == text)
        };
        let paths = self.document.get("paths")?.as_object()?;
        let (_, item) = paths.iter().find(|(template, _)| matches(template))?;
        item.get(method.to_ascii_lowercase())
    }
}
