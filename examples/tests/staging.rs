//! The program `staging`: its printed guide, ports, signals and exit code.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of the wrong expectation")]

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The program on free ports; dropping it kills the process.
struct Staging {
    child: Child,
    /// Open until the end, so that the program never writes into a closed pipe.
    _stdout: BufReader<ChildStdout>,
    shop: SocketAddr,
    control: SocketAddr,
    guide: Vec<String>,
    token: String,
}

fn staging(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_staging"));
    command.args(args).env_remove("RUST_LOG").env_remove("WAYLAY_HALT").stderr(Stdio::null());
    command
}

impl Staging {
    fn start() -> Self {
        Self::with(&[])
    }

    fn with(args: &[&str]) -> Self {
        let mut command = staging(&["--addr", "127.0.0.1:0", "--control-addr=127.0.0.1:0"]);
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut guide = Vec::new();
        while guide.last().is_none_or(|line| line != "Press Ctrl-C to stop.") {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "it exited: {guide:?}");
            guide.push(line.trim_end().to_owned());
        }
        let address = |name: &str| {
            let line = guide.iter().find(|line| line.starts_with(name)).unwrap();
            let url: Uri =
                line.split_whitespace().nth(1).unwrap().split('#').next().unwrap().parse().unwrap();
            url.authority().unwrap().as_str().parse().unwrap()
        };
        let console = guide.iter().find(|line| line.starts_with("console ")).unwrap();
        let token = console.split_once("#token=").unwrap().1.to_owned();
        Self { shop: address("shop "), control: address("console "), child, _stdout: stdout, guide, token }
    }

    async fn faults(&self, method: &str, target: &str, body: &str) -> (StatusCode, Value) {
        let token = format!("Bearer {}", self.token);
        let headers = [("content-type", "application/json"), ("authorization", &token)];
        let reply = self.control(method, target, &headers, body).await;
        (reply.status, serde_json::from_str(&reply.body).unwrap())
    }

    async fn control(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        send(self.control, false, request(method, target, headers, body)).await.unwrap()
    }

    async fn switch(&self, fault: &str, change: &Value) -> Value {
        let (status, view) = self.faults("PATCH", &format!("/faults/{fault}"), &change.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{view}");
        view
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // It may have exited already, which some tests check.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<bytes::Bytes>> {
    let request = Request::builder().method(method).uri(target);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Full::from(body.to_owned())).unwrap()
}

/// Sends one request on a new connection; `None` if that was closed without a response.
async fn send(to: SocketAddr, over_http2: bool, mut request: Request<Full<bytes::Bytes>>) -> Option<Reply> {
    let stream = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let host = request.headers_mut().entry("host").or_insert(to.to_string().parse().unwrap()).clone();
    let reply = if over_http2 {
        request.headers_mut().remove("host");
        let target = format!("http://{}{}", host.to_str().unwrap(), request.uri());
        *request.uri_mut() = target.parse().unwrap();
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await
    } else {
        let (mut sender, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await
    };
    let (head, body) = reply.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    Some(Reply { status: head.status, headers: head.headers, body: String::from_utf8(body.into()).unwrap() })
}

/// Splits a line as a shell does; the guide uses single quotes only.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.last_mut().unwrap().push_str(part);
            continue;
        }
        let mut pieces = part.split(' ');
        words.last_mut().unwrap().push_str(pieces.next().unwrap());
        words.extend(pieces.map(str::to_owned));
    }
    words
}

/// Runs a printed curl command.
async fn curl(line: &str) -> Option<Reply> {
    let words = words(line);
    let mut words = words.iter().map(String::as_str);
    assert_eq!((words.next(), words.next()), (Some("curl"), Some("-si")));
    let (mut method, mut headers, mut body, mut over_http2, mut url) = (None, Vec::new(), "", false, None);
    while let Some(word) = words.next() {
        match word {
            "-X" => method = words.next(),
            "-H" => headers.push(words.next().unwrap().split_once(": ").unwrap()),
            "-d" => (method, body) = (method.or(Some("POST")), words.next().unwrap()),
            "--http2-prior-knowledge" => over_http2 = true,
            _ => url = Some(word.parse::<Uri>().unwrap()),
        }
    }
    let url = url.unwrap();
    let target = url.path_and_query().unwrap().as_str();
    let to = url.authority().unwrap().as_str().parse().unwrap();
    send(to, over_http2, request(method.unwrap_or("GET"), target, &headers, body)).await
}

