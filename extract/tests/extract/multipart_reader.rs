//! Multipart bodies read part by part, and whole bodies that may be multipart.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use axum_core::{body::Body, extract::FromRequest};
use bytes::Bytes;
use http::{Method, Request};
use http_body::Frame;
use serde::{Deserialize, Serialize};
use waylay_extract::{Extract, Field, IntoRequest, Multipart, Rejection};

use crate::{body::Frames, bytes, get, lines, round_trip::bytes_of};

const KIND: &str = "multipart/form-data; boundary=b";

#[derive(Debug, Extract)]
#[extract(limit = "300KiB", max_params = 3)]
struct Import {
    #[query]
    page: Option<u8>,
    #[body(multipart)]
    parts: Multipart,
}

#[derive(Debug, Extract)]
struct Maybe {
    #[body(multipart, limit = "1KiB")]
    parts: Option<Multipart>,
}

fn body(list: &[(&str, Option<&str>, &str)]) -> String {
    let mut body = String::new();
    for (name, file, content) in list {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body += &format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n");
    }
    body + "--b--\r\n"
}

async fn post<T: FromRequest<(), Rejection = Rejection>>(
    kind: &str,
    body: impl Into<Body>,
) -> Result<T, Rejection> {
    let request = Request::post("/?page=1").header("content-type", kind).body(body.into()).unwrap();
    T::from_request(request, &()).await
}

async fn parts(list: &[(&str, Option<&str>, &str)]) -> Multipart {
    let import: Import = post(KIND, body(list)).await.unwrap();
    assert_eq!(import.page, Some(1));
    import.parts
}

async fn next(parts: &mut Multipart) -> Field<'_> {
    parts.next().await.unwrap().unwrap()
}

fn outcome<T>(result: Result<T, Rejection>) -> (u16, Vec<String>) {
    let rejection = result.err().unwrap();
    (rejection.status().as_u16(), lines(&rejection))
}

fn one(status: u16, line: &str) -> (u16, Vec<String>) {
    (status, vec![line.to_owned()])
}

#[tokio::test]
async fn parts_are_read_one_by_one() {
    let long = "x".repeat(200_000);
    let mut all = parts(&[("a", None, "1"), ("long", Some("l.txt"), &long), ("c", None, "é")]).await;
    assert_eq!(next(&mut all).await.name(), "a");
    assert_eq!(next(&mut all).await.file_name(), Some("l.txt"));
    // Unread parts are skipped, of any length.
    assert_eq!(next(&mut all).await.text(10).await.unwrap(), "é");
    assert!(all.next().await.unwrap().is_none());

    let mut all = parts(&[("a", None, "1"), ("long", Some("l.txt"), &long), ("c", None, "")]).await;
    let mut part = next(&mut all).await;
    assert_eq!(part.chunk().await.unwrap().unwrap(), "1");
    assert_eq!((part.chunk().await.unwrap(), part.content_type()), (None, None));
    let upload = next(&mut all).await.upload(1 << 20).await.unwrap();
    assert_eq!((upload.len(), upload.file_name(), upload.bytes()), (200_000, Some("l.txt"), None));
    assert_eq!(upload.read().await.unwrap(), long);
    assert_eq!(next(&mut all).await.bytes(0).await.unwrap(), "");
}

/// A body whose first poll is pending.
struct Slow(Frames, bool);

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.1 = !self.1;
        if self.1 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.0).poll_frame(context)
    }
}

