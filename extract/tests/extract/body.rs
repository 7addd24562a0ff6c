//! Bodies: when they are read, how far, with unknown lengths.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum_core::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use waylay_extract::{Extract, Rejection};

use crate::lines;

/// A body of known frames, possibly without a length.
#[derive(Clone)]
pub(crate) struct Frames {
    pub(crate) frames: Vec<&'static str>,
    pub(crate) hint: Option<u64>,
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.frames.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match self.frames.remove(0) {
            "!" => panic!("this body is not to be read"),
            "?" => Err(std::io::Error::other("the client left")),
            frame => Ok(Frame::data(frame.into())),
        }))
    }

    fn size_hint(&self) -> SizeHint {
        self.hint.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn request(uri: &str, kind: &str, frames: &[&'static str], hint: Option<u64>) -> Request {
    let frames = frames.to_vec();
    let body = Body::new(Frames { frames, hint });
    Request::post(uri).header("content-type", kind).body(body).unwrap()
}

async fn read<T: FromRequest<(), Rejection = Rejection>>(request: Request) -> Result<T, Rejection> {
    T::from_request(request, &()).await
}

#[derive(Debug, Extract)]
#[extract(limit = 20)]
struct Update {
    #[query]
    _page: u16,
    #[json]
    title: String,
}

const TITLE: &str = r#"{"title": "t"}"#;
const JSON: &str = "application/json";

/// Target, content type, frames, announced length; the errors, one a line.
type Row = (&'static str, &'static str, &'static [&'static str], Option<u64>, &'static [&'static str]);

#[tokio::test]
async fn a_body_is_read_up_to_its_limit_and_not_after_errors() {
    let rows: &[Row] = &[
        ("/?_page=1", JSON, &["{\"title\"", ": \"t\"}"], None, &[]),
        ("/?_page=1", JSON, &[TITLE], Some(14), &[]),
        // Rejected by its announced length, with the other errors.
        ("/?_page=1", JSON, &["!"], Some(21), &["body  too_large"]),
        ("/", JSON, &["!"], Some(21), &["query _page missing", "body  too_large"]),
        // Rejected while reading.
        ("/?_page=1", JSON, &["          ", "          ", " ", "!"], None, &["body  too_large"]),
        // Rejected by its type; not read if it is known not to be empty.
        ("/?_page=1", "text/html", &["!"], Some(14), &["body  unsupported_media_type"]),
        ("/?_page=1", "text/html", &[TITLE], None, &["body  unsupported_media_type"]),
        ("/?_page=1", "text/html", &[], None, &["body  missing"]),
        ("/?_page=1", "text/html", &["!"], Some(0), &["body  missing"]),
        // Beside another error it is read only if it is known to be short.
        ("/", JSON, &["{}"], Some(2), &["query _page missing", "body /title missing"]),
        ("/", JSON, &["!"], None, &["query _page missing"]),
        // It is incomplete.
        ("/?_page=1", JSON, &["{", "?"], None, &["body  unreadable"]),
    ];
    for (uri, kind, frames, hint, expected) in rows {
        let read = read::<Update>(request(uri, kind, frames, *hint)).await;
        let errors = read.as_ref().map_or_else(lines, |_| Vec::new());
        assert_eq!(errors, *expected, "{uri} {kind} {frames:?} {hint:?}");
        if let Ok(update) = read {
            assert_eq!(update.title, "t");
        }
    }
}

#[tokio::test]
async fn the_length_header_counts_if_the_body_has_no_size() {
    let with_length = |length: &str, frames: &[&'static str]| {
        let mut request = request("/", JSON, frames, None);
        request.headers_mut().insert("content-length", length.parse().unwrap());
        read::<Update>(request)
    };
    let large = with_length("21", &["!"]).await.unwrap_err();
    assert_eq!(large.status(), 413);
    let short = with_length("2", &["{}"]).await.unwrap_err();
    assert_eq!(lines(&short), ["query _page missing", "body /title missing"]);
    let no_number = with_length("x", &["!"]).await.unwrap_err();
    assert_eq!(lines(&no_number), ["query _page missing"]);
}

#[tokio::test]
async fn after_another_error_a_body_is_read_up_to_64_kibibytes() {
    #[derive(Debug, Extract)]
    struct Titled {
        #[query]
        _page: u16,
        #[json]
        _title: String,
    }
    for (length, errors) in [(64 << 10, 2), ((64 << 10) + 1, 1)] {
        let body = format!("{{}}{}", " ".repeat(length - 2));
        let request = Request::post("/").header("content-type", JSON).body(Body::from(body));
        let rejection = read::<Titled>(request.unwrap()).await.unwrap_err();
        assert_eq!(rejection.errors().len(), errors, "{length}");
    }
}

#[tokio::test]
async fn two_mebibytes_are_the_default_limit() {
    #[derive(Debug, Extract)]
    struct Raw {
        #[body(bytes)]
        raw: Bytes,
    }
    for (length, sound) in [(2 << 20, true), ((2 << 20) + 1, false)] {
        let body = Body::from(vec![b'x'; length]);
        let read = read::<Raw>(Request::post("/").body(body).unwrap()).await;
        let errors = read.map(|raw| raw.raw.len()).map_err(|rejection| rejection.status().as_u16());
        assert_eq!(errors, if sound { Ok(length) } else { Err(413) });
    }
}

#[tokio::test]
async fn the_error_of_an_outer_limit_is_too_large_as_well() {
    let body = http_body_util::Limited::new(Body::from(TITLE), 5);
    let request = Request::post("/?_page=1").header("content-type", JSON).body(Body::new(body));
    let rejection = read::<Update>(request.unwrap()).await.unwrap_err();
    assert_eq!(lines(&rejection), ["body  too_large"]);
}

