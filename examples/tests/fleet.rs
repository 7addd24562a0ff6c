//! Three processes of `staging` in one fleet, on a real `nats-server`.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of the wrong expectation")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use waylay_fault_nats::{NatsFleet, PutError, async_nats};

#[path = "../../fault/nats/tests/support/mod.rs"]
mod support;

use support::NatsServer;

/// The program as a replica; dropping it kills the process.
struct Shop {
    child: Child,
    /// Open until the end, so that the program never writes into a closed pipe.
    _stdout: BufReader<ChildStdout>,
    shop: SocketAddr,
    control: SocketAddr,
    token: String,
}

impl Shop {
    fn start(server: &NatsServer, name: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_staging"));
        command.args(["--addr", "127.0.0.1:0", "--control-addr", "127.0.0.1:0"]);
        command.args(["--nats", &server.url(), "--instance", name]);
        for variable in ["RUST_LOG", "WAYLAY_HALT", "WAYLAY_ENVIRONMENT", "WAYLAY_ADMIN_TOKEN"] {
            command.env_remove(variable);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut guide = String::new();
        while !guide.ends_with("Press Ctrl-C to stop.\n") {
            assert!(stdout.read_line(&mut guide).unwrap() > 0, "it exited: {guide}");
        }
        let url = |name: &str| {
            let line = guide.lines().find(|line| line.starts_with(name)).unwrap();
            line.split("http://").nth(1).unwrap().split([' ', '/']).next().unwrap().parse().unwrap()
        };
        let token = guide.split_once("#token=").unwrap().1.lines().next().unwrap().to_owned();
        Self { shop: url("shop "), control: url("console "), child, _stdout: stdout, token }
    }

    /// Sends a request to the admin API.
    async fn control(&self, method: &str, target: &str) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(target).header("host", self.control.to_string());
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let request = request.header("content-type", "application/json");
        let body = if method == "POST" { "{}" } else { "" };
        let (status, _, body) = send(self.control, request.body(body.into()).unwrap()).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn is_halted(&self) -> bool {
        self.control("GET", "/health").await.1["is_halted"] == true
    }

    /// Returns the id of the running plan.
    async fn plan(&self) -> Value {
        self.control("GET", "/plan?format=json").await.1["id"].clone()
    }

    /// Tests whether a request to the shop gets the fault of the plan.
    async fn is_injected(&self) -> bool {
        let request = Request::get("/").header("host", self.shop.to_string());
        let (status, is_marked, _) = send(self.shop, request.body("".into()).unwrap()).await;
        assert_eq!(is_marked, status == StatusCode::SERVICE_UNAVAILABLE, "{status}");
        is_marked
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request on a new connection; returns the status, whether the response is marked as injected, and the body.
async fn send(to: SocketAddr, request: Request<Full<bytes::Bytes>>) -> (StatusCode, bool, bytes::Bytes) {
    let stream = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let is_marked = head.headers.contains_key("x-fault-injected");
    (head.status, is_marked, body.collect().await.unwrap().to_bytes())
}

/// Asks each replica until this holds of it; prints the time until it holds of all. A limit of a minute, so that a loaded
/// machine passes.
async fn until(shops: &[Shop], what: &str, holds: impl AsyncFn(&Shop) -> bool) {
    let begin = Instant::now();
    for shop in shops {
        while !holds(shop).await {
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "{what}: {:#?}",
                shop.control("GET", "/fleet").await
            );
        }
    }
    println!("{what}: {} ms", begin.elapsed().as_millis());
}

/// Waits for this table of replicas, as each of the consoles shows it.
async fn until_rows(shops: &[Shop], what: &str, holds: impl Fn(&Value) -> bool) {
    until(shops, what, async |shop| {
        let (status, fleet) = shop.control("GET", "/fleet").await;
        let rows = fleet["replicas"].as_array().map_or(&[][..], Vec::as_slice);
        status == StatusCode::OK && rows.len() == shops.len() && rows.iter().all(&holds)
    })
    .await;
}

fn plan(id: &str) -> String {
    format!(
        "version = 1\nid = '{id}'\nenvironments = ['staging']\nttl = '15m'\n\n\
         [[fault]]\nname = 'closed'\nparticipation = 1\nallow_paths = ['/']\nerror = 503\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nats-server"]
async fn three_processes_follow_one_plan_and_one_halt() {
    let mut server = NatsServer::start();
    let operator = NatsFleet::builder(server.url()).connect().await.unwrap();
    // Halted before there is a replica or a plan.
    operator.halt("before the start").await.unwrap();
    let mut shops: Vec<_> = ["shop-1", "shop-2", "shop-3"].map(|name| Shop::start(&server, name)).into();
    until(&shops, "halted at the start", async |shop| shop.is_halted().await).await;
    let first = operator.put_plan(&plan("first"), None).await.unwrap();
    until(&shops, "a plan while halted", async |shop| shop.plan().await == "first").await;
    until(&shops, "nothing is injected", async |shop| !shop.is_injected().await && shop.is_halted().await)
        .await;
    operator.resume().await.unwrap();
    until(&shops, "resumed", async |shop| shop.is_injected().await).await;

    let second = operator.put_plan(&plan("second"), Some(first)).await.unwrap();
    until(&shops, "one PUT, all three", async |shop| shop.plan().await == "second").await;
    until_rows(&shops, "in the table of each console", |row| {
        row["revision"] == second && row["state"] == "running"
    })
    .await;

    // Written past the check of `put_plan`: each replica rejects it, and the running one stays.
    let client = async_nats::connect(server.url()).await.unwrap();
    let bucket = async_nats::jetstream::new(client).get_key_value("waylay").await.unwrap();
    let broken = [
        (plan("broken").replace("participation = 1", "participaton = 1"), "did you mean `participation`"),
        (plan("endless").replace("ttl = '15m'", ""), "needs an end"),
        (plan("foreign").replace("'staging'", "'production'"), "production"),
    ];
    let mut last = second;
    for (text, message) in broken {
        last = bucket.put("plan.toml", text.into()).await.unwrap();
        let begin = format!("revision {last}: ");
        until_rows(&shops, message, |row| {
            let rejected = row["rejected"].as_str().unwrap_or_default();
            assert!(!rejected.starts_with(&begin) || rejected.contains(message), "{rejected}");
            rejected.starts_with(&begin) && row["revision"] == second && row["state"] == "running"
        })
        .await;
    }
    for shop in &shops {
        assert_eq!((shop.plan().await, shop.is_injected().await), (json!("second"), true));
    }
    let stale = operator.put_plan(&plan("third"), Some(second)).await.unwrap_err();
    assert!(matches!(stale, PutError::Stale { found: Some(found), .. } if found == last), "{stale}");
    let third = operator.put_plan(&plan("third"), Some(last)).await.unwrap();
    until(&shops, "a good plan after broken ones", async |shop| shop.plan().await == "third").await;

    // Without the server the plan stays; after its restart the next one comes through.
    server.kill();
    until(&shops, "loss of the server", async |shop| shop.control("GET", "/fleet").await.0 == 503).await;
    for shop in &shops {
        assert_eq!((shop.plan().await, shop.is_injected().await), (json!("third"), true));
    }
    server.restart();
    let fourth = loop {
        // The first attempts may come before the connection.
        match operator.put_plan(&plan("fourth"), Some(third)).await {
            Ok(revision) => break revision,
            Err(PutError::Fleet(_)) => {}
            Err(error) => panic!("{error}"),
        }
    };
    until(&shops, "a plan after the restart of the server", async |shop| shop.plan().await == "fourth").await;
    let fifth = operator.put_plan(&plan("fifth"), Some(fourth)).await.unwrap();
    until(&shops, "one more PUT, all three", async |shop| shop.plan().await == "fifth").await;

    operator.halt("incident 7").await.unwrap();
    until(&shops, "halted", async |shop| shop.is_halted().await).await;
    for shop in &shops {
        assert!(!shop.is_injected().await);
    }
    until_rows(&shops, "halted, in the table of each console", |row| {
        (&row["state"], &row["reason"], &row["revision"])
            == (&json!("halted"), &json!("incident 7"), &json!(fifth))
    })
    .await;
    assert_eq!(shops[0].control("GET", "/fleet").await.1["halt"], "incident 7");
    // One replica cannot resume against the fleet.
    assert_eq!(shops[0].control("POST", "/resume").await.1["is_halted"], false);
    until(&shops[..1], "halted again", async |shop| shop.is_halted().await).await;
    operator.resume().await.unwrap();
    until(&shops, "resumed", async |shop| shop.is_injected().await).await;
    until_rows(&shops, "running again", |row| row["revision"] == fifth && row["state"] == "running").await;

    // One that ends takes its row with it.
    let mut gone = shops.pop().unwrap();
    let process = gone.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    assert!(gone.child.wait().unwrap().success());
    until_rows(&shops, "two are left", |row| row["instance"] != "shop-3").await;

    operator.delete_plan(fifth).await.unwrap();
    until(&shops, "no plan, no faults", async |shop| !shop.is_injected().await).await;
    for shop in &shops {
        assert_eq!(shop.control("GET", "/faults").await.1, json!([]));
    }
}
