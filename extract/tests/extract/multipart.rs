//! Multipart bodies: texts, JSON, bytes and files, in memory and on disk.

use axum_core::{body::Body, extract::FromRequest};
use bytes::Bytes;
use http::Request;
use waylay_extract::{Extract, Rejection, Upload};

use crate::{body::Frames, get, lines};

const KIND: &str = "multipart/form-data; boundary=b";

/// Returns a body of parts with names, file names and contents.
fn parts(list: &[(&str, Option<&str>, &str)]) -> String {
    let mut body = String::new();
    for (name, file, content) in list {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body += &format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n");
    }
    body + "--b--\r\n"
}

#[derive(Debug, serde::Deserialize)]
struct Meta {
    width: u8,
}

#[derive(Debug, Extract)]
#[extract(max_params = 8)]
struct Post {
    #[form]
    title: String,
    #[part(json)]
    meta: Option<Meta>,
    #[part(limit = 4)]
    icon: Option<Bytes>,
    #[part(limit = "100KiB", max_items = 2)]
    photo: Vec<Upload>,
    #[part]
    stars: Option<u8>,
}

fn in_memory(body: &str) -> Result<Post, Rejection> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Post::extract(&get("/", &[("content-type", KIND)]), &[], body)
}

async fn streamed(body: &str) -> Result<Post, Rejection> {
    let request = Request::post("/").header("content-type", KIND).body(Body::from(body.to_owned())).unwrap();
    Post::from_request(request, &()).await
}

fn shown(read: Result<Post, Rejection>) -> Result<String, (u16, Vec<String>)> {
    let post = read.map_err(|rejection| (rejection.status().as_u16(), lines(&rejection)))?;
    let photos: Vec<_> = post.photo.iter().map(|photo| (photo.file_name(), photo.len())).collect();
    let width = post.meta.map(|meta| meta.width);
    Ok(format!("{} {width:?} {:?} {photos:?} {:?}", post.title, post.icon, post.stars))
}

/// Returns the value, or the status and the errors.
type Shown<'s> = Result<&'s str, (u16, &'s [&'s str])>;

#[tokio::test]
async fn parts_are_read_in_any_order() {
    let large = "x".repeat(100 * 1024 + 1);
    let rows: &[(String, Shown<'_>)] = &[
        (
            parts(&[
                ("stars", None, "3"),
                ("photo", Some("a.png"), "PNG"),
                ("other", None, "x"),
                ("photo", Some("b.png"), ""),
                ("meta", None, r#"{"width": 3}"#),
                ("icon", None, "ICON"),
                ("title", None, "é"),
            ]),
            Ok(r#"é Some(3) Some(b"ICON") [(Some("a.png"), 3), (Some("b.png"), 0)] Some(3)"#),
        ),
        (parts(&[("title", None, "t"), ("photo", Some(""), "")]), Ok("t None None [] None")),
        (
            parts(&[
                ("meta", None, r#"{"width": 300}"#),
                ("icon", None, "ICONS"),
                ("photo", Some("a"), &large),
                ("stars", None, "x"),
                ("title", None, "a"),
                ("title", None, "b"),
            ]),
            Err((
                413,
                &[
                    "form title duplicate",
                    "part meta invalid",
                    "part icon too_large",
                    "part photo too_large",
                    "part stars invalid",
                ],
            )),
        ),
        (parts(&[]), Err((422, &["form title missing"]))),
        (parts(&[("title", None, "t"); 9]), Err((422, &["form title duplicate", "part  too_many"]))),
        ("--b\r\n".to_owned(), Err((400, &["body  malformed"]))),
        ("no boundary".to_owned(), Err((400, &["body  malformed"]))),
        ("x".repeat((2 << 20) + 1), Err((413, &["body  too_large"]))),
    ];
    for (body, expected) in rows {
        let expected = match expected {
            Ok(value) => Ok((*value).to_owned()),
            Err((status, errors)) => Err((*status, errors.iter().map(ToString::to_string).collect())),
        };
        let start = &body[..body.len().min(300)];
        assert_eq!(shown(in_memory(body)), expected, "{start}");
        assert_eq!(shown(streamed(body).await), expected, "{start}");
    }
}

#[tokio::test]
async fn a_long_file_is_on_disk_until_its_upload_is_dropped() {
    let content = "0123456789".repeat(9000);
    let body = parts(&[("title", None, "t"), ("photo", Some("a"), &content), ("photo", Some("b"), "short")]);
    let post = streamed(&body).await.unwrap();
    let [long, short] = &post.photo[..] else { panic!("two photos") };
    assert_eq!((long.len(), long.bytes(), short.path()), (90_000, None, None));
    let path = long.path().unwrap().to_owned();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    assert_eq!(long.read().await.unwrap(), content);
    let saved = tempfile::tempdir().unwrap();
    let copy = saved.path().join("copy");
    long.save(&copy).await.unwrap();
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), content);
    short.save(&copy).await.unwrap();
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), "short");
    drop(post);
    assert!(!path.exists());

    // A body in memory stays there.
    let post = in_memory(&body).unwrap();
    assert_eq!(post.photo[0].bytes().map(Bytes::len), Some(90_000));
}

#[tokio::test]
async fn an_incomplete_body_is_reported() {
    let start = "--b\r\ncontent-disposition: form-data; name=\"title\"\r\n\r\n";
    let rows = [(vec![start, "t", "?"], "body  unreadable"), (vec![start, "t"], "body  malformed")];
    for (frames, expected) in rows {
        let body = Body::new(Frames { frames, hint: None });
        let request = Request::post("/").header("content-type", KIND).body(body).unwrap();
        let rejection = Post::from_request(request, &()).await.unwrap_err();
        assert_eq!(lines(&rejection), [expected]);
    }
}

#[tokio::test]
async fn unknown_parts_are_rejected_with_deny_unknown() {
    #[derive(Debug, Extract)]
    #[extract(deny_unknown)]
    struct Strict {
        #[part]
        title: String,
    }
    let body = Body::from(parts(&[("title", None, "t"), ("titel", None, "t")]));
    let request = Request::post("/").header("content-type", KIND).body(body).unwrap();
    let rejection = Strict::from_request(request, &()).await.unwrap_err();
    assert_eq!(lines(&rejection), ["part titel unknown"]);
    assert_eq!(rejection.errors()[0].detail(), "no such key: did you mean `title`?");
    let body = Body::from(parts(&[("title", None, "t")]));
    let request = Request::post("/").header("content-type", KIND).body(body).unwrap();
    assert_eq!(Strict::from_request(request, &()).await.unwrap().title, "t");
}

#[test]
fn names_of_parts_are_read_in_every_form() {
    #[derive(Debug, Extract)]
    struct Put {
        #[form]
        title: String,
        #[part]
        image: Upload,
    }
    let body = "--b\r\nContent-Disposition: form-data; Name=title\r\n\r\nWays\r\n\
        --b\r\ncontent-disposition: form-data; NAME=\"image\"; filename=\"?.png\"; \
        FileName*=UTF-8''%e2%82%ac.png\r\n\r\nPNG\r\n--b--\r\n";
    let parts = get("/", &[("content-type", "multipart/form-data; boundary=b")]);
    let put = Put::extract(&parts, &[], crate::bytes(body)).unwrap();
    assert_eq!((&*put.title, put.image.file_name()), ("Ways", Some("€.png")));
}
