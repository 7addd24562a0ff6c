//! Forms, multipart bodies and bodies of several types.

use axum_core::{body::Body, extract::FromRequest};
use bytes::Bytes;
use http::Request;
use waylay_extract::{Extract, Rejection};

use crate::{get, lines};

const FORM: &str = "application/x-www-form-urlencoded";

async fn post<T: FromRequest<(), Rejection = Rejection>>(kind: &str, body: &str) -> Result<T, Rejection> {
    let request = Request::post("/").header("content-type", kind).body(Body::from(body.to_owned()));
    T::from_request(request.unwrap(), &()).await
}

#[derive(Debug, Extract)]
#[extract(deny_unknown(form, part), limit = 5000, max_params = 10)]
struct SignUp {
    #[form]
    name: String,
    #[form]
    age: Option<u8>,
    #[form(default = true)]
    news: bool,
    #[form(csv, alias = "tag[]")]
    tag: Vec<String>,
}

fn sign_up(kind: &str, body: &str) -> Result<String, (u16, Vec<String>)> {
    let parts = get("/", &[("content-type", kind)]);
    match SignUp::extract(&parts, &[], Bytes::copy_from_slice(body.as_bytes())) {
        Ok(SignUp { name, age, news, tag }) => Ok(format!("{name} {age:?} {news} {tag:?}")),
        Err(rejection) => Err((rejection.status().as_u16(), lines(&rejection))),
    }
}

