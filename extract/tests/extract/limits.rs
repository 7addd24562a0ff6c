//! Expensive requests: rejected within the limits, and not read beyond.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use axum_core::{body::Body, extract::FromRequest};
use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use waylay_extract::{Extract, Rejection, Upload};

use crate::{bytes, get, json, lines};

/// An endless body that counts the bytes that are read; `announced`: the length that it announces.
struct Endless {
    chunk: Bytes,
    taken: Arc<AtomicU64>,
    announced: Option<u64>,
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.taken.fetch_add(self.chunk.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(self.chunk.clone()))))
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Returns the errors of an endless body, and the number of bytes that were read.
async fn read_endless<T>(kind: &str, chunk: &str, announced: Option<u64>) -> (Vec<String>, u64)
where
    T: FromRequest<(), Rejection = Rejection>,
{
    let taken = Arc::new(AtomicU64::new(0));
    let chunk = Bytes::copy_from_slice(chunk.as_bytes());
    let body = Body::new(Endless { chunk, taken: taken.clone(), announced });
    let request = Request::post("/").header("content-type", kind).body(body).unwrap();
    let errors = match T::from_request(request, &()).await {
        Ok(_) => Vec::new(),
        Err(rejection) => lines(&rejection),
    };
    (errors, taken.load(Ordering::Relaxed))
}

#[derive(Debug, Extract)]
struct Members {
    #[json]
    _title: Option<String>,
    #[json]
    _tree: Option<serde_json::Value>,
}

#[derive(Debug, Extract)]
struct Form {
    #[form]
    _a: Vec<u8>,
}

#[derive(Debug, Extract)]
struct Query {
    #[query("a[]", alias = "a")]
    _a: Vec<u8>,
}

#[derive(Debug, Extract)]
struct Parts {
    #[part]
    _a: Vec<String>,
    #[part(limit = "1KiB")]
    _file: Option<Upload>,
}

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let chunk = "x".repeat(64 << 10);
    // Nothing of an announced gibibyte is read.
    let announced = read_endless::<Members>("application/json", &chunk, Some(1 << 30)).await;
    assert_eq!(announced, (vec!["body  too_large".to_owned()], 0));
    let announced = read_endless::<Parts>("multipart/form-data; boundary=b", &chunk, Some(1 << 30)).await;
    assert_eq!(announced, (vec!["body  too_large".to_owned()], 0));
    // A body of unknown length is read up to the chunk that exceeds the limit.
    for kind in ["application/json", "application/x-www-form-urlencoded"] {
        let (errors, taken) = match kind {
            "application/json" => read_endless::<Members>(kind, &chunk, None).await,
            _ => read_endless::<Form>(kind, &chunk, None).await,
        };
        assert_eq!(errors, ["body  too_large"], "{kind}");
        assert!(taken <= 2 * MIB + chunk.len() as u64, "{kind}: {taken}");
    }
}

#[tokio::test]
async fn endless_parts_are_read_up_to_their_number_or_limit() {
    let kind = "multipart/form-data; boundary=b";
    let part = "--b\r\ncontent-disposition: form-data; name=\"_a\"\r\n\r\nx\r\n";
    let (errors, taken) = read_endless::<Parts>(kind, part, None).await;
    assert_eq!(errors, ["part  too_many"]);
    assert!(taken < MIB, "{taken}");
    // An endless file: the limit of the body ends it, and nothing beyond its own limit is stored.
    let file = format!("--b\r\ncontent-disposition: form-data; name=\"_file\"\r\n\r\n{}", "x".repeat(60_000));
    let (errors, taken) = read_endless::<Parts>(kind, &file, None).await;
    assert_eq!(errors, ["body  too_large"]);
    assert!(taken <= 2 * MIB + 2 * file.len() as u64, "{taken}");
    // An endless header of a part.
    let (errors, taken) = read_endless::<Parts>(kind, &"--b\r\nx: x\r\n".repeat(1000), None).await;
    assert_eq!(errors, ["body  malformed"]);
    assert!(taken <= 40_000, "{taken}");
}

#[test]
fn ten_thousand_keys_are_rejected() {
    let pairs = (0..10_000).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join("&");
    let errors = Query::extract_parts(&get("/", &[]), &[]).map(|_| ());
    assert!(errors.is_ok());
    // A URI is shorter than 64 KiB, a form is not.
    let short: String = pairs.chars().take(60_000).collect();
    let rejection = Query::extract_parts(&get(&format!("/?{short}"), &[]), &[]).unwrap_err();
    assert_eq!(lines(&rejection), ["query  too_many"]);
    let form = get("/", &[("content-type", "application/x-www-form-urlencoded")]);
    let rejection = Form::extract(&form, &[], bytes(&pairs)).unwrap_err();
    assert_eq!(lines(&rejection), ["form  too_many"]);
    let members = (0..10_000).map(|n| format!("\"k{n}\": 1")).collect::<Vec<_>>().join(", ");
    let rejection = Members::extract(&json(), &[], bytes(&format!("{{{members}}}"))).unwrap_err();
    assert_eq!(lines(&rejection), ["body  too_many"]);
    assert_eq!(rejection.status(), 422);
    // The same key ten thousand times is a list with too many items.
    let same = vec!["_a=1"; 1000].join("&");
    assert!(Form::extract(&form, &[], bytes(&same)).is_ok());
}

#[test]
fn an_index_in_a_key_is_not_a_list() {
    // CVE-2024-37298 (gorilla/schema): `a[99999999]=1` made a list of that length.
    let read = Query::extract_parts(&get("/?a[99999999]=1&a[]=1&a=2", &[]), &[]).unwrap();
    assert_eq!(read._a, [1, 2]);
}

#[test]
fn deep_nesting_is_rejected_or_skipped() {
    let deep = |member: &str| format!("{{\"{member}\": {}{}}}", "[".repeat(500_000), "]".repeat(500_000));
    let rejection = Members::extract(&json(), &[], bytes(&deep("_tree"))).unwrap_err();
    assert_eq!(lines(&rejection).len(), 1);
    assert_eq!(rejection.errors()[0].pointer().map(|pointer| &pointer[..6]), Some("/_tree"));
    // Unknown members are skipped without recursion.
    assert!(Members::extract(&json(), &[], bytes(&deep("other"))).is_ok());
    let open = "[".repeat(1_000_000);
    let rejection = Members::extract(&json(), &[], bytes(&open)).unwrap_err();
    assert_eq!(lines(&rejection), ["body  malformed"]);
}
