//! Declared bounds of fields, in the errors of a request and in documents.

#![allow(dead_code, reason = "of some structs only the errors count")]

use waylay_extract::{Extract, Rejection};

use crate::{bytes, get, lines};

const MOST: u16 = 500;

#[derive(Debug, Extract)]
struct Order {
    #[param(max = 99)]
    id: u32,
    #[query(min = 1, max = MOST)]
    page: Option<u16>,
    #[query(min = -1.5, multiple_of = 0.25)]
    share: Option<f64>,
    #[query(csv, max = 9, multiple_of = 3)]
    ids: Vec<i8>,
    #[header("x-code", pattern = r"^\d{2}-\w+$")]
    code: Option<String>,
    #[cookie("sid", min_length = 3, max_length = 4)]
    sid: Option<String>,
    #[json(min = 1, max = 5)]
    stars: u8,
    #[json(min_length = 2)]
    title: Option<String>,
    #[json(max_length = 3, default)]
    tags: Vec<String>,
    // A default is the program's own.
    #[json(min = 10, default = 0)]
    size: u8,
}

fn read(uri: &str, id: &str, headers: &[(&str, &str)], body: &str) -> Result<Order, Rejection> {
    let headers = [&[("content-type", "application/json")], headers].concat();
    Order::extract(&get(uri, &headers), &[("id", id)], bytes(body))
}

fn details(rejection: &Rejection) -> Vec<String> {
    rejection.errors().iter().map(ToString::to_string).collect()
}