#[tokio::test]
async fn each_printed_command_returns_the_printed_response() {
    check_commands(&Staging::start()).await;
}

/// Under a plan the commands name no built-in fault.
#[tokio::test]
async fn each_command_printed_under_a_plan_returns_the_printed_response() {
    let file = std::env::temp_dir().join(format!("waylay-guide-{}.toml", std::process::id()));
    let plan = "version = 1\nenvironments = [\"staging\"]\n[[fault]]\nname = \"a\"\nparticipation = 0\nerror = 503\n";
    std::fs::write(&file, plan).unwrap();
    let staging = Staging::with(&["--plan", file.to_str().unwrap()]);
    check_commands(&staging).await;
    assert!(!staging.guide.iter().any(|line| line.contains("drop-product")), "{:?}", staging.guide);
    std::fs::remove_file(file).unwrap();
}

async fn check_commands(staging: &Staging) {
    let mut lines = staging.guide.iter().map(String::as_str).peekable();
    let mut commands = 0;
    while let Some(line) = lines.next() {
        if !line.starts_with("curl ") {
            continue;
        }
        commands += 1;
        let reply = curl(line).await;
        let mut expected =
            std::iter::from_fn(|| lines.next_if(|line| line.starts_with("# "))).map(|line| &line[2..]);
        let status = expected.next().unwrap();
        if status.starts_with("no response") {
            assert!(reply.is_none(), "{line}\n{reply:?}");
            continue;
        }
        let reply = reply.unwrap_or_else(|| panic!("no response: {line}"));
        assert_eq!(reply.status.as_str(), status, "{line}");
        for text in expected {
            if let Some(location) = text.strip_prefix("location: ") {
                assert_eq!(reply.headers["location"], location, "{line}");
            } else if let Some(beginning) = text.strip_suffix('…') {
                assert!(reply.body.starts_with(beginning), "{line}\n{}", reply.body);
            } else {
                assert_eq!(reply.body.trim_end(), text, "{line}");
            }
        }
    }
    assert!(commands >= 10, "{:?}", staging.guide);
}

#[tokio::test]
async fn a_fault_is_injected_while_it_is_enabled() {
    let staging = Staging::start();
    let order = |key: &'static str| {
        let headers =
            [("host", "shop.localhost"), ("content-type", "application/json"), ("idempotency-key", key)];
        send(staging.shop, false, request("POST", "/api/v1/carts/1/orders", &headers, r#"{"sku":1}"#))
    };
    assert_eq!(order("a").await.unwrap().status, StatusCode::CREATED);

    let view = staging.switch("fail-order", &json!({"enabled": true, "participation": 1})).await;
    assert_eq!((&view["enabled"], &view["routes"]), (&json!(true), &json!(["shop.place-order"])));
    let reply = order("b").await.unwrap();
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&reply.headers["x-fault-injected"], &*reply.body),
        (&"fail-order".parse().unwrap(), "the till is closed")
    );

    let view = staging.switch("fail-order", &json!({"enabled": false})).await;
    assert_eq!((&view["counts"]["injected"], &view["participation"]), (&json!(1), &json!(1.0)));
    let reply = order("b").await.unwrap();
    assert_eq!((reply.status, reply.headers.contains_key("x-fault-injected")), (StatusCode::CREATED, false));
    assert_eq!(order("b").await.unwrap().headers["location"], reply.headers["location"]);
}

