//! curl: its exit codes for every fault.

use std::net::SocketAddr;

use tokio::process::Command;
use waylay_fault::{
    ChunkError, Corruption, Delay, Fault, FaultBuilder, Injector, Reject, ResetCode, Toxic, TruncateAt,
    TruncateEnd, chain, corrupt, error, reject, slow, truncate,
};

use crate::goaway;
use crate::handle::{self, Server};
use crate::support::{self, NEVER, PLACES};

fn always(injector: impl Into<Injector>) -> FaultBuilder {
    Fault::new("dead", injector).enabled(true).participation(1.0)
}

/// The exit code, the status (`000` for none) and the number of body bytes.
async fn curl(server: SocketAddr, more: &[&str]) -> (i32, String, usize) {
    curl_at(server, "/", more).await
}

async fn curl_at(server: SocketAddr, path: &str, more: &[&str]) -> (i32, String, usize) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code} %{size_download}"]);
    command.args(["--max-time", "60"]).args(more).arg(format!("http://{server}{path}"));
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (status, bytes) = text.split_once(' ').unwrap();
    let code = match output.status.code().unwrap() {
        // Whether curl sees a reset while it sends or while it receives is a race.
        55 => 56,
        code => code,
    };
    // So is how much of a failed body it counts, by what arrived together with the reset.
    let bytes = if code == 56 { NOTHING } else { bytes.parse().unwrap() };
    (code, status.to_owned(), bytes)
}

const H1: &[&str] = &["--http1.1"];
const H2: &[&str] = &["--http2-prior-knowledge"];
const NOTHING: usize = 0;

type Row = (fn() -> Injector, &'static [&'static str], i32, &'static str, usize);

#[tokio::test]
#[ignore = "needs curl"]
async fn a_layer_alone() {
    let rows: [Row; 12] = [
        (|| reject(Reject::EmptyReply), H1, 52, "000", NOTHING),
        (|| reject(Reject::EmptyReply), H2, 92, "000", NOTHING),
        (|| reject(Reject::EmptyReply), &["--http1.1", "--data", "x=1"], 52, "000", NOTHING),
        (|| reject(Reject::EmptyReply), &["--http1.1", "--head"], 0, "200", NOTHING),
        (|| chain([slow(Delay::fixed("1ms")), reject(Reject::EmptyReply)]), H1, 52, "000", NOTHING),
        (|| reject(Reject::StreamReset(ResetCode::CANCEL)), H2, 92, "000", NOTHING),
        (|| reject(Reject::StreamReset(ResetCode::NO_ERROR)), H2, 92, "000", NOTHING),
        // It is safe to send again, and curl does, five times.
        (|| reject(Reject::StreamReset(ResetCode::REFUSED_STREAM)), H2, 56, "000", NOTHING),
        (|| reject(Reject::hang("1h")), &["--http1.1", "--max-time", "0.2"], 28, "000", NOTHING),
        (
            || reject(Reject::hang("1h")),
            &["--http2-prior-knowledge", "--max-time", "0.2"],
            28,
            "000",
            NOTHING,
        ),
        (|| truncate(TruncateAt::Bytes(2)).then(TruncateEnd::Close).into(), H1, 18, "200", 2),
        (|| error(204).into(), H1, 0, "204", NOTHING),
    ];
    for place in PLACES {
        for (injector, how, code, status, bytes) in rows {
            let fault = always(injector()).build().unwrap();
            let server = support::serve(place, &fault, NEVER).await;
            let seen = curl(server, how).await;
            assert_eq!(seen, (code, status.to_owned(), bytes), "{place:?} {fault:?} {how:?}");
        }
    }
}

