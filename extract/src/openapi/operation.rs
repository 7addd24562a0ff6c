//! Operation: parameters, body and responses of one struct.

use std::mem;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::descriptor::body::BodyPlan;
use crate::descriptor::field::HeadPlan;
use crate::field::slots::Layout;
use crate::openapi::answer::{Answers, DESCRIPTION, media};
use crate::openapi::schema::{SchemaFn, SchemaSet};

/// The metadata key of a route's operation, as JSON.
pub(crate) const METADATA_KEY: &str = "openapi";

/// The description of a field beside its name and its type.
#[derive(Clone, Copy, Debug)]
pub struct FieldDescription {
    /// Whether the server rejects a request without it.
    pub required: bool,
    /// Whether it is a list.
    pub many: bool,
    /// Whether the list is one comma-separated value.
    pub csv: bool,
    /// Whether the value is the type's JSON, so that an unknown schema allows anything.
    pub json: bool,
    /// Maximum bytes of one value.
    pub limit: Option<u64>,
    /// Minimum number of items.
    pub min_items: usize,
    /// The default, as JSON.
    pub default: Option<&'static str>,
    /// The doc comment.
    pub doc: &'static str,
}

impl FieldDescription {
    /// An optional scalar without a comment.
    pub const NONE: Self = Self {
        required: false,
        many: false,
        csv: false,
        json: false,
        limit: None,
        min_items: 0,
        default: None,
        doc: "",
    };
}

/// The schema of an object whose properties are fields.
#[derive(Debug, Default)]
struct ObjectSchema {
    properties: Map<String, Value>,
    required: Vec<String>,
}

impl ObjectSchema {
    fn schema(self, closed: bool) -> Value {
        let mut schema = json!({"type": "object", "properties": self.properties});
        if closed {
            schema["additionalProperties"] = false.into();
        }
        if !self.required.is_empty() {
            schema["required"] = self.required.into();
        }
        schema
    }
}

/// The operation of a struct's route: parameters, body, responses.
#[derive(Debug, Default)]
pub struct Operation {
    schemas: SchemaSet,
    prefix: String,
    doc: &'static str,
    parameters: Vec<Value>,
    members: Option<ObjectSchema>,
    form: Option<ObjectSchema>,
    parts: Option<ObjectSchema>,
    bodies: Vec<(&'static str, Value)>,
    body_required: bool,
    closed: bool,
    rules: Option<ProblemConditions>,
    answers: Answers,
    error_answers: Option<Answers>,
}

/// The conditions for the problem documents of extraction.
#[derive(Clone, Copy, Debug)]
struct ProblemConditions {
    head: HeadPlan,
    plan: BodyPlan,
    validated: bool,
}

impl ProblemConditions {
    /// Returns the statuses of problems; `has_path`: there are path variables, `has_others`: other parameters.
    fn problems(&self, has_path: bool, has_others: bool) -> Vec<&'static str> {
        let Self { head, plan, validated } = self;
        let has_content_type = plan.json | plan.form | plan.multipart | plan.text;
        let is_404 = has_path && head.path_is_404;
        let all = [
            ("400", has_others | head.deny_query | has_content_type | plan.any | (has_path && !is_404)),
            ("404", is_404),
            ("413", plan.reads()),
            ("415", has_content_type),
            ("422", has_content_type | *validated),
        ];
        all.into_iter().filter(|(_, can)| *can).map(|(status, _)| status).collect()
    }
}

impl Operation {
    /// Returns the operation of a struct, as a metadata text.
    pub(crate) fn of(describe: impl FnOnce(&mut Self)) -> String {
        let mut operation = Self::default();
        describe(&mut operation);
        operation.finish().to_string()
    }

    /// Sets what the struct reads. The outer struct, which comes first, includes flattened ones.
    pub fn rules<L: Layout>(&mut self, validated: bool) {
        self.rules.get_or_insert(ProblemConditions { head: L::HEAD, plan: L::BODY, validated });
    }

