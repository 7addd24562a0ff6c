//! The program `gateway`: a route file that changes under load, explanations, upgrades.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of the wrong expectation")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The program on a free port with its own route file; dropping it kills the process.
struct Gateway {
    child: Child,
    address: SocketAddr,
    file: PathBuf,
    _stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Gateway {
    fn start(name: &str, table: &str) -> Self {
        let file = std::env::temp_dir().join(format!("waylay-gateway-{name}-{}.toml", std::process::id()));
        std::fs::write(&file, table).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args([file.as_os_str(), "127.0.0.1:0".as_ref()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "it exited");
            if let Some(address) = line.trim_end().strip_prefix("listening on http://") {
                break address.parse().unwrap();
            }
        };
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, address, file, _stdout: stdout, stderr }
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
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
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

/// Starts an upstream that returns its name and the request line; after an upgrade to the protocol
/// `echo` it returns every byte.
fn upstream(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                loop {
                    let mut first = [0];
                    if stream.peek(&mut first).unwrap_or(0) == 0 {
                        return;
                    }
                    let head = head(&mut stream);
                    if head.contains("upgrade: echo") {
                        let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
                        stream.write_all(switch.as_bytes()).unwrap();
                        let mut back = stream.try_clone().unwrap();
                        let _ = std::io::copy(&mut stream, &mut back);
                        return;
                    }
                    let line = head.lines().next().unwrap();
                    let forwarded =
                        |name: &str| head.lines().find(|line| line.starts_with(name)).unwrap_or("");
                    let body = format!(
                        "{name}: {line}; {}; {}",
                        forwarded("x-forwarded-for"),
                        forwarded("x-forwarded-host")
                    );
                    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                        .unwrap();
                }
            });
        }
    });
    address
}

fn route(path: &str, upstream: SocketAddr) -> String {
    format!(
        "[[routes]]\nname = '{path}'\nrule = 'PathPrefix(`/{path}`)'\nhandler = 'proxy'\nmetadata = {{ upstream = '{upstream}' }}\n"
    )
}

/// Edits of the file under load: no request fails, a new route appears, an invalid file changes nothing.
#[test]
fn changes_under_load() {
    let (one, two) = (upstream("one"), upstream("two"));
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
                    assert!(response.ends_with(
                        "one: GET /one/x?q=1 HTTP/1.1; x-forwarded-for: 127.0.0.1; x-forwarded-host: h"
                    ));
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
    gateway.edit(&route("one", one).replace("PathPrefix(`/one`)", "PathPrefix(`/one`) && Hots(`a`)"));
    let mut message = String::new();
    while !message.contains("^^^^") {
        assert!(gateway.stderr.read_line(&mut message).unwrap() > 0, "{message}");
    }
    assert!(
        message.contains("the old one stays in use")
            && message.contains("line 1")
            && message.contains("`Host`"),
        "{message}"
    );
    assert!(gateway.get("/two5").contains("\r\n\r\ntwo: GET "));
    let before = requests.load(Ordering::Relaxed);
    wait_until(&|| requests.load(Ordering::Relaxed) > before + 20);
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
}

#[test]
fn shows_its_table_and_explains_requests() {
    let one = upstream("one");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::start("explain", &format!("{}{}", route("one", one), route("down", closed)));
    let routes = gateway.get("/_routes");
    assert!(routes.contains("/one/…") && routes.contains("/down/…"), "{routes}");
    let explanation = gateway.get("/_explain?url=http://h/one/7&method=POST&header=x-a:1");
    assert!(explanation.contains("POST http://h/one/7\n  goes to route `one`\n"), "{explanation}");
    assert!(gateway.get("/_explain?url=%00").starts_with("HTTP/1.1 400 "));
    let down = gateway.get("/down");
    assert!(down.starts_with("HTTP/1.1 502 ") && down.contains("application/problem+json"), "{down}");
    assert!(down.contains("\"title\":\"Bad Gateway\"") && down.contains(&closed.to_string()), "{down}");
    assert!(gateway.get("/none").starts_with("HTTP/1.1 404 "));
}

/// After an upgrade bytes pass through in both directions.
#[test]
fn upgrades_pass_through() {
    let gateway = Gateway::start("upgrade", &route("ws", upstream("one")));
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.write_all(b"GET /ws HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").unwrap();
    let response = head(&mut stream);
    assert!(response.starts_with("HTTP/1.1 101 ") && response.contains("upgrade: echo"), "{response}");
    for message in ["one", "and another"] {
        stream.write_all(message.as_bytes()).unwrap();
        let mut back = vec![0; message.len()];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, message.as_bytes());
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

/// The route file of the repository, in front of the shop.
#[test]
fn the_example_file_serves_the_shop() {
    let shop = Shop::start();
    let table = include_str!("../gateway.toml").replace("127.0.0.1:3000", &shop.address);
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
    let explained = gateway.get("/_explain?url=http://h/api/v1/products/1&method=PUT");
    assert!(explained.contains("products"), "{explained}");
}
