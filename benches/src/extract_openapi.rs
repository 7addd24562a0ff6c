//! The reference document of extract's tests, validated by the official schema of OpenAPI 3.1.
//!
//! That schema does not restrict Schema Objects, so the meta-schema of JSON Schema 2020-12 validates them, with
//! the same dynamic reference as in the official `schema-base`.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

const DOCUMENT: &str = include_str!("../../extract/tests/data/openapi.json");
const OFFICIAL: &str = include_str!("../../extract/tests/data/openapi-3.1-schema.json");

struct Validator {
    schemas: Schemas,
    whole: SchemaIndex,
}

impl Validator {
    fn new() -> Self {
        let official: Value = serde_json::from_str(OFFICIAL).unwrap();
        let id = official["$id"].as_str().unwrap().to_owned();
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": id,
            "$defs": {
                "schema": {"$dynamicAnchor": "meta", "$ref": "https://json-schema.org/draft/2020-12/schema"},
            },
        });
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.add_resource(&id, official).unwrap();
        compiler.add_resource("mem:///whole.json", whole).unwrap();
        let whole = compiler.compile("mem:///whole.json", &mut schemas).unwrap();
        Self { schemas, whole }
    }

    fn check(&self, document: &Value) -> Result<(), String> {
        self.schemas.validate(document, self.whole).map_err(|error| format!("{error:#}"))
    }
}

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

#[test]
fn the_document_is_valid() {
    Validator::new().check(&document()).unwrap();
}

/// The document of the admin API is kept in the same way.
#[test]
fn the_document_of_the_admin_api_is_valid() {
    const ADMIN: &str = include_str!("../../fault/admin/docs/openapi.json");
    Validator::new().check(&serde_json::from_str(ADMIN).unwrap()).unwrap();
}

/// Changes, adds, or with `null` removes a member of the document.
fn changed(place: &str, member: &str, value: Value) -> Value {
    let mut document = document();
    let object = document.pointer_mut(place).and_then(Value::as_object_mut);
    let object = object.unwrap_or_else(|| panic!("there is no object at {place}"));
    if value.is_null() {
        assert!(object.remove(member).is_some(), "{place} has no {member}");
    } else {
        object.insert(member.to_owned(), value);
    }
    document
}

#[test]
fn invalid_documents_are_rejected() {
    const LIST: &str = "/paths/~1users~1{user}~1posts~1{year}-{slug}/get";
    const USER: &str = "/paths/~1users~1{user}~1posts~1{year}-{slug}/get/parameters/0";
    const LIMIT: &str = "/paths/~1users~1{user}~1posts~1{year}-{slug}/get/parameters/3";
    const KNOCK: &str = "/paths/~1office/get/responses";
    const LOGIN: &str = "/paths/~1{tenant}~1login/post/requestBody";
    let form = format!("{LOGIN}/content/application~1x-www-form-urlencoded/schema");
    let limit = format!("{LIMIT}/schema");
    let changes = [
        ("", "openapi", json!("3.0.3")),
        ("", "info", json!(null)),
        ("", "router", json!("waylay")),
        ("/info", "title", json!(null)),
        ("/paths", "office", json!({})),
        ("/paths/~1office", "fetch", json!({})),
        (LIST, "parametres", json!([])),
        (LIST, "parameters", json!({})),
        (LIST, "tags", json!("blog")),
        (USER, "required", json!(false)),
        (USER, "required", json!(null)),
        (USER, "name", json!(null)),
        (USER, "in", json!("body")),
        (USER, "style", json!("deepObject")),
        (USER, "schema", json!(null)),
        (USER, "content", json!({"text/plain": {}})),
        (KNOCK, "20", json!({"description": "x"})),
        ("/paths/~1office/get/responses/404", "description", json!(null)),
        (LOGIN, "content", json!(null)),
        (LOGIN, "required", json!("yes")),
        ("/components/schemas", "not a name", json!({})),
        ("/components", "schema", json!({})),
        // Rejected by the meta-schema only.
        (&form, "type", json!("objekt")),
        (&form, "required", json!(true)),
        (&form, "properties", json!([])),
        (&limit, "maximum", json!("255")),
        (&limit, "pattern", json!(7)),
        ("/components/schemas/Point", "properties", json!({"x": {"minLength": -1}})),
    ];
    let validator = Validator::new();
    for (place, member, value) in changes {
        let change = format!("{place}/{member} = {value}");
        assert!(validator.check(&changed(place, member, value)).is_err(), "accepted: {change}");
    }
}