#[tokio::test]
async fn an_invalid_change_is_a_problem_and_changes_nothing() {
    let staging = Staging::start();
    let rows = [
        ("fail-order", r#"{"enabled":true,"participation":1.1}"#, 422, "/participation"),
        ("fail-order", r#"{"enabled":true,"participation":-0.1}"#, 422, "/participation"),
        ("fail-order", r#"{"participation":"NaN","enabled":1}"#, 422, "/enabled"),
        ("fail-order", r#"{"enabled":"#, 400, "malformed"),
        ("fail-ordr", r#"{"enabled":true}"#, 404, "there is no fault `fail-ordr`"),
        ("fail-order", r#"{"enbled":true}"#, 422, "/enbled"),
        ("fail-order", "{}", 422, "nothing to change"),
    ];
    for (fault, body, status, text) in rows {
        let target = format!("/faults/{fault}");
        let token = format!("Bearer {}", staging.token);
        let headers = [("content-type", "application/json"), ("authorization", &token)];
        let reply = staging.control("PATCH", &target, &headers, body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
        assert_eq!(reply.headers["content-type"], "application/problem+json", "{body}");
        assert!(reply.body.contains(text), "{body}: {}", reply.body);
    }
    let rebound = staging.control("GET", "/faults", &[("host", "evil.example")], "").await;
    assert_eq!(rebound.status, StatusCode::MISDIRECTED_REQUEST, "{}", rebound.body);
    let headers = [("content-type", "application/json")];
    let reply = staging.control("PATCH", "/faults/fail-order", &headers, r#"{"enabled":true}"#).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);

    let (_, faults) = staging.faults("GET", "/faults", "").await;
    for fault in faults.as_array().unwrap() {
        assert_eq!((&fault["enabled"], &fault["participation"]), (&json!(false), &json!(0.2)), "{fault}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_cancels_a_hang_and_stops_the_program() {
    for (over_http2, signal) in [(false, "-INT"), (true, "-TERM"), (false, "-TERM"), (true, "-INT")] {
        let mut staging = Staging::start();
        staging.switch("hang-stock", &json!({"enabled": true, "participation": 1})).await;
        let headers = [("host", "acme.shop.localhost")];
        let hanging = request("GET", "/api/v1/products/1/stock", &headers, "");
        let hanging = tokio::spawn(send(staging.shop, over_http2, hanging));
        loop {
            let (_, view) = staging.faults("GET", "/faults/hang-stock", "").await;
            if view["counts"]["active"] == 1 {
                break;
            }
        }

        let process = staging.child.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
        // The hang would end without a response; after its cancellation the route responds.
        let reply = hanging.await.unwrap().unwrap();
        assert_eq!((reply.status, &*reply.body), (StatusCode::OK, r#"{"tenant":"acme","sku":1,"count":12}"#));
        assert!(staging.child.wait().unwrap().success());
    }
}

/// Limits are those of the server that the programs share, which the tests of `gateway` cover.
#[tokio::test]
async fn a_slow_client_is_disconnected_and_a_tunnel_rejected() {
    let staging = Staging::with(&["--header-timeout", "400ms"]);
    for address in [staging.shop, staging.control] {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nhost: ").unwrap();
        let mut response = String::new();
        std::io::Read::read_to_string(&mut stream, &mut response).unwrap();
        assert!(!response.contains(" 200 "), "{response}");
        let reply = send(address, false, request("TRACE", "/", &[], "")).await.unwrap();
        assert_eq!(reply.status, StatusCode::NOT_IMPLEMENTED);
    }
}

#[test]
fn a_wrong_command_line_is_one_readable_line() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let rows: [(&[&str], &str); 9] = [
        (&["--addr", &taken, "--control-addr", "127.0.0.1:0"], "choose another address with `--addr`"),
        (
            &["--addr", "127.0.0.1:0", "--control-addr", &taken],
            "choose another address with `--control-addr`",
        ),
        (&["--control-addr", "0.0.0.0:0"], "give a loopback address"),
        (&["--addr", "nowhere"], "invalid value 'nowhere' for '--addr <ADDR>': not an address"),
        (&["--drill"], "a value is required for '--drill <N>'"),
        (&["--drill", "0"], "invalid value '0' for '--drill <N>'"),
        (&["--drill", "1", "--addr", "127.0.0.1:0"], "'--drill <N>' cannot be used with '--addr <ADDR>'"),
        (&["--drill", "1", "--plan", "check", "x.toml"], "--drill takes the plan to run, not one to check"),
        (&["--port", "1"], "unexpected argument '--port'"),
    ];
    for (args, text) in rows {
        let Output { status, stdout, stderr } = staging(args).stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), &*stdout), (Some(1), &b""[..]), "{args:?}: {stderr}");
        assert!(stderr.starts_with("staging: ") && stderr.lines().count() == 1, "{args:?}: {stderr}");
        assert!(stderr.contains(text), "{args:?}: {stderr}");
    }
}

/// A drill agrees with itself, adds up, and with equal seeds injects into the same attempts.
#[test]
fn two_drills_with_one_seed_report_the_same_counts() {
    let drill = || staging(&["--drill", "140", "--seed", "1"]).stdout(Stdio::piped()).spawn().unwrap();
    let tables = [drill(), drill()].map(|child| {
        let Output { status, stdout, .. } = child.wait_with_output().unwrap();
        let text = String::from_utf8(stdout).unwrap();
        assert!(status.success(), "{text}");
        assert!(text.contains("attempts agree with what the server injected"), "{text}");
        let rows = text.lines().skip(1).take_while(|line| !line.is_empty());
        let counts = rows.map(|row| {
            let mut cells = row.split_whitespace();
            let route = cells.next().unwrap().to_owned();
            (route, cells.take(8).map(|cell| cell.parse().unwrap()).collect())
        });
        counts.collect::<Vec<(String, Vec<u32>)>>()
    });
    for (route, counts) in &tables[0] {
        let [sent, ok, late, failed, dropped, timed_out, other, injected] = counts[..] else {
            panic!("{route}: {counts:?}");
        };
        assert_eq!(sent, ok + late + failed + dropped + timed_out + other, "{route}");
        assert_eq!((injected, other), (sent - ok, 0), "{route}");
    }
    assert_eq!(tables[0].len(), 8, "seven routes and their total");
    assert_eq!(tables[0], tables[1]);
}

#[test]
fn completions_are_printed_for_each_program() {
    for program in
        [env!("CARGO_BIN_EXE_staging"), env!("CARGO_BIN_EXE_gateway"), env!("CARGO_BIN_EXE_route-check")]
    {
        let Output { status, stdout, .. } =
            Command::new(program).args(["--completions", "bash"]).output().unwrap();
        let script = String::from_utf8(stdout).unwrap();
        assert!(status.success() && script.contains("complete -F"), "{program}: {script}");
    }
}

/// A drill under a plan: one that lets the shop fail too often is stopped, and tells the figures.
#[test]
fn a_drill_under_a_plan_tells_whether_it_stopped() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/drill.toml");
    let drill = |file: &str| {
        let output =
            staging(&["--drill", "700", "--plan", file]).env("WAYLAY_ENVIRONMENT", "staging").output();
        let Output { status, stdout, .. } = output.unwrap();
        (status.code(), String::from_utf8(stdout).unwrap())
    };
    let (code, text) = drill(file);
    assert_eq!(code, Some(1), "{text}");
    let reason = text.lines().last().unwrap();
    let figures = reason.strip_prefix("the plan stopped itself: ").unwrap_or_else(|| panic!("{text}"));
    let mut words = figures.split(' ');
    let failed: u32 = words.next().unwrap().parse().unwrap();
    let all: u32 = words.nth(1).unwrap().parse().unwrap();
    assert!(figures.contains(" genuine server responses within 60s failed ("), "{figures}");
    assert!(figures.ends_with(" %), more than 5.000 %"), "{figures}");
    assert!(all >= 100 && f64::from(failed) > 0.05 * f64::from(all), "{figures}");
    let fault = text.lines().find(|line| line.starts_with("no-warehouse ")).unwrap();
    let counts: Vec<u32> = fault.split_whitespace().skip(1).map(|count| count.parse().unwrap()).collect();
    let [seen, injected, not_selected, no_match, stopped, other] = counts[..] else { panic!("{fault}") };
    assert_eq!(seen, injected + not_selected + no_match + stopped + other, "{fault}");
    assert!(injected >= failed && stopped > 0, "{fault}: a stop holds for the rest");

    // The same faults under a limit that they do not reach.
    let lenient = std::env::temp_dir().join(format!("waylay-drill-{}.toml", std::process::id()));
    std::fs::write(&lenient, std::fs::read_to_string(file).unwrap().replace("0.05", "0.9")).unwrap();
    let (code, text) = drill(lenient.to_str().unwrap());
    assert_eq!(
        (code, text.lines().last()),
        (Some(0), Some("the plan ran to the end of the drill")),
        "{text}"
    );

    std::fs::write(&lenient, "version = 1\n").unwrap();
    let output =
        staging(&["--drill", "7", "--plan", lenient.to_str().unwrap()]).stderr(Stdio::piped()).output();
    let Output { status, stderr, .. } = output.unwrap();
    let text = String::from_utf8(stderr).unwrap();
    assert!(status.code() == Some(1) && text.contains("a plan needs `environments`"), "{text}");
    let _ = std::fs::remove_file(lenient);
}
