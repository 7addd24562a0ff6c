//! Functions that check one field, beside the errors of all other fields.

use std::collections::BTreeMap;

use waylay_extract::{Extract, Invalid, Rejection};

use crate::{bytes, get};

#[derive(Debug, serde::Deserialize)]
struct Line {
    amount: u32,
}

/// A field of each source, with a function that rejects what the tests below send.
#[derive(Debug, Extract)]
struct Order {
    #[param(validate = odd)]
    id: u32,
    #[query(validate = odd, max = 99)]
    page: Option<u32>,
    #[query(csv, validate = ascending)]
    ids: Vec<u8>,
    #[query(csv, validate = ascending)]
    more: Option<Vec<u8>>,
    #[query(nested, validate = named)]
    filter: BTreeMap<String, String>,
    #[header("x-code", validate = no_digits)]
    code: String,
    #[cookie("sid", validate = no_digits)]
    sid: Option<String>,
    #[json(validate = whole_amounts)]
    lines: Vec<Line>,
    // A default is the program's: it is not checked.
    #[json(validate = odd, default = 2)]
    size: u32,
    #[query(default = 4, validate = odd)]
    step: u32,
    #[query]
    night: u8,
}

fn odd(number: &u32) -> Result<(), &'static str> {
    if number % 2 == 1 { Ok(()) } else { Err("expected an odd number") }
}

/// The list of a field, as a slice.
fn ascending(list: &[u8]) -> Result<(), Invalid> {
    let mut errors = Invalid::new();
    for (at, _) in list.windows(2).enumerate().filter(|(_, pair)| pair[0] > pair[1]) {
        errors = errors.with_field(format!("[{}]", at + 1), "expected one not below the one before");
    }
    errors.into_result()
}

fn no_digits(text: &str) -> Result<(), String> {
    match text.chars().find(char::is_ascii_digit) {
        Some(digit) => Err(format!("expected text without `{digit}`")),
        None => Ok(()),
    }
}

fn named(filter: &BTreeMap<String, String>) -> Result<(), Invalid> {
    match filter.keys().find(|key| key.len() > 2) {
        Some(key) => Err(Invalid::field(key.clone(), "expected a short key")),
        None => Ok(()),
    }
}

fn whole_amounts(lines: &[Line]) -> Result<(), Invalid> {
    match lines.iter().position(|line| line.amount == 0) {
        Some(at) => Err(Invalid::field(format!("[{at}].amount"), "expected one that is not zero")),
        None => Ok(()),
    }
}

fn read(uri: &str, id: &str, headers: &[(&str, &str)], body: &str) -> Result<Order, Rejection> {
    let headers = [&[("content-type", "application/json")], headers].concat();
    Order::extract(&get(uri, &headers), &[("id", id)], bytes(body))
}

fn details(rejection: &Rejection) -> Vec<String> {
    rejection.errors().iter().map(ToString::to_string).collect()
}