#[test]
fn values_within_their_bounds_are_read() {
    let headers = [("x-code", "12-ab"), ("cookie", "sid=%C3%A9%C3%A9%C3%A9%C3%A9")];
    let body = r#"{"stars": 5, "title": "éé", "tags": ["abc", ""], "size": 10}"#;
    let order = read("/?page=500&share=-1.25&ids=3,-6,9", "99", &headers, body).unwrap();
    assert_eq!((order.page, order.share, &*order.ids), (Some(500), Some(-1.25), [3i8, -6, 9].as_slice()));
    assert_eq!(read("/", "0", &[], r#"{"stars": 1}"#).unwrap().size, 0);
}

#[test]
fn every_bound_is_reported_with_every_other_error() {
    let headers = [("x-code", "٣٣-ab"), ("cookie", "sid=a")];
    let body = r#"{"stars": 6, "title": "x", "tags": ["ab", "abcd", "abcde"], "size": 9}"#;
    let rejection = read("/?page=0&share=-1.6&ids=3,x,12", "100", &headers, body).unwrap_err();
    assert_eq!(
        details(&rejection),
        [
            "path `id`: expected at most 99",
            "query `page`: expected at least 1",
            "query `share`: expected at least -1.5",
            "query `share`: expected a multiple of 0.25",
            "query `ids`: item 2: expected an integer from -128 to 127",
            "header `x-code`: expected text that matches `^\\d{2}-\\w+$`",
            "cookie `sid`: expected at least 3 characters",
            "body `/stars`: expected at most 5",
            "body `/title`: expected at least 2 characters",
            "body `/tags/1`: expected at most 3 characters",
            "body `/tags/2`: expected at most 3 characters",
            "body `/size`: expected at least 10",
        ]
    );
    // The status is that of the most severe error, a field that is not a number.
    assert_eq!(rejection.status(), 400);

    let rejection = read("/?ids=3,4,12", "1", &[], r#"{"stars": 1}"#).unwrap_err();
    assert_eq!(rejection.status(), 422);
    assert_eq!(
        details(&rejection),
        ["query `ids`: item 2: expected a multiple of 3", "query `ids`: item 3: expected at most 9"]
    );
    assert_eq!(lines(&rejection)[0], "query ids failed_check");
}

#[cfg(feature = "garde")]
#[test]
fn what_garde_declares_is_checked_beside_invalid_fields() {
    use garde::Validate;

    #[derive(Debug, Extract, Validate)]
    #[extract(validate(garde))]
    struct SignUp {
        #[query]
        #[garde(range(min = 18))]
        age: u8,
        #[query]
        #[garde(length(chars, min = 2, max = 4), ascii)]
        name: String,
        #[query]
        #[garde(skip)]
        page: u16,
        #[json]
        #[garde(length(max = 3))]
        title: Option<String>,
    }
    let read = |uri: &str, body: &str| {
        let parts = http::Request::get(uri).header("content-type", "application/json").body(()).unwrap();
        lines(&SignUp::extract(&parts.into_parts().0, &[], bytes(body)).unwrap_err())
    };
    // A field that is not a number does not suppress the other errors.
    let all = ["query age failed_check", "query name failed_check", "body /title failed_check"];
    assert_eq!(read("/?age=7&name=a&page=1", r#"{"title": "abcd"}"#), all);
    let [age, name, title] = all;
    assert_eq!(
        read("/?age=7&name=a&page=x", r#"{"title": "abcd"}"#),
        ["query page invalid", age, name, title]
    );
}

#[cfg(feature = "validator")]
#[test]
fn what_validator_declares_is_checked_beside_invalid_fields() {
    use validator::Validate;

    #[derive(Debug, Extract, Validate)]
    #[extract(validate(validator))]
    struct SignUp {
        #[query]
        #[validate(range(min = 18, max = 99))]
        age: Option<u8>,
        #[query]
        #[validate(length(equal = 3))]
        name: String,
        #[query]
        page: u16,
    }
    let read = |uri: &str| lines(&SignUp::extract_parts(&get(uri, &[]), &[]).unwrap_err());
    assert_eq!(read("/?age=7&name=ab&page=1"), ["query age failed_check", "query name failed_check"]);
    assert_eq!(
        read("/?age=100&name=abcd&page=x"),
        ["query page invalid", "query age failed_check", "query name failed_check"]
    );
    assert_eq!(read("/?name=abc&page=x"), ["query page invalid"]);
}

#[cfg(feature = "openapi")]
#[test]
fn documents_show_bounds_and_statuses() {
    use ::axum::Json;
    use axum_core::response::IntoResponse;
    use http::StatusCode;
    use serde_json::{Value, json};
    use waylay_extract::{OpenApiExt, RouteExt, RouterExt, Status, routes};
    use waylay_router::{Route, Router};

    #[derive(Extract, garde::Validate)]
    #[route(GET "/bounded", answer = Status<202, Vec<u8>>)]
    #[extract(validate(garde))]
    struct Bounded {
        #[query(min = 1, max = MOST, multiple_of = 1)]
        #[garde(skip)]
        page: u16,
        #[query(pattern = r"^\d+$", max_length = 9)]
        #[garde(skip)]
        code: String,
        #[query]
        #[garde(range(min = -3, max = 1_000_000))]
        number: Option<i64>,
        #[query]
        #[garde(length(chars, max = 5))]
        text: String,
        #[query]
        #[garde(length(min = 1, max = 2))]
        list: Vec<u8>,
    }

    #[derive(Extract)]
    #[route(POST "/declared", status = [200, 201])]
    struct Declared {}

    #[derive(Extract)]
    #[route(PUT "/declared", answer = u8, status = 201)]
    struct Replaced {}

    #[derive(Extract)]
    #[route(DELETE "/declared")]
    struct Removed {}

    type Created = Status<201, Json<u8>>;

    #[derive(Extract)]
    struct Api {}

    #[routes]
    impl Api {
        pub(crate) async fn declared(&self, _: Declared) -> Result<(StatusCode, Json<u8>), Rejection> {
            Ok((StatusCode::CREATED, Json(7)))
        }

        pub(crate) async fn removed(&self, _: Removed) -> Status<204> {
            Status(())
        }
    }

    #[derive(Extract)]
    #[route(PATCH "/declared", answer = Result<Created, Rejection>)]
    struct Changed {}

    let router = Router::builder()
        .endpoints::<Api>()
        .endpoint(async |_: Bounded| "")
        .endpoint(async |_: Replaced| "")
        .route(Route::of::<Changed>().to(async |_: Changed| Status::<201, _>(Json(7u8))))
        .build()
        .unwrap();
    let document = router.openapi("x", "1").into_value();
    let schema = |at: usize| document["paths"]["/bounded"]["get"]["parameters"][at]["schema"].clone();
    assert_eq!(schema(0), json!({"type": "integer", "minimum": 1, "maximum": 500, "multipleOf": 1}));
    assert_eq!(schema(1), json!({"type": "string", "pattern": "^\\d+$", "maxLength": 9}));
    let number = json!({"type": "integer", "format": "int64", "minimum": -3, "maximum": 1_000_000});
    assert_eq!(schema(2), number);
    assert_eq!(schema(3), json!({"type": "string", "maxLength": 5}));
    assert_eq!((&schema(4)["minItems"], &schema(4)["maxItems"]), (&json!(1), &json!(2)));

    let statuses = |path: &str, method: &str| -> Vec<String> {
        let responses = document["paths"][path][method]["responses"].as_object().unwrap();
        let kind = |response: &Value| response["content"]["application/json"]["schema"]["type"].clone();
        let line = |(status, response): (&String, &Value)| format!("{status} {}", kind(response));
        responses.iter().filter(|(_, response)| response.get("$ref").is_none()).map(line).collect()
    };
    assert_eq!(statuses("/bounded", "get"), ["202 \"array\""]);
    assert_eq!(statuses("/declared", "post"), ["200 \"integer\"", "201 \"integer\""]);
    assert_eq!(statuses("/declared", "put"), ["201 \"integer\""]);
    assert_eq!(statuses("/declared", "delete"), ["204 null"]);
    // Under another name the type's own trait is used, without a schema.
    assert_eq!(statuses("/declared", "patch"), ["201 null"]);
    let created: Created = Status(Json(7));
    assert_eq!(created.into_response().status(), 201);
    for (status, name) in [("400", "BadRequest"), ("422", "UnprocessableContent")] {
        let reference = &document["paths"]["/bounded"]["get"]["responses"][status]["$ref"];
        assert_eq!(reference, &json!(format!("#/components/responses/{name}")));
        assert!(document["components"]["responses"][name]["description"].is_string());
    }
}
