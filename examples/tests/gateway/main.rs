//! The program `gateway`: a route file that changes under load, admin routes, upgrades.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of the wrong expectation")]

mod forwarding;
mod limits;
mod plan;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The program on free ports with its own route file; dropping it kills the process.
struct Gateway {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
    file: PathBuf,
    _stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

/// A temporary route file; the extension is the format.
fn route_file(name: &str, table: &str) -> PathBuf {
    let file = std::env::temp_dir().join(format!("waylay-gateway-{}-{name}", std::process::id()));
    std::fs::write(&file, table).unwrap();
    file
}

fn command(file: &PathBuf, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command
        .arg(file)
        .args(["127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args(args)
        .env_remove("RUST_LOG")
        .env("WAYLAY_ENVIRONMENT", "test")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Gateway {
    fn start(name: &str, table: &str) -> Self {
        Self::with(name, table, &[])
    }

    fn with(name: &str, table: &str, args: &[&str]) -> Self {
        let file = route_file(&format!("{name}.toml"), table);
        let mut child = command(&file, args).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut address = |lead: &str| loop {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "it exited");
            if let Some(address) = line.trim_end().strip_prefix(lead) {
                break address.parse().unwrap();
            }
        };
        let (admin, address) = (address("admin on http://"), address("listening on http://"));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, address, admin, file, _stdout: stdout, stderr }
    }

    fn get(&self, target: &str) -> String {
        get(self.address, target)
    }

    /// Replaces the file in one step.
    fn edit(&self, table: &str) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, table).unwrap();
        std::fs::rename(next, &self.file).unwrap();
    }

    /// Reads stderr up to a text.
    fn stderr_until(&mut self, text: &str) -> String {
        let mut message = String::new();
        while !message.contains(text) {
            assert!(self.stderr.read_line(&mut message).unwrap() > 0, "{message}");
        }
        message
    }

    fn signal(&self, signal: &str) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.file);
    }
}

