//! Group `proxy`: throughput of an idle TCP proxy beside a plain copy in both directions.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use waylay_fault_admin::{ProxyConfig, ProxySet, ToxicConfig, ToxicKind};

use crate::measure::{Contender, Pace, Sample, race};
use crate::report::{Goal, Group, Report, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "proxy", is_quick: true, measure, report };

/// Bytes that a client sends before it waits for one byte in return.
const BURST: usize = 256 * 1024;

/// Starts a server that answers each burst with one byte.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("a bound listener has an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; BURST];
                while stream.read_exact(&mut buffer).await.is_ok() && stream.write_all(b"!").await.is_ok() {}
            });
        }
    });
    address
}

/// Starts a proxy that only copies.
async fn plain(upstream: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("a bound listener has an address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut server = TcpStream::connect(upstream).await.expect("the server listens");
                for stream in [&client, &server] {
                    stream.set_nodelay(true).expect("the connection is open");
                }
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address
}

fn contender<'a>(name: &str, runtime: &'a Runtime, address: SocketAddr) -> Contender<'a> {
    let mut client = runtime.block_on(TcpStream::connect(address)).expect("the proxy listens");
    let burst = vec![7; BURST];
    Contender::timed(name, 1, move |passes| {
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..passes {
                client.write_all(&burst).await.expect("the connection is open");
                client.read_u8().await.expect("the server answers");
            }
        });
        start.elapsed()
    })
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let proxies = ProxySet::new();
    let (copy, idle, late) = runtime.block_on(async {
        let upstream = server().await;
        let mut listen = Vec::new();
        for name in ["idle", "late"] {
            let config = ProxyConfig::new(name, "", upstream.to_string());
            let proxy = proxies.create(config).await.expect("a port is free");
            listen.push(proxy.config.listen.parse().expect("a proxy has an address"));
        }
        let toxic = ToxicConfig::downstream(ToxicKind::Latency { latency: 0, jitter: 0 });
        proxies.add_toxic("late", toxic).await.expect("the toxic is valid");
        (plain(upstream).await, listen[0], listen[1])
    });
    race(
        pace,
        vec![
            contender("plain copy", &runtime, copy),
            contender("idle proxy", &runtime, idle),
            contender("proxy with a toxic", &runtime, late),
        ],
    )
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "proxy: bytes through a proxy without toxics",
        "Bursts of 256 KiB over loopback TCP, client, proxy and server on one thread; the plain proxy is tokio's\n\
         `copy_bidirectional`.",
    );
    let throughput = |name: &'static str| runs.figure(move |run| run.value("plain copy") / run.value(name));
    report.line(
        "throughput of an idle proxy / of a plain copy",
        throughput("idle proxy"),
        Goal::AtLeast(0.9),
        "",
    );
    report.line(
        "with a toxic on the way back / plain copy",
        throughput("proxy with a toxic"),
        Goal::None,
        "",
    );
}
