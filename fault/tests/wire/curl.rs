//! What curl makes of it: its exit codes are the common tongue of such tables.

use std::net::SocketAddr;

use tokio::process::Command;
use waylay_fault::{
    Cut, Delay, Ending, Fault, FaultBuilder, Injector, Reject, ResetCode, Toxic, chain, error, reject, slow,
    truncate,
};

use crate::lent::{self, Server};
use crate::rig::{self, NEVER, PLACES};

fn striking(injector: impl Into<Injector>) -> FaultBuilder {
    Fault::new("dead", injector).enabled(true).participation(1.0)
}

/// The exit code, the status (`000` for none) and the number of body bytes.
async fn curl(server: SocketAddr, more: &[&str]) -> (i32, String, usize) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code} %{size_download}"]);
    command.args(["--max-time", "60"]).args(more).arg(format!("http://{server}/"));
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (status, bytes) = text.split_once(' ').unwrap();
    let code = match output.status.code().unwrap() {
        // Whether a reset meets curl as it sends or as it receives is a race.
        55 => 56,
        code => code,
    };
    (code, status.to_owned(), bytes.parse().unwrap())
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
        (|| truncate(Cut::Bytes(2)).then(Ending::Close).into(), H1, 18, "200", 2),
        (|| error(204).into(), H1, 0, "204", NOTHING),
    ];
    for place in PLACES {
        for (injector, how, code, status, bytes) in rows {
            let fault = striking(injector()).build().unwrap();
            let server = rig::serve(place, &fault, NEVER).await;
            let seen = curl(server, how).await;
            assert_eq!(seen, (code, status.to_owned(), bytes), "{place:?} {fault:?} {how:?}");
        }
    }
}

/// Whatever the method, whatever the protocol, and with a true reset.
#[tokio::test]
#[ignore = "needs curl"]
async fn with_the_connection_lent() {
    let rows: [Row; 9] = [
        (|| reject(Reject::EmptyReply), &["--http1.1", "--head"], 52, "000", NOTHING),
        (|| reject(Reject::ConnectionReset), H1, 56, "000", NOTHING),
        (|| reject(Reject::ConnectionReset), H2, 56, "000", NOTHING),
        (|| reject(Reject::ConnectionReset), &["--http1.1", "--head"], 56, "000", NOTHING),
        (|| reject(Reject::ConnectionReset), &["--http2-prior-knowledge", "--head"], 56, "000", NOTHING),
        (|| reject(Reject::ConnectionClose), H1, 52, "000", NOTHING),
        (|| reject(Reject::ConnectionClose), &["--http1.1", "--head"], 52, "000", NOTHING),
        (|| Toxic::limit_data(0).into(), H1, 52, "000", NOTHING),
        (|| Toxic::reset_after(0).into(), H1, 56, "000", NOTHING),
    ];
    for server in [Server::Hyper, Server::AxumRoute, Server::AxumAround] {
        for (injector, how, code, status, bytes) in rows {
            let fault = striking(injector()).build().unwrap();
            let address = lent::serve(server, &fault, &lent::idle()).await;
            let seen = curl(address, how).await;
            assert_eq!(seen, (code, status.to_owned(), bytes), "{server:?} {fault:?} {how:?}");
        }
    }
}

/// On a pooled connection curl asks again by itself: a reject at a rate of p shows as p squared.
#[tokio::test]
#[ignore = "needs curl"]
pub(crate) async fn on_a_connection_that_was_used_it_asks_again() {
    let fault = striking(reject(Reject::EmptyReply)).block_headers([("x-first", "1")]).build().unwrap();
    let server = rig::serve(PLACES[0], &fault, NEVER).await;
    let url = format!("http://{server}/");
    let output = Command::new("curl")
        .args(["--silent", "--http1.1", "--header", "x-first: 1", &url, "--next", "--silent", &url])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(52));
    assert_eq!(fault.control().counts().injected, 2);
}