#[test]
fn values_that_pass_are_read() {
    let headers = [("x-code", "abc"), ("cookie", "sid=abc")];
    let body = r#"{"lines": [{"amount": 1}]}"#;
    let order = read("/?page=7&ids=1,2,2&more=3&filter[a]=b&night=1", "7", &headers, body).unwrap();
    assert_eq!((order.id, order.page, &*order.ids), (7, Some(7), &[1, 2, 2][..]));
    assert_eq!(
        (order.more, order.filter.len(), &*order.code, order.sid.as_deref()),
        (Some(vec![3]), 1, "abc", Some("abc"))
    );
    assert_eq!((order.lines[0].amount, order.size, order.step, order.night), (1, 2, 4, 1));
    // What is absent is not checked.
    assert!(read("/?night=1", "7", &[("x-code", "")], r#"{"lines": []}"#).unwrap().page.is_none());
}

#[test]
fn fields_that_fail_their_check_are_reported_beside_fields_that_do_not_parse() {
    let headers = [("x-code", "a1"), ("cookie", "sid=b2")];
    let body = r#"{"lines": [{"amount": 1}, {"amount": 0}], "size": 8}"#;
    let uri = "/?page=8&ids=3,1,2,0&more=2,1&filter[a]=b&filter[abc]=b&step=6&night=x";
    let rejection = read(uri, "8", &headers, body).unwrap_err();
    assert_eq!(
        details(&rejection),
        [
            "path `id`: expected an odd number",
            "query `page`: expected an odd number",
            "query `ids`: item 2: expected one not below the one before",
            "query `ids`: item 4: expected one not below the one before",
            "query `more`: item 2: expected one not below the one before",
            "query `filter[abc]`: expected a short key",
            "header `x-code`: expected text without `1`",
            "cookie `sid`: expected text without `2`",
            "body `/lines/1/amount`: expected one that is not zero",
            "body `/size`: expected an odd number",
            "query `step`: expected an odd number",
            "query `night`: expected an integer from 0 to 255",
        ]
    );
    assert_eq!(rejection.status(), 400);
    // A function is called with a value within the bounds of its field, and not with an invalid one.
    let rejection =
        read("/?page=100&ids=x,3,1&night=1", "x", &[("x-code", "")], r#"{"lines": 1}"#).unwrap_err();
    assert_eq!(
        details(&rejection),
        [
            "path `id`: expected an integer from 0 to 4294967295",
            "query `page`: expected at most 99",
            "query `ids`: item 1: expected an integer from 0 to 255",
            "body `/lines`: expected a list",
        ]
    );
    let rejection = read("/?night=1", "2", &[("x-code", "")], r#"{"lines": []}"#).unwrap_err();
    assert_eq!(
        (rejection.status().as_u16(), details(&rejection)),
        (422, vec!["path `id`: expected an odd number".into()])
    );
}

#[test]
fn a_whole_body_is_checked() {
    #[derive(Debug, Extract)]
    struct Import {
        #[body(validate = whole_amounts)]
        lines: Vec<Line>,
        #[query]
        _page: u8,
    }

    #[derive(Debug, Extract)]
    struct Note {
        #[body(text, validate = no_digits)]
        _text: Option<String>,
        #[query]
        _page: u8,
    }

    let parts = get("/?_page=x", &[("content-type", "application/json")]);
    let rejection = Import::extract(&parts, &[], bytes(r#"[{"amount": 0}]"#)).unwrap_err();
    let page = "query `_page`: expected an integer from 0 to 255";
    assert_eq!(details(&rejection), ["body `/0/amount`: expected one that is not zero", page]);
    let rejection = Note::extract(&parts, &[], bytes("a7")).unwrap_err();
    assert_eq!(details(&rejection), ["body: expected text without `7`", page]);
    let parts = get("/?_page=1", &[("content-type", "application/json")]);
    assert_eq!(Import::extract(&parts, &[], bytes(r#"[{"amount": 3}]"#)).unwrap().lines.len(), 1);
}

#[test]
fn flattened_structs_check_their_own_fields() {
    #[derive(Debug, Extract)]
    #[extract(validate = in_order)]
    struct Page {
        #[query(validate = odd)]
        first: u32,
        #[query]
        last: u32,
    }

    fn in_order(page: &Page) -> Result<(), &'static str> {
        if page.first <= page.last { Ok(()) } else { Err("expected pages in order") }
    }

    #[derive(Debug, Extract)]
    struct List {
        #[flatten(prefix = "page.")]
        _page: Page,
        #[query]
        _size: u8,
    }

    for (uri, expected) in [
        ("/?page.first=2&page.last=1&_size=x", "query `page.first`: expected an odd number"),
        // A whole flattened struct is validated although a field beside it is invalid.
        ("/?page.first=3&page.last=1&_size=x", "body: expected pages in order"),
    ] {
        let rejection = List::extract_parts(&get(uri, &[]), &[]).unwrap_err();
        assert_eq!(
            details(&rejection),
            [expected, "query `_size`: expected an integer from 0 to 255"],
            "{uri}"
        );
    }
}

#[cfg(feature = "multipart")]
#[test]
fn parts_are_checked() {
    use waylay_extract::Upload;

    #[derive(Debug, Extract)]
    struct Avatar {
        #[part(validate = named_png)]
        _image: Upload,
        #[part(validate = no_digits)]
        _note: Option<String>,
        #[part(json, validate = odd)]
        _size: u32,
        #[part]
        _page: u8,
    }

    fn named_png(upload: &Upload) -> Result<(), &'static str> {
        match upload.file_name() {
            Some(name) if name.ends_with(".png") => Ok(()),
            _ => Err("expected a PNG"),
        }
    }

    let parts = get("/", &[("content-type", "multipart/form-data; boundary=b")]);
    let body = "--b\r\ncontent-disposition: form-data; name=\"_image\"; filename=\"a.gif\"\r\n\r\nx\r\n\
                --b\r\ncontent-disposition: form-data; name=\"_note\"\r\n\r\n7\r\n\
                --b\r\ncontent-disposition: form-data; name=\"_size\"\r\n\r\n8\r\n\
                --b\r\ncontent-disposition: form-data; name=\"_page\"\r\n\r\nx\r\n--b--\r\n";
    let rejection = Avatar::extract(&parts, &[], bytes(body)).unwrap_err();
    assert_eq!(
        details(&rejection),
        [
            "part `_image`: expected a PNG",
            "part `_note`: expected text without `7`",
            "part `_size`: expected an odd number",
            "part `_page`: expected an integer from 0 to 255",
        ]
    );
}