#[derive(Debug, Extract)]
struct Signed {
    #[header("x-signature")]
    _signature: String,
    #[body(bytes)]
    raw: Bytes,
    #[json]
    title: String,
}

#[tokio::test]
async fn the_bytes_are_kept_beside_the_members() {
    let mut request = request("/", JSON, &["{\"title\"", ": \"t\"}"], None);
    request.headers_mut().insert("x-signature", "s".parse().unwrap());
    let signed = read::<Signed>(request).await.unwrap();
    assert_eq!((&*signed.raw, &*signed.title), (TITLE.as_bytes(), "t"));
}

#[derive(Debug, Extract)]
struct Text<T: waylay_extract::FromText + Send> {
    #[body(text)]
    text: T,
}

#[derive(Debug, Extract)]
struct MaybeText {
    #[body(text)]
    text: Option<String>,
}

#[derive(Debug, Extract)]
struct MaybeBytes {
    #[body(bytes)]
    raw: Option<Vec<u8>>,
}

#[tokio::test]
async fn texts_and_bytes_are_read_for_any_content_type() {
    let of = |text: &'static str| Request::post("/").body(Body::from(text)).unwrap();
    assert_eq!(read::<Text<String>>(of("é")).await.unwrap().text, "é");
    assert_eq!(read::<Text<String>>(of("")).await.unwrap().text, "");
    assert_eq!(read::<Text<u8>>(of("7")).await.unwrap().text, 7);
    let wrong = read::<Text<u8>>(of("x")).await.unwrap_err();
    assert_eq!((lines(&wrong), wrong.status().as_u16()), (vec!["body  invalid".into()], 422));
    let none = read::<Text<u8>>(of("")).await.unwrap_err();
    assert_eq!(lines(&none), ["body  invalid"]);
    let latin1 = Request::post("/").body(Body::from(b"\xe9".as_slice())).unwrap();
    let latin1 = read::<Text<String>>(latin1).await.unwrap_err();
    assert_eq!((lines(&latin1), latin1.status().as_u16()), (vec!["body  bad_utf8".into()], 400));

    assert_eq!(read::<MaybeText>(of("")).await.unwrap().text, None);
    assert_eq!(read::<MaybeText>(of("x")).await.unwrap().text.as_deref(), Some("x"));
    assert_eq!(read::<MaybeBytes>(of("")).await.unwrap().raw, None);
    assert_eq!(read::<MaybeBytes>(of("x")).await.unwrap().raw, Some(b"x".to_vec()));
}

#[tokio::test]
async fn an_optional_struct_is_none_only_without_any_value() {
    #[derive(Debug, Extract)]
    struct Page {
        #[query]
        number: u16,
        #[json(default)]
        size: u8,
    }
    let read = async |uri, kind, frames: &[&'static str]| {
        let request = request(uri, kind, frames, None);
        <Option<Page> as FromRequest<(), _>>::from_request(request, &()).await
    };
    assert!(read("/", "", &[]).await.unwrap().is_none());
    let page = read("/?number=3", "", &[]).await.unwrap().unwrap();
    assert_eq!((page.number, page.size), (3, 0));
    assert!(read("/?number=x", "", &[]).await.is_err());
    assert!(read("/?number=", "", &[]).await.is_err());
    let body = read("/", JSON, &["{}"]).await;
    assert!(body.is_err(), "a body is something");
}

#[derive(Debug, Extract)]
#[extract(limit = 10)]
struct Streamed {
    #[query]
    page: Option<u8>,
    #[body(stream)]
    body: Body,
}

/// An unread body has a limit, and is not read before.
#[tokio::test]
async fn a_stream_is_passed_on_with_its_limit() {
    use http_body_util::BodyExt;

    for (frames, hint, expected) in [
        (&["12345", "67890"][..], None, Ok("1234567890")),
        (&[], None, Ok("")),
        (&["x"], Some(0), Ok("")),
        // Rejected by its announced length, before it is read.
        (&["?"], Some(11), Err(413)),
    ] {
        let read = read::<Streamed>(request("/?page=1", "text/odd", frames, hint)).await;
        let (read, expected) = match (read, expected) {
            (Ok(read), Ok(expected)) => (read, expected),
            (read, expected) => {
                assert_eq!(
                    read.map(drop).map_err(|rejection| rejection.status().as_u16()),
                    expected.map(|_| ())
                );
                continue;
            }
        };
        assert_eq!(read.page, Some(1));
        let body = read.body.collect().await.unwrap().to_bytes();
        assert_eq!(body, expected, "{frames:?}");
    }
    // A body of unknown length yields the bytes up to the limit, then the error of a limit.
    let long = read::<Streamed>(request("/", "", &["12345", "678901"], None)).await.unwrap();
    let error = long.body.collect().await.unwrap_err();
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = source.filter(|error| !error.is::<http_body_util::LengthLimitError>()) {
        source = error.source();
    }
    assert!(source.is_some(), "{error:?}");
    // An error of another field is reported at once.
    let wrong = read::<Streamed>(request("/?page=x", "", &["?"], None)).await.unwrap_err();
    assert_eq!(lines(&wrong), ["query page invalid"]);
    let lying = Streamed::extract(&crate::get("/", &[]), &[], crate::bytes("12345")).unwrap();
    assert_eq!(lying.body.collect().await.unwrap().to_bytes(), "12345");
}