    /// Sets the doc comment.
    pub fn doc(&mut self, doc: &'static str) {
        if self.doc.is_empty() {
            self.doc = doc;
        }
    }

    /// Adds a parameter of `path`, `query`, `header` or `cookie`.
    pub fn parameter(
        &mut self,
        place: &'static str,
        name: &str,
        description: FieldDescription,
        schema_fn: SchemaFn,
    ) {
        // OpenAPI 3.1, 4.8.12.1: these headers are described elsewhere.
        let said = ["accept", "authorization", "content-type"];
        if place == "header" && said.iter().any(|said| name.eq_ignore_ascii_case(said)) {
            return;
        }
        let name = match place {
            "path" | "header" => name.to_owned(),
            _ => self.named(name),
        };
        // A parameter that several structs read is added once.
        if self.parameters.iter().any(|known| known["name"] == *name && known["in"] == place) {
            return;
        }
        let mut parameter = json!({
            "name": name,
            "in": place,
            "required": description.required || place == "path",
            "schema": self.schema(description, schema_fn),
        });
        if description.csv && place == "query" {
            parameter["explode"] = false.into();
        }
        if !description.doc.is_empty() {
            parameter["description"] = description.doc.into();
        }
        self.parameters.push(parameter);
    }

    /// Adds a member of a JSON body.
    pub fn member(&mut self, name: &str, description: FieldDescription, schema_fn: SchemaFn) {
        let (name, schema) = (self.named(name), self.described(description, schema_fn));
        put(&mut self.members, name, schema, description);
        self.body_required |= description.required;
    }

    /// Adds a field of a form.
    pub fn form(&mut self, name: &str, description: FieldDescription, schema_fn: SchemaFn) {
        let (name, schema) = (self.named(name), self.described(description, schema_fn));
        put(&mut self.form, name, schema, description);
        self.body_required |= description.required;
    }

    /// Adds a part of a multipart body; `binary`: it is a file.
    pub fn part(&mut self, name: &str, binary: bool, description: FieldDescription, schema_fn: SchemaFn) {
        let file: SchemaFn =
            |_| Some(json!({"type": "string", "contentMediaType": "application/octet-stream"}));
        let schema_fn = if binary { file } else { schema_fn };
        let (name, schema) = (self.named(name), self.described(description, schema_fn));
        put(&mut self.parts, name, schema, description);
        self.body_required |= description.required;
    }

    /// Adds one content type of the whole body.
    pub fn body(&mut self, kind: &'static str, description: FieldDescription, schema_fn: SchemaFn) {
        let schema = match kind {
            "application/octet-stream" => json!({}),
            _ => self.described(description, schema_fn),
        };
        self.bodies.push((kind, schema));
        self.body_required |= description.required;
    }

    /// Excludes other members of the JSON body.
    pub fn closed(&mut self) {
        self.closed = true;
    }

    /// Adds the query parameters without a known name.
    pub fn rest(&mut self, name: &'static str, doc: &'static str) {
        let schema = json!({"type": "object", "additionalProperties": {"type": "string"}});
        let mut parameter = json!({"name": name, "in": "query", "required": false, "style": "form", "explode": true, "schema": schema});
        if !doc.is_empty() {
            parameter["description"] = doc.into();
        }
        self.parameters.push(parameter);
    }

    /// Adds the JSON of a successful response; `many`: it is a list.
    pub fn answer(&mut self, many: bool, schema_fn: SchemaFn) {
        let description = FieldDescription { many, json: true, ..FieldDescription::NONE };
        let schema = self.schema(description, schema_fn);
        self.answers.content(StatusCode::OK, DESCRIPTION, "application/json", schema);
    }

    /// Sets whether the next responses have any status.
    pub fn any_status(&mut self, any: bool) {
        self.answers.any_status = any;
    }