/// For every method and protocol, and with a TCP reset.
#[tokio::test]
#[ignore = "needs curl"]
async fn with_a_handle() {
    let rows: [Row; 14] = [
        (|| reject(Reject::EmptyReply), &["--http1.1", "--head"], 52, "000", NOTHING),
        (|| reject(Reject::ConnectionReset), H1, 56, "000", NOTHING),
        (|| reject(Reject::ConnectionReset), H2, 56, "000", NOTHING),
        (|| reject(Reject::ConnectionReset), &["--http1.1", "--head"], 56, "000", NOTHING),
        (|| reject(Reject::ConnectionReset), &["--http2-prior-knowledge", "--head"], 56, "000", NOTHING),
        (|| reject(Reject::ConnectionClose), H1, 52, "000", NOTHING),
        (|| reject(Reject::ConnectionClose), &["--http1.1", "--head"], 52, "000", NOTHING),
        (|| Toxic::limit_data(0).into(), H1, 52, "000", NOTHING),
        (|| Toxic::reset_after(0).into(), H1, 56, "000", NOTHING),
        // An invalid chunk is a failure to receive; a missing end is a partial file.
        (|| corrupt(Corruption::ChunkFraming(ChunkError::BadSize)).into(), H1, 56, "200", NOTHING),
        (|| corrupt(Corruption::ChunkFraming(ChunkError::Longer)).into(), H1, 56, "200", NOTHING),
        // curl accepts a bare line feed as the end of a chunk, and takes the carriage return for
        // data.
        (|| corrupt(Corruption::ChunkFraming(ChunkError::Shorter)).into(), H1, 0, "200", 4),
        (|| corrupt(Corruption::ChunkFraming(ChunkError::BadLast)).into(), H1, 56, "200", NOTHING),
        (|| corrupt(Corruption::ChunkFraming(ChunkError::MissingLast)).into(), H1, 18, "200", 4),
    ];
    for server in [Server::Hyper, Server::AxumRoute, Server::AxumAround] {
        for (injector, how, code, status, bytes) in rows {
            let fault = always(injector()).build().unwrap();
            let address = handle::serve(server, &fault, &handle::idle()).await;
            let seen = curl(address, how).await;
            assert_eq!(seen, (code, status.to_owned(), bytes), "{server:?} {fault:?} {how:?}");
        }
    }
}

/// On a pooled connection curl retries by itself: a rejection at a rate of p appears as p squared.
#[tokio::test]
#[ignore = "needs curl"]
pub(crate) async fn curl_retries_on_a_reused_connection() {
    let fault = always(reject(Reject::EmptyReply)).block_headers([("x-first", "1")]).build().unwrap();
    let server = support::serve(PLACES[0], &fault, NEVER).await;
    let url = format!("http://{server}/");
    let output = Command::new("curl")
        .args(["--silent", "--http1.1", "--header", "x-first: 1", &url, "--next", "--silent", &url])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(52));
    assert_eq!(fault.control().counts().injected, 2);
}

/// After GOAWAY curl takes the response and continues over another connection. Over TLS, outside of
/// which the stream is: with unencrypted HTTP/2, curl 7.88 fails on any connection that it reuses.
#[tokio::test]
#[ignore = "needs curl"]
async fn curl_reconnects_after_goaway() {
    for how in [Reject::GoAway, Reject::GoAwayWith(ResetCode::ENHANCE_YOUR_CALM)] {
        let (server, fault, _) = goaway::serve_tls(reject(how.clone())).await;
        let url = |path| format!("https://localhost:{}{path}", server.port());
        let output = Command::new("curl")
            .args(["--silent", "--insecure", "--write-out", " %{num_connects} "])
            .args([url("/"), url("/go"), url("/"), url("/")])
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{fault:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let seen: Vec<&str> = text.split_whitespace().collect();
        let [first, "1", injected, "0", next, "1", last, "0"] = seen[..] else { panic!("{seen:?}") };
        assert!(first == injected && injected != next && next == last, "{seen:?}");
        assert_eq!(fault.control().counts().injected, 1);
        let (server, fault, _) = goaway::serve(reject(how)).await;
        let (code, status, bytes) = curl_at(server, "/go", H2).await;
        assert_eq!((code, &status[..], bytes > 0), (0, "200", true));
        assert_eq!(fault.control().counts().injected, 1);
    }
}
