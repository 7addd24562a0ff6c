//! Peak memory of expensive requests.
//!
//! A separate program with one test: allocations of other tests would be counted as well.

#![cfg(all(feature = "multipart", feature = "router"))]
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test fails at the line of its expectation; fields are only filled"
)]

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum_core::{body::Body, extract::FromRequest};
use bytes::Bytes;
use http::{Request, request::Parts};
use http_body::{Frame, SizeHint};
use peak_alloc::PeakAlloc;
use waylay_extract::{Extract, Multipart, Rejection, Upload};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// `count` chunks of the same bytes, then `end`; `announced`: the length that it announces.
struct Chunks {
    chunk: Bytes,
    left: usize,
    end: Option<Bytes>,
    announced: Option<u64>,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(self.end.take().map(|end| Ok(Frame::data(end))));
        }
        self.left -= 1;
        // A new chunk each time, as from the network.
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&self.chunk)))))
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn chunks(chunk: &str, count: usize, end: &str) -> Chunks {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Chunks { chunk: bytes(chunk), left: count, end: Some(bytes(end)), announced: None }
}

#[derive(Debug, Extract)]
struct Members {
    #[json]
    title: Option<String>,
    #[json]
    tree: Option<serde_json::Value>,
}

#[derive(Debug, Extract)]
struct Query {
    #[query]
    id: Vec<u8>,
    #[query(nested)]
    tree: Option<Tree>,
}

#[derive(Debug, serde::Deserialize)]
struct Tree {
    #[serde(default)]
    below: Vec<Tree>,
}

#[derive(Debug, Extract)]
struct Form {
    #[form]
    id: Vec<u8>,
    #[form(nested)]
    tree: Option<serde_json::Value>,
}

#[derive(Debug, Extract)]
#[extract(limit = "1GiB")]
struct Files {
    #[part]
    text: Vec<String>,
    #[part]
    file: Option<Upload>,
    #[part(limit = "1KiB")]
    small: Option<Upload>,
}

#[derive(Debug, Extract)]
#[extract(limit = "1GiB")]
struct ByHand {
    #[body(multipart)]
    parts: Multipart,
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=b";

/// Returns the status of a request, and the peak of additional memory.
fn peak<T>(read: impl FnOnce() -> Result<T, Rejection>) -> (Option<u16>, usize) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let actual = read().err().map(|rejection| rejection.status().as_u16());
    (actual, MEMORY.peak_usage().saturating_sub(before))
}

fn parts(uri: &str, kind: &str) -> Parts {
    Request::post(uri).header("content-type", kind).body(()).unwrap().into_parts().0
}

/// A request with a body in memory, which is not counted.
fn lying<T: Extract>(uri: &str, kind: &str, body: &str) -> (Option<u16>, usize) {
    let (parts, body) = (parts(uri, kind), Bytes::copy_from_slice(body.as_bytes()));
    peak(|| T::extract(&parts, &[], body))
}

/// A request with a body in chunks.
fn coming<T: FromRequest<(), Rejection = Rejection>>(kind: &str, body: Chunks) -> (Option<u16>, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let request = Request::post("/").header("content-type", kind).body(Body::new(body)).unwrap();
    // Starts the pool that writes files.
    runtime.block_on(async { tokio::task::spawn_blocking(|| ()).await.unwrap() });
    peak(|| runtime.block_on(T::from_request(request, &())))
}

fn part(head: &str) -> String {
    format!("--b\r\ncontent-disposition: form-data; {head}\r\n\r\n")
}