/// Sends one request on a new connection and returns the whole response as text.
fn get(address: SocketAddr, target: &str) -> String {
    send(address, &format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"))
}

/// Sends bytes on a new connection and returns all that comes back, until the connection is closed.
fn send(address: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    rest(&mut stream)
}

/// Reads up to the end of the connection, which a reset is, too.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads the head of a message, up to its empty line.
fn head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Starts an upstream that runs `serve` for each connection.
fn upstream(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.unwrap(), serve.clone());
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Starts an upstream that returns its name and the request line.
fn named(name: &'static str) -> SocketAddr {
    upstream(move |mut stream| {
        let head = head(&mut stream);
        respond(&mut stream, &format!("{name}: {}", head.lines().next().unwrap()));
    })
}

/// Starts an upstream that switches to the protocol `protocol`, asked or not, and returns every byte.
fn switching(protocol: &'static str) -> SocketAddr {
    upstream(move |mut stream| {
        let _ = head(&mut stream);
        let switch =
            format!("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\r\n");
        stream.write_all(switch.as_bytes()).unwrap();
        let mut back = stream.try_clone().unwrap();
        let _ = std::io::copy(&mut stream, &mut back);
    })
}

/// Sends the only response of a connection.
fn respond(stream: &mut TcpStream, body: &str) {
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
}

fn route(path: &str, upstream: SocketAddr) -> String {
    format!(
        "[[routes]]\nname = '{path}'\nrule = 'PathPrefix(`/{path}`)'\nhandler = 'proxy'\nmetadata = {{ upstream = '{upstream}' }}\n"
    )
}

/// Edits of the file under load: no request fails, a new route appears, an invalid file changes nothing.
#[test]
fn changes_under_load() {
    let (one, two) = (named("one"), named("two"));
    let mut gateway = Gateway::start("load", &route("one", one));
    let stop = Arc::new(AtomicBool::new(false));
    let requests = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (stop, requests, address) = (Arc::clone(&stop), Arc::clone(&requests), gateway.address);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let response = get(address, "/one/x?q=1");
                    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
                    assert!(response.ends_with("one: GET /one/x?q=1 HTTP/1.1"), "{response}");
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let wait_until = |is_true: &dyn Fn() -> bool| while !is_true() {};
    for round in 1..=5 {
        let path = format!("two{round}");
        assert!(gateway.get(&format!("/{path}")).starts_with("HTTP/1.1 404 "));
        gateway.edit(&format!("{}{}", route("one", one), route(&path, two)));
        wait_until(&|| gateway.get(&format!("/{path}")).contains("\r\n\r\ntwo: GET "));
    }
    let broken = route("one", one).replace("PathPrefix(`/one`)", "PathPrefix(`/one`) && Hots(`a`)");
    gateway.edit(&format!("{broken}{}", route("two", two).replace("'proxy'", "'prxy'")));
    let message = gateway.stderr_until("^^^^");
    assert!(message.contains("unknown handler `prxy`"), "{message}");
    assert!(message.contains("the old one stays in use"), "{message}");
    assert!(message.contains("did you mean `Host`"), "{message}");
    let place = |line: u32| format!("({}:{line}): ", gateway.file.display());
    assert!(message.contains(&place(1)) && message.contains(&place(7)), "{message}");
    assert!(gateway.get("/two5").contains("\r\n\r\ntwo: GET "));
    let before = requests.load(Ordering::Relaxed);
    wait_until(&|| requests.load(Ordering::Relaxed) > before + 20);
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
}

#[test]
fn an_invalid_table_or_argument_ends_the_program() {
    let broken = "[[routes]]\nrule = 'Hots(`a`)'\nhandler = 'proxy'\n\n[[routes]]\nrule = 'Path(`/`)'\nhandler = 'x'\n";
    let file = route_file("broken.toml", broken);
    let output = command(&file, &[]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]), "{message}");
    assert_eq!(message.matches(&format!(" ({}:", file.display())).count(), 3, "{message}");
    assert!(message.contains("^^^^") && message.contains("`metadata.upstream` is missing"), "{message}");
    assert!(message.contains(":5): ") && message.contains("unknown handler `x`"), "{message}");
    std::fs::remove_file(&file).unwrap();

    let output = command(&file, &[]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with(&format!("gateway: {}: ", file.display())), "{message}");

    let table = route_file("arguments.toml", "");
    for (args, text) in [
        (&["--admin", "0.0.0.0:0"][..], "give a loopback address"),
        (&["--header-timeout", "10"], "not a time such as 250ms, 10s or 2m"),
        (&["--max-connections", "0"], "invalid value '0' for '--max-connections <N>'"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        let output = command.arg(&table).arg("127.0.0.1:0").args(args).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {message}");
        assert!(message.contains(text) && message.lines().count() == 1, "{args:?}: {message}");
    }
    std::fs::remove_file(&table).unwrap();
}

#[test]
fn a_table_may_be_json() {
    let table = format!(
        r#"{{"routes": [{{"rule": "Path(`/j`)", "handler": "proxy", "metadata": {{"upstream": "{}"}}}}]}}"#,
        named("one")
    );
    let file = route_file("table.json", &table);
    let mut child = command(&file, &[]).spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    while !line.starts_with("listening on http://") {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "it exited");
    }
    let address = line.trim_end().trim_start_matches("listening on http://").parse().unwrap();
    let response = get(address, "/j");
    let _ = child.kill();
    let _ = child.wait();
    std::fs::remove_file(file).unwrap();
    assert!(response.ends_with("one: GET /j HTTP/1.1"), "{response}");
}

