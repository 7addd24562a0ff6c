//! The OpenAPI document: kept, complete, and agreeing with the server.

use serde_json::Value;

use crate::support::Server;

/// The document is a file; `benches` validates it against the official schema.
#[tokio::test]
async fn the_document_is_unchanged() {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let server = Server::start().await;
    let document = format!("{:#}\n", server.document());
    if std::env::var_os("KEEP").is_some() {
        std::fs::write(place, &document).unwrap();
    }
    let kept = std::fs::read_to_string(place).unwrap_or_default();
    assert!(document == kept, "run this test with KEEP=1, and look at the difference");
}

#[tokio::test]
async fn every_operation_is_described() {
    let server = Server::start().await;
    let mut count = 0;
    for (path, item) in server.document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            count += 1;
            assert!(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{method} {path}");
            for status in ["400", "401", "403", "421"] {
                assert!(operation["responses"].get(status).is_some(), "{method} {path}: {status}");
            }
            let needs_token = operation["security"] == serde_json::json!([{"token": []}]);
            assert_eq!(needs_token, method != "get", "{method} {path}");
            let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
            for parameter in parameters {
                assert!(
                    parameter["description"].is_string() || parameter["schema"]["description"].is_string(),
                    "{method} {path}: {parameter}"
                );
            }
        }
    }
    assert_eq!(count, 19);
    let mut references = Vec::new();
    collect(server.document(), &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(server.document().pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                match inner.as_str() {
                    Some(to) if key == "$ref" => found.push(to.to_owned()),
                    _ => collect(inner, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}