#[test]
fn expensive_requests_stay_below_their_bounds() {
    let long = "x".repeat(64 * KIB);
    let keys = (0..8_000).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join("&");
    let keys = &keys[..60_000];
    let deep = format!("tree{}=1", "[below][0]".repeat(6_000));
    let wide = (0..999).map(|n| format!("tree[{n}][a][b][c][d][e][f][g]=")).collect::<Vec<_>>().join("&");
    let members = (0..10_000).map(|n| format!("\"k{n}\": 1")).collect::<Vec<_>>().join(",");
    let nested = |member: &str| format!("{{\"{member}\": {}{}}}", "[".repeat(900_000), "]".repeat(900_000));
    let unread = format!("{{\"other\": \"{}\"}}", "x".repeat(2 * MIB - 100));
    let small = part("name=\"text\"") + "x\r\n";
    let file = part("name=\"file\"; filename=\"f\"");
    let huge = Chunks { announced: Some(1 << 30), ..chunks(&long, usize::MAX, "") };
    let rejected = Chunks { announced: Some(1 << 40), ..chunks(&long, usize::MAX, "") };
    let whole_file = |left| {
        let mut body = chunks(&long, left, "\r\n--b--\r\n");
        // The head precedes the first chunk.
        body.chunk = Bytes::from(long.clone());
        body
    };
    let headed = |head: &str, left: usize| Headed {
        head: Some(Bytes::copy_from_slice(head.as_bytes())),
        rest: whole_file(left),
    };

    let rows = [
        ("a query of 8,000 keys", lying::<Query>(&format!("/?{keys}"), JSON, ""), Some(400), 64 * KIB),
        (
            "a list of 12,000 items",
            lying::<Query>(&format!("/?{}", "id=1&".repeat(12_000)), JSON, ""),
            Some(400),
            64 * KIB,
        ),
        ("subkeys of subkeys", lying::<Query>(&format!("/?{deep}"), JSON, ""), Some(400), 256 * KIB),
        ("a list with a gap", lying::<Query>("/?tree[below][99999999]=1", JSON, ""), Some(400), 64 * KIB),
        ("a thousand branches", lying::<Form>("/", FORM, &wide), None, 8 * MIB),
        ("a form of many keys", lying::<Form>("/", FORM, &keys.repeat(30)), Some(422), 64 * KIB),
        ("10,000 members", lying::<Members>("/", JSON, &format!("{{{members}}}")), Some(422), 64 * KIB),
        ("deep members", lying::<Members>("/", JSON, &nested("tree")), Some(422), 2 * MIB),
        ("deep members that no field reads", lying::<Members>("/", JSON, &nested("other")), None, 2 * MIB),
        ("long members that no field reads", lying::<Members>("/", JSON, &unread), None, 64 * KIB),
        ("a gibibyte that is announced", coming::<Members>(JSON, huge), Some(413), 64 * KIB),
        ("JSON without end", coming::<Members>(JSON, chunks(&long, usize::MAX, "")), Some(413), 5 * MIB),
        ("a form without end", coming::<Form>(FORM, chunks(&long, usize::MAX, "")), Some(413), 5 * MIB),
        ("a tebibyte of parts that is announced", coming::<Files>(PARTS, rejected), Some(413), 64 * KIB),
        ("parts without end", coming::<Files>(PARTS, chunks(&small, usize::MAX, "")), Some(422), MIB),
        (
            "a head without end",
            coming::<Files>(PARTS, chunks("--b\r\nx: x\r\n", usize::MAX, "")),
            Some(400),
            MIB,
        ),
        ("a file of 16 MiB", headed_peak::<Files>(headed(&file, 256)), None, MIB),
        (
            "16 MiB where 1 KiB may be",
            headed_peak::<Files>(headed(&file.replace("file\"", "small\""), 256)),
            Some(413),
            MIB,
        ),
        (
            "16 MiB that no field reads",
            headed_peak::<Files>(headed(&file.replace("file\"", "other\""), 256)),
            None,
            MIB,
        ),
        ("16 MiB by hand", headed_peak::<ByHand>(headed(&file, 256)), None, MIB),
    ];
    for (what, (actual, bytes), expected, bound) in &rows {
        println!("{what}: {bytes} bytes, {actual:?}");
        assert_eq!(actual, expected, "{what}");
        assert!(bytes <= bound, "{what}: {bytes} bytes, {bound} at most");
    }
}

/// A body with a head before its chunks.
struct Headed {
    head: Option<Bytes>,
    rest: Chunks,
}

impl http_body::Body for Headed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.head.take() {
            Some(head) => Poll::Ready(Some(Ok(Frame::data(head)))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }
}

/// Reads a whole body, part by part if the struct has a reader.
trait Drained {
    fn drained(self) -> impl Future<Output = Result<(), Rejection>>;
}

impl Drained for Files {
    async fn drained(self) -> Result<(), Rejection> {
        Ok(())
    }
}

impl Drained for ByHand {
    async fn drained(mut self) -> Result<(), Rejection> {
        while let Some(mut part) = self.parts.next().await? {
            while part.chunk().await?.is_some() {}
        }
        Ok(())
    }
}

fn headed_peak<T: FromRequest<(), Rejection = Rejection> + Drained>(body: Headed) -> (Option<u16>, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let request = Request::post("/").header("content-type", PARTS).body(Body::new(body)).unwrap();
    runtime.block_on(async { tokio::task::spawn_blocking(|| ()).await.unwrap() });
    peak(|| runtime.block_on(async { T::from_request(request, &()).await?.drained().await }))
}