/// The table is shown on the admin listener only, to hosts of this machine, without secrets.
#[test]
fn the_admin_listener_shows_the_table_and_explains_requests() {
    let one = named("one");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let secret =
        route("key", one).replace("PathPrefix(`/key`)", "PathPrefix(`/key`) && Header(`x-key`, `secret`)");
    let table = format!("{}{}{secret}", route("one", one), route("down", closed));
    let gateway = Gateway::start("admin", &table);

    let routes = get(gateway.admin, "/_routes");
    assert!(routes.contains("/one/…") && routes.contains("/down/…"), "{routes}");
    assert!(routes.contains("Header(`x-key`, …)") && !routes.contains("secret"), "{routes}");
    let explanation = get(gateway.admin, "/_explain?url=http://h/one/7&method=POST&header=x-a:1");
    assert!(explanation.contains("POST http://h/one/7\n  goes to route `one`\n"), "{explanation}");
    let explanation = get(gateway.admin, "/_explain?url=http://h/key/7&header=x-key:guess");
    assert!(explanation.contains("header x-key=…: got guess"), "{explanation}");
    assert!(get(gateway.admin, "/_explain?url=%00").starts_with("HTTP/1.1 400 "));

    for host in ["evil.example", "10.0.0.1", "localhost.evil.example"] {
        let request = format!("GET /_routes HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let response = send(gateway.admin, &request);
        assert!(response.starts_with("HTTP/1.1 404 "), "{host}: {response}");
    }
    for target in ["/_routes", "/_explain?url=/one"] {
        assert!(gateway.get(target).starts_with("HTTP/1.1 404 "), "{target}");
    }

    let down = gateway.get("/down");
    assert!(down.starts_with("HTTP/1.1 502 ") && down.contains("application/problem+json"), "{down}");
    assert!(down.contains("\"title\":\"Bad Gateway\"") && down.contains(&closed.to_string()), "{down}");
    assert!(gateway.get("/none").starts_with("HTTP/1.1 404 "));
}

/// The page of the table follows its changes.
#[test]
fn the_shown_table_is_the_current_one() {
    let one = named("one");
    let gateway = Gateway::start("shown", &route("one", one));
    assert!(!get(gateway.admin, "/_routes").contains("/two/…"));
    let all = "[[routes]]\nname = 'all'\nrule = 'PathPrefix(`/`)'\npriority = 1\nhandler = 'proxy'\nmetadata = { upstream = '127.0.0.1:1' }\n";
    let two = route("two", one).replace("PathPrefix(`/two`)", "Host(`h`) && PathPrefix(`/two`)");
    gateway.edit(&format!("{all}{two}"));
    while !get(gateway.admin, "/_routes").contains("/two/…") {}
    for _ in 0..2 {
        let routes = get(gateway.admin, "/_routes");
        let lint = format!("lint: route `two` ({}:7): is never reached", gateway.file.display());
        assert!(routes.contains(&lint), "{routes}");
    }
}

/// The program `staging` on a free port; dropping it kills the process.
struct Shop {
    child: Child,
    address: String,
    _stdout: BufReader<ChildStdout>,
}

impl Shop {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_staging"))
            .args(["--addr", "127.0.0.1:0", "--control-addr", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        Self { child, address, _stdout: stdout }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The route file of the repository, with the shop as upstream.
#[test]
fn the_example_file_serves_the_shop() {
    let shop = Shop::start();
    let table = include_str!("../../gateway.toml").replace("127.0.0.1:3000", &shop.address);
    let gateway = Gateway::start("shop", &table);
    for (target, expected) in [
        ("/", "A shop that is broken on purpose."),
        ("/api/v1/products/1", r#"{"sku":1,"name":"teapot","cents":1850}"#),
        ("/api/v1/products?q=tea", "tea towel"),
        ("/api/v1/orders/1", r#"{"id":1,"#),
    ] {
        let response = gateway.get(target);
        assert!(response.starts_with("HTTP/1.1 200 ") && response.contains(expected), "{target}: {response}");
    }
    assert!(gateway.get("/api/v1/carts").starts_with("HTTP/1.1 404 "));
    let explained = get(gateway.admin, "/_explain?url=http://h/api/v1/products/1&method=PUT");
    assert!(explained.contains("products"), "{explained}");
}