#[tokio::test]
async fn a_cancelled_read_continues_with_the_rest() {
    let text = leak(&body(&[("long", Some("l.txt"), &"x".repeat(100_000)), ("c", None, "1")]));
    let frames = |length: usize| {
        let ends = (0..text.len()).step_by(length);
        ends.map(|at| &text[at..text.len().min(at + length)]).collect()
    };
    for (times, length) in
        [0, 1, 5, 1000].into_iter().flat_map(|times| [(times, 1000), (times, 16_384), (times, 40_000)])
    {
        let frames = Frames { frames: frames(length), hint: None };
        let mut all = post::<Import>(KIND, Body::new(Slow(frames, false))).await.unwrap().parts;
        let mut given_up = 0;
        for name in ["long", "c"] {
            let mut seen = None;
            while given_up < times && seen.is_none() {
                match pin!(all.next()).poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Pending => given_up += 1,
                    Poll::Ready(part) => seen = part.unwrap().map(|part| part.name().to_owned()),
                }
            }
            let seen = match seen {
                Some(seen) => seen,
                None => next(&mut all).await.name().to_owned(),
            };
            assert_eq!(seen, name, "given up {given_up} times, {length} bytes a frame");
        }
        assert!(all.next().await.unwrap().is_none());
        // The first frame is read before the handler has the parts.
        assert!(given_up >= times.min(1), "{given_up}, {length} bytes a frame");
    }
}

#[tokio::test]
async fn a_boundary_has_at_most_70_characters() {
    for (length, read) in [(0, false), (1, true), (70, true), (71, false)] {
        let boundary = "b".repeat(length);
        let kind = format!("multipart/form-data; boundary=\"{boundary}\"");
        let text = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n--{boundary}--\r\n"
        );
        match post::<Import>(&kind, text).await {
            Ok(mut import) => assert_eq!((next(&mut import.parts).await.name(), read), ("a", true)),
            Err(rejection) => {
                assert_eq!((outcome::<()>(Err(rejection)), read), (one(400, "body  malformed"), false))
            }
        }
    }
}

#[tokio::test]
async fn a_part_has_a_limit_and_the_next_is_still_read() {
    let mut all = parts(&[("a", None, "12345"), ("b", Some("b"), "12345"), ("c", None, "1")]).await;
    assert_eq!(outcome(next(&mut all).await.bytes(4).await), one(413, "part a too_large"));
    assert_eq!(outcome(next(&mut all).await.upload(4).await), one(413, "part b too_large"));
    assert_eq!(next(&mut all).await.text(1).await.unwrap(), "1");
    let mut all = parts(&[("a", None, "1"); 4]).await;
    for _ in 0..3 {
        next(&mut all).await;
    }
    assert_eq!(outcome(all.next().await.map(|_| ())), one(422, "part  too_many"));
}