    /// Returns the responses.
    pub fn answers(&mut self) -> &mut Answers {
        &mut self.answers
    }

    /// Returns the responses that replace the problem documents.
    pub fn error_answers(&mut self) -> &mut Answers {
        self.error_answers.get_or_insert_default()
    }

    /// Adds the fields of an inner struct with a prefix.
    pub fn prefixed(&mut self, prefix: &str, describe: impl FnOnce(&mut Self)) {
        let outer = self.prefix.len();
        self.prefix.push_str(prefix);
        // The comment and the responses of the inner struct are not those of the operation.
        let doc = mem::replace(&mut self.doc, " ");
        let (answers, error_answers) = (mem::take(&mut self.answers), self.error_answers.take());
        describe(self);
        (self.doc, self.answers, self.error_answers) = (doc, answers, error_answers);
        self.prefix.truncate(outer);
    }

    /// Returns the operation and the schemas that it refers to.
    fn finish(self) -> Value {
        let mut operation = Map::new();
        let (summary, rest) = self.doc.split_once("\n\n").unwrap_or((self.doc, ""));
        for (key, text) in [("summary", summary.replace('\n', " ")), ("description", rest.to_owned())] {
            if !text.trim().is_empty() {
                operation.insert(key.into(), text.trim().into());
            }
        }
        let mut contents = Map::new();
        for (kind, object, closed) in [
            ("application/json", self.members, self.closed),
            ("application/x-www-form-urlencoded", self.form, false),
            ("multipart/form-data", self.parts, false),
        ] {
            if let Some(object) = object {
                contents.insert(kind.into(), json!({"schema": object.schema(closed)}));
            }
        }
        for (kind, schema) in self.bodies {
            // Raw bytes beside a parsed body are the same body.
            if kind != "application/octet-stream" || contents.is_empty() {
                contents.insert(kind.into(), media(schema));
            }
        }
        let has_path = self.parameters.iter().any(|parameter| parameter["in"] == "path");
        let has_others = self.parameters.iter().any(|parameter| parameter["in"] != "path");
        if has_path | has_others {
            operation.insert("parameters".into(), self.parameters.into());
        }
        if !contents.is_empty() {
            let body = json!({"content": contents, "required": self.body_required});
            operation.insert("requestBody".into(), body);
        }
        let problems = self.rules.map(|rules| rules.problems(has_path, has_others)).unwrap_or_default();
        let responses = match self.error_answers {
            Some(error_answers) => self.answers.finish_with(error_answers),
            None => self.answers.finish(&problems),
        };
        operation.insert("responses".into(), responses.into());
        json!({"operation": operation, "schemas": self.schemas.finish()})
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn described(&mut self, description: FieldDescription, schema_fn: SchemaFn) -> Value {
        let mut schema = self.schema(description, schema_fn);
        if !description.doc.is_empty() && schema.is_object() {
            schema["description"] = description.doc.into();
        }
        schema
    }

    fn schema(&mut self, description: FieldDescription, schema_fn: SchemaFn) -> Value {
        let unknown = if description.json { json!({}) } else { json!({"type": "string"}) };
        let mut schema = schema_fn(&mut self.schemas).unwrap_or(unknown);
        if let (Some(limit), true) = (description.limit, schema["type"] == "string") {
            schema["maxLength"] = limit.into();
        }
        if description.many {
            schema = json!({"type": "array", "items": schema});
            if description.min_items > 0 {
                schema["minItems"] = description.min_items.into();
            }
        }
        if let Some(default) = description.default.and_then(|json| serde_json::from_str::<Value>(json).ok()) {
            schema["default"] = default;
        }
        schema
    }
}

fn put(object: &mut Option<ObjectSchema>, name: String, schema: Value, description: FieldDescription) {
    let object = object.get_or_insert_default();
    if description.required {
        object.required.push(name.clone());
    }
    object.properties.insert(name, schema);
}
