//! Documents with nested keys and multipart bodies.

use serde_json::{Value, json};
use waylay_extract::{Extract, Multipart, OpenApiExt, RouterExt};
use waylay_router::Router;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Price {
    _least: Option<u32>,
}

#[derive(Extract)]
#[route(POST "/search")]
struct Search {
    /// The maximum price.
    #[query(nested)]
    _price: Option<Price>,
    #[query(nested)]
    _ids: Vec<u8>,
    #[form(nested)]
    _item: Price,
}

#[derive(Extract)]
#[route(POST "/import")]
struct Import {
    #[body(multipart)]
    _parts: Multipart,
}

#[derive(Extract)]
#[route(POST "/any")]
struct Any {
    #[body(json, form, multipart)]
    _price: Price,
}

#[test]
fn nested_keys_are_a_parameter_and_parts_are_a_body() {
    let router = Router::builder()
        .endpoint(async |_: Search| "")
        .endpoint(async |_: Import| "")
        .endpoint(async |_: Any| "")
        .build()
        .unwrap();
    let document = router.openapi("x", "1");
    let post = |path: &str| document.as_value()["paths"][path]["post"].clone();
    let search = post("/search");
    let names: Vec<_> = search["parameters"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["_price", "_ids"]);
    assert_eq!(search["parameters"][0]["description"], "The maximum price.");
    assert_eq!(search["parameters"][0]["required"], false);
    assert_eq!(search["parameters"][1]["schema"]["type"], "array");
    let kinds = |of: Value| -> Vec<String> {
        of["requestBody"]["content"].as_object().unwrap().keys().cloned().collect()
    };
    assert!(kinds(search).contains(&"application/x-www-form-urlencoded".to_owned()));
    let import = post("/import");
    assert_eq!(import["requestBody"]["required"], json!(true));
    assert_eq!(kinds(import), ["multipart/form-data"]);
    let mut any = kinds(post("/any"));
    any.sort();
    assert_eq!(any, ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]);
}