#[tokio::test]
async fn a_body_has_a_limit_a_type_and_an_end() {
    let long = body(&[("a", None, &"x".repeat(400_000))]);
    assert_eq!(outcome(post::<Import>(KIND, long.clone()).await), one(413, "body  too_large"));
    let torn = |text: &str, hint| {
        let (head, tail) = text.split_at(text.len() / 2);
        Body::new(Frames { frames: vec![leak(head), leak(tail)], hint })
    };
    // A body of unknown length is read up to its limit.
    let mut all = post::<Import>(KIND, torn(&long, None)).await.unwrap().parts;
    assert_eq!(outcome(next(&mut all).await.bytes(u64::MAX).await), one(413, "body  too_large"));
    let mut all =
        post::<Import>(KIND, torn("--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1?", None))
            .await
            .unwrap()
            .parts;
    let rejection = next(&mut all).await.bytes(10).await.unwrap_err();
    assert_eq!(rejection.status(), 400);
    assert_eq!(outcome(post::<Import>("text/plain", "x").await), one(415, "body  unsupported_media_type"));
    assert_eq!(outcome(post::<Import>("multipart/form-data", "x").await), one(400, "body  malformed"));
    assert_eq!(outcome(post::<Import>(KIND, "").await), one(400, "body  missing"));
    assert!(post::<Maybe>(KIND, "").await.unwrap().parts.is_none());
    assert!(post::<Maybe>(KIND, body(&[])).await.unwrap().parts.is_some());
    assert_eq!(outcome(post::<Maybe>(KIND, long).await), one(413, "body  too_large"));
    // A request in memory can be read part by part as well.
    let read = Import::extract(&get("/", &[("content-type", KIND)]), &[], bytes(&body(&[("a", None, "1")])));
    assert_eq!(next(&mut read.unwrap().parts).await.text(9).await.unwrap(), "1");
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// A flattened struct can read part by part as well.
#[tokio::test]
async fn a_flattened_struct_may_take_the_unread_body() {
    #[derive(Debug, Extract)]
    struct Outer {
        #[flatten(body)]
        import: Import,
        #[header]
        accept: Option<String>,
    }
    let mut outer: Outer = post(KIND, body(&[("a", None, "1")])).await.unwrap();
    assert_eq!((next(&mut outer.import.parts).await.name(), &outer.accept), ("a", &None));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SignUp {
    name: String,
    age: Option<u8>,
    #[serde(default)]
    topic: Vec<String>,
}

#[derive(Debug, Extract)]
struct Any {
    #[body(json, form, multipart)]
    sign_up: SignUp,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
struct AsParts {
    #[body(multipart)]
    sign_up: Option<SignUp>,
}

#[tokio::test]
async fn a_body_is_one_value_in_every_content_type() {
    let ada = SignUp { name: "ada".into(), age: Some(36), topic: vec!["a b".into(), "c".into()] };
    let parts = [("name", None, "ada"), ("topic", None, "a b"), ("age", None, "36"), ("topic", None, "c")];
    for (kind, body) in [
        ("application/json", serde_json::to_string(&ada).unwrap()),
        ("application/x-www-form-urlencoded", "name=ada&age=36&topic=a+b&topic=c".into()),
        (KIND, body(&parts)),
    ] {
        assert_eq!(post::<Any>(kind, body.clone()).await.unwrap().sign_up, ada, "{kind}");
        let read = Any::extract(&get("/", &[("content-type", kind)]), &[], bytes(&body));
        assert_eq!(read.unwrap().sign_up, ada, "{kind}");
    }
    let wrong = body(&[("name", None, "ada"), ("age", None, "x")]);
    assert_eq!(outcome(post::<Any>(KIND, wrong).await), one(422, "part age invalid"));
    // As of a form that lacks a key.
    assert_eq!(outcome(post::<Any>(KIND, body(&[])).await), one(422, "part name missing"));
    assert_eq!(post::<Any>(KIND, body(&[("name", None, "")])).await.unwrap().sign_up.name, "");
    let mut binary = body(&[("name", None, "?")]).into_bytes();
    let at = binary.iter().position(|byte| *byte == b'?').unwrap();
    binary[at] = 0xff;
    assert_eq!(outcome(post::<Any>(KIND, binary).await), one(422, "part name bad_utf8"));
    let (status, _) = outcome(post::<Any>("text/plain", "x").await);
    assert_eq!(status, 415);
    assert_eq!(outcome(post::<Any>(KIND, "").await), one(400, "body  missing"));
}

#[tokio::test]
async fn a_value_is_written_as_parts() {
    let ada = SignUp { name: "ada & \r\n--b".into(), age: None, topic: vec!["é".into()] };
    for sign_up in [Some(ada), None] {
        let value = AsParts { sign_up };
        let (parts, body) = value.to_request_at(Method::POST, "/").unwrap().into_parts();
        let body: Bytes = bytes_of(body);
        assert_eq!(AsParts::extract(&parts, &[], body).unwrap(), value);
    }
}

/// A body of unknown length without a byte is no body, as one of length 0 is.
#[tokio::test]
async fn an_empty_chunked_body_is_an_absent_body() {
    #[derive(Debug, Extract)]
    struct Members {
        #[json]
        _a: u8,
    }
    #[derive(Debug, Extract)]
    struct Json {
        #[body]
        _body: Option<u8>,
    }
    #[derive(Debug, Extract)]
    struct Keys {
        #[form]
        _a: u8,
    }
    #[derive(Debug, Extract)]
    struct Files {
        #[part]
        _file: waylay_extract::Upload,
    }
    #[derive(Debug, Extract)]
    struct MaybeFiles {
        #[part]
        _file: Option<waylay_extract::Upload>,
        #[form]
        _note: Option<String>,
    }
    #[derive(Debug, Extract)]
    struct Whole {
        #[body(json, multipart)]
        _body: Option<Vec<(String, String)>>,
    }
    #[derive(Debug, Extract)]
    struct Text {
        #[body(text)]
        _body: Option<String>,
    }
    #[derive(Debug, Extract)]
    struct Raw {
        #[body(bytes)]
        _body: Option<Bytes>,
    }

    async fn outcome<T>(
        kind: &str,
        frames: &[&'static str],
        hint: Option<u64>,
    ) -> Result<Option<bool>, Vec<String>>
    where
        T: std::fmt::Debug + FromRequest<(), Rejection = Rejection>,
        Option<T>: FromRequest<(), Rejection = Rejection>,
    {
        let request = || {
            let body = Body::new(Frames { frames: frames.to_vec(), hint });
            Request::post("/").header("content-type", kind).body(body).unwrap()
        };
        // As an argument that may be absent, and as one that may not.
        let option =
            Option::<T>::from_request(request(), &()).await.map_err(|rejection| lines(&rejection))?;
        match T::from_request(request(), &()).await {
            Ok(value) => Ok(Some(option.is_some() || format!("{value:?}").contains("Some"))),
            Err(rejection) if option.is_none() => Err(lines(&rejection)),
            Err(rejection) => panic!("{rejection}"),
        }
    }

    macro_rules! rows {
        ($($ty:ident $kind:literal $expected:expr,)*) => {$(
            let expected: Result<Option<bool>, Vec<String>> = $expected;
            for (frames, hint) in [
                (&[][..], Some(0)), (&[], None), (&[""], None), (&["", "", ""], None), (&[""], Some(0)),
            ] {
                let outcome = outcome::<$ty>($kind, frames, hint).await;
                assert_eq!(outcome, expected, "{} {frames:?} {hint:?}", stringify!($ty));
            }
        )*};
    }
    let missing = || Err(vec!["body  missing".to_owned()]);
    rows! {
        Members "application/json" missing(),
        Json "application/json" Ok(Some(false)),
        Keys "application/x-www-form-urlencoded" missing(),
        Keys "multipart/form-data; boundary=b" missing(),
        Files "multipart/form-data; boundary=b" missing(),
        MaybeFiles "multipart/form-data; boundary=b" Ok(Some(false)),
        Whole "multipart/form-data; boundary=b" Ok(Some(false)),
        Whole "application/json" Ok(Some(false)),
        Maybe "multipart/form-data; boundary=b" Ok(Some(false)),
        Import "multipart/form-data; boundary=b" missing(),
        Text "text/plain" Ok(Some(false)),
        Raw "image/png" Ok(Some(false)),
    }
    // The first chunks are not lost, and an error before them is one of the body.
    let request = |frames: &[&'static str]| {
        let body = Body::new(Frames { frames: frames.to_vec(), hint: None });
        Request::post("/").header("content-type", KIND).body(body).unwrap()
    };
    let frames = ["", "--b\r\ncontent-disp", "", "osition: form-data; name=_a\r\n\r\n7\r\n", "--b--\r\n"];
    assert_eq!(Keys::from_request(request(&frames), &()).await.unwrap()._a, 7);
    let mut parts = Import::from_request(request(&frames), &()).await.unwrap().parts;
    assert_eq!(next(&mut parts).await.text(9).await.unwrap(), "7");
    for rejection in [
        Keys::from_request(request(&["", "?"]), &()).await.unwrap_err(),
        Import::from_request(request(&["?"]), &()).await.unwrap_err(),
    ] {
        assert_eq!(lines(&rejection), ["body  unreadable"]);
    }
}
