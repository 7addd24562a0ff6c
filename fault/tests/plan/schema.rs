//! The JSON Schema that is checked in is that of the code, and accepts what the reader accepts.

use waylay_fault::FaultPlan;

#[test]
fn the_schema_in_docs_is_that_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/plan.schema.json");
    let schema = FaultPlan::json_schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    assert!(text == schema, "docs/plan.schema.json is old; run this test with UPDATE_SCHEMA=1");
}

/// Every reference leads to a definition.
#[test]
fn the_schema_is_whole() {
    let schema: serde_json::Value = serde_json::from_str(&FaultPlan::json_schema()).unwrap();
    fn references(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(map) => {
                found.extend(map.get("$ref").and_then(|name| name.as_str()).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let name = reference.strip_prefix("#/$defs/").unwrap().replace("%20", " ");
        assert!(schema["$defs"][&name].is_object(), "{reference}");
    }
}