/// Content type, body, the value or the errors.
type Row = (&'static str, &'static str, Result<&'static str, (u16, &'static [&'static str])>);

#[test]
fn a_form_is_read_as_a_query_is() {
    let rows: &[Row] = &[
        (FORM, "name=a+b&age=7&news=0&tag=x,y&tag=z", Ok(r#"a b Some(7) false ["x", "y", "z"]"#)),
        (FORM, "name=%C3%A9&age=&tag%5B%5D=x", Ok(r#"é None true ["x"]"#)),
        ("Application/X-WWW-form-urlencoded; charset=utf-8", "name=a", Ok("a None true []")),
        (FORM, "age=x&name=%zz", Err((422, &["form name bad_escape", "form age invalid"]))),
        (FORM, "nmae=a", Err((422, &["form name missing", "form nmae unknown"]))),
        (FORM, "", Err((400, &["body  missing"]))),
        ("application/json", "{}", Err((415, &["body  unsupported_media_type"]))),
        ("", "name=a", Err((415, &["body  unsupported_media_type"]))),
    ];
    for (kind, body, expected) in rows {
        let expected = match expected {
            Ok(value) => Ok((*value).to_owned()),
            Err((status, errors)) => Err((*status, errors.iter().map(ToString::to_string).collect())),
        };
        assert_eq!(sign_up(kind, body), expected, "{kind} {body}");
    }
    let bad = get("/", &[("content-type", FORM)]);
    let rejection = SignUp::extract(&bad, &[], Bytes::from_static(b"name=\xff")).unwrap_err();
    assert_eq!((rejection.status().as_u16(), lines(&rejection)), (400, vec!["body  bad_utf8".into()]));
    let many = ["tag=x"; 11].join("&");
    let expected = vec!["form name missing".into(), "form  too_many".into()];
    assert_eq!(sign_up(FORM, &many), Err((422, expected)));
}

#[derive(Debug, Extract)]
struct Signed {
    #[form]
    name: String,
    #[form(rest)]
    rest: Vec<(String, String)>,
    #[body(bytes)]
    raw: Bytes,
}

#[tokio::test]
async fn a_form_keeps_its_bytes_and_its_rest() {
    let signed: Signed = post(FORM, "x=1&name=a").await.unwrap();
    assert_eq!((&*signed.name, &*signed.raw), ("a", b"x=1&name=a".as_slice()));
    assert_eq!(signed.rest, [("x".to_owned(), "1".to_owned())]);
}

#[tokio::test]
async fn a_body_may_be_one_of_several_types() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Point {
        x: u8,
        #[serde(default)]
        tag: Vec<String>,
    }

    #[derive(Debug, Extract)]
    struct Put {
        #[body(json, form, text)]
        point: Text,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(transparent)]
    struct Text(Point);

    impl std::str::FromStr for Text {
        type Err = std::num::ParseIntError;

        fn from_str(text: &str) -> Result<Self, Self::Err> {
            Ok(Text(Point { x: text.parse()?, tag: Vec::new() }))
        }
    }

    let rows: &[(&str, &str, Result<u8, &str>)] = &[
        ("application/json", r#"{"x": 3}"#, Ok(3)),
        ("application/geo+json", r#"{"x": 3}"#, Ok(3)),
        (FORM, "x=3&tag=a&tag=b", Ok(3)),
        ("text/plain", "3", Ok(3)),
        ("application/json", r#"{"x": 300}"#, Err("body /x invalid")),
        (FORM, "tag=a", Err("body  missing")),
        (FORM, "x=s3cret", Err("body  invalid")),
        ("text/plain", "s3cret", Err("body  invalid")),
        ("application/xml", "<x/>", Err("body  unsupported_media_type")),
        ("application/json", "", Err("body  missing")),
    ];
    for (kind, body, expected) in rows {
        let read = post::<Put>(kind, body).await;
        if let Err(rejection) = &read {
            assert!(!format!("{rejection:?}").contains("s3cret"), "{rejection:?}");
        }
        let read = read.map(|put| put.point.0.x).map_err(|rejection| lines(&rejection).join(","));
        assert_eq!(read, expected.map_err(str::to_owned), "{kind} {body}");
    }

    let rejection = post::<Put>("application/xml", "<x/>").await.unwrap_err();
    let answer = axum_core::response::IntoResponse::into_response(rejection);
    assert_eq!(answer.headers()["accept"], "application/json, application/x-www-form-urlencoded, text/plain");
}

#[tokio::test]
async fn a_body_may_be_passed_on_unread() {
    use http_body_util::BodyExt;

    #[derive(Debug, Extract)]
    struct Put {
        #[query]
        _page: Option<u8>,
        #[body(stream, limit = "1KiB")]
        body: Body,
    }
    let put: Put = post("any/thing", "content").await.unwrap();
    assert_eq!(put.body.collect().await.unwrap().to_bytes(), "content");
    let put: Put = post("any/thing", "").await.unwrap();
    assert_eq!(put.body.collect().await.unwrap().to_bytes(), "");
    let large = post::<Put>("any/thing", &"x".repeat(1025)).await.unwrap_err();
    assert_eq!((large.status().as_u16(), lines(&large)), (413, vec!["body  too_large".into()]));
    // For a body of unknown length, the limit is an error of the stream.
    let (frames, hint) = (vec!["x"; 1025], None);
    let body = Body::new(crate::body::Frames { frames, hint });
    let put = Put::from_request(Request::post("/").body(body).unwrap(), &()).await.unwrap();
    assert!(put.body.collect().await.is_err());
}

#[test]
fn flattened_structs_may_read_the_body_as_well() {
    #[derive(Debug, Extract)]
    struct Address {
        #[json]
        city: String,
        #[json]
        lines: Option<Vec<u8>>,
    }

    #[derive(Debug, Extract)]
    #[extract(deny_unknown(json))]
    struct Order {
        #[json]
        total: u32,
        #[flatten(body, prefix = "from_")]
        from: Address,
        #[flatten(body)]
        to: Address,
    }
    let read = |body: &'static str| {
        let read = Order::extract(&crate::json(), &[], Bytes::from_static(body.as_bytes()));
        read.map(|order| {
            format!("{} {} {} {:?}", order.total, order.from.city, order.to.city, order.to.lines)
        })
        .map_err(|rejection| lines(&rejection).join(", "))
    };
    let body = r#"{"total": 3, "from_city": "a", "city": "b", "lines": [1]}"#;
    assert_eq!(read(body).unwrap(), "3 a b Some([1])");
    let errors = read(r#"{"totl": 3, "from_city": 1, "city": "b", "lines": [1, 256], "from_lines": "x"}"#);
    let expected = "body /total missing, body /from_city invalid, body /from_lines invalid, \
        body /lines/1 invalid, body /totl unknown";
    assert_eq!(errors.unwrap_err(), expected);
    assert_eq!(read("{").unwrap_err(), "body  malformed");
}
