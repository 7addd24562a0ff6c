//! Load: a server in a child process, and connections that send one request after the other.

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http::{HeaderName, Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::command::SERVER;

/// What a client receives: status, headers without the date, and body.
type Answer = (u16, Vec<(HeaderName, String)>, Bytes);

/// A server and its connections.
pub struct Client {
    server: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    senders: Vec<SendRequest<Empty<Bytes>>>,
    targets: Vec<String>,
}

impl Client {
    /// Starts a server and connects to it.
    pub fn new(runtime: &Runtime, name: &str, targets: &[String], connections: usize) -> Self {
        let program = std::env::current_exe().expect("the program has a file");
        let mut server = Command::new(program)
            .args([SERVER, name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts again");
        let input = server.stdin.take().expect("the input is piped");
        let mut output = BufReader::new(server.stdout.take().expect("the output is piped"));
        let port = u16::try_from(number(&mut output)).expect("the server prints its port");
        let connect = async || {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("the server listens");
            stream.set_nodelay(true).expect("the connection is open");
            let (sender, connection) =
                http1::handshake(TokioIo::new(stream)).await.expect("a new connection");
            tokio::spawn(connection);
            sender
        };
        let senders = (0..connections).map(|_| runtime.block_on(connect())).collect();
        Self { server, input, output, senders, targets: targets.to_vec() }
    }

    /// Returns what is answered to one request for each target.
    pub fn answers(&mut self, runtime: &Runtime) -> Vec<Answer> {
        let sender = &mut self.senders[0];
        let targets = &self.targets;
        runtime.block_on(async {
            let mut answers = Vec::new();
            for target in targets {
                answers.push(send(sender, target).await);
            }
            answers
        })
    }

    /// Sends requests for some time.
    pub fn turn(&mut self, runtime: &Runtime, duration: Duration) -> Turn {
        let before = self.cpu_nanos();
        let start = Instant::now();
        let (senders, targets) = (&mut self.senders, &self.targets);
        let mut latencies = Vec::new();
        runtime.block_on(async {
            let loops = senders.iter_mut().enumerate().map(|(number, sender)| async move {
                let mut latencies = Vec::new();
                for target in targets.iter().cycle().skip(number * 7 % targets.len()) {
                    let sent = Instant::now();
                    if sent - start >= duration {
                        break;
                    }
                    let (status, ..) = send(sender, target).await;
                    assert_eq!(status, 200, "{target}");
                    latencies.push(sent.elapsed());
                }
                latencies
            });
            latencies = futures_util::future::join_all(loops).await.concat();
        });
        let elapsed = start.elapsed();
        Turn { cpu: self.cpu_nanos() - before, elapsed, latencies }
    }

    /// Returns the CPU time that the server has spent.
    fn cpu_nanos(&mut self) -> u64 {
        self.input.write_all(b"\n").expect("the server reads");
        number(&mut self.output)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn number(output: &mut impl BufRead) -> u64 {
    let mut line = String::new();
    output.read_line(&mut line).expect("the server writes");
    line.trim().parse().expect("the server writes numbers")
}

async fn send(sender: &mut SendRequest<Empty<Bytes>>, target: &str) -> Answer {
    let request = Request::get(target)
        .header(header::HOST, "127.0.0.1")
        .header(header::USER_AGENT, "ratios/1")
        .header(header::ACCEPT, "*/*")
        .body(Empty::new())
        .expect("the targets are valid");
    sender.ready().await.expect("the connection stays open");
    let response = sender.send_request(request).await.expect("the server answers");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the body is whole").to_bytes();
    let headers = parts.headers.iter().filter(|(name, _)| **name != header::DATE);
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let mut headers: Vec<_> = headers.map(|(name, value)| (name.clone(), text(value))).collect();
    headers.sort_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
    (parts.status.as_u16(), headers, body)
}

/// What was measured in one turn.
pub struct Turn {
    cpu: u64,
    elapsed: Duration,
    latencies: Vec<Duration>,
}

impl Turn {
    /// Returns the CPU time of the server for each request.
    pub fn cpu_nanos(&self) -> f64 {
        self.cpu as f64 / self.latencies.len() as f64
    }

    /// Returns the number of requests per second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns the 99th percentile of the latencies.
    pub fn p99_micros(&self) -> f64 {
        let mut latencies = self.latencies.clone();
        latencies.sort();
        let place = latencies.len() * 99 / 100;
        latencies.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
    }
}
