//! Operation: one struct described.

use std::mem;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::descriptor::body::BodyPlan;
use crate::descriptor::field::HeadPlan;
use crate::field::slots::Layout;
use crate::openapi::answer::{Answers, DESCRIPTION, media};
use crate::openapi::schema::{SchemaFn, SchemaSet};

/// The fact of a route that holds its operation, as JSON.
pub(crate) const METADATA_KEY: &str = "openapi";

/// What is to be known of a field beside its name and its type.
#[derive(Clone, Copy, Debug)]
pub struct FieldDescription {
    /// Whether the server refuses a request without it.
    pub required: bool,
    /// Whether it is a list.
    pub many: bool,
    /// Whether the list is one value with commas.
    pub csv: bool,
    /// Whether the value is the type's own JSON, so that a type of unknown schema may be anything.
    pub json: bool,
    /// The most bytes of one value.
    pub limit: Option<u64>,
    /// The fewest items.
    pub min_items: usize,
    /// What an absent value is, as JSON.
    pub default: Option<&'static str>,
    /// What the field's comment says.
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

/// An object whose properties are fields.
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

/// The operation of a struct's route: parameters, body, answers.
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

/// What decides which problems extraction answers with.
#[derive(Clone, Copy, Debug)]
struct ProblemConditions {
    wants: HeadPlan,
    plan: BodyPlan,
    validated: bool,
}

impl ProblemConditions {
    /// The statuses of problems; `has_path`: there are variables, `has_others`: other parameters.
    fn problems(&self, has_path: bool, has_others: bool) -> Vec<&'static str> {
        let Self { wants, plan, validated } = self;
        let shaped = plan.json | plan.form | plan.multipart | plan.text;
        let missed = has_path && wants.path_is_404;
        let all = [
            ("400", has_others | wants.deny_query | shaped | plan.any | (has_path && !missed)),
            ("404", missed),
            ("413", plan.reads()),
            ("415", shaped),
            ("422", shaped | *validated),
        ];
        all.into_iter().filter(|(_, can)| *can).map(|(status, _)| status).collect()
    }
}

impl Operation {
    /// What a struct says of itself, as the text of a route's fact.
    pub(crate) fn of(describe: impl FnOnce(&mut Self)) -> String {
        let mut operation = Self::default();
        describe(&mut operation);
        operation.finish().to_string()
    }

    /// What the struct reads and how; what a flattened one says is in the outer's.
    pub fn rules<L: Layout>(&mut self, validated: bool) {
        self.rules.get_or_insert(ProblemConditions { wants: L::HEAD, plan: L::BODY, validated });
    }

    /// What the struct's comment says.
    pub fn doc(&mut self, doc: &'static str) {
        if self.doc.is_empty() {
            self.doc = doc;
        }
    }

    /// A parameter: `path`, `query`, `header` or `cookie`.
    pub fn parameter(
        &mut self,
        place: &'static str,
        name: &str,
        description: FieldDescription,
        schema_fn: SchemaFn,
    ) {
        // OpenAPI 3.1, 4.8.12.1: these are said has_others.
        let said = ["accept", "authorization", "content-type"];
        if place == "header" && said.iter().any(|said| name.eq_ignore_ascii_case(said)) {
            return;
        }
        let name = match place {
            "path" | "header" => name.to_owned(),
            _ => self.named(name),
        };
        // What two structs read of one request is one parameter.
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

    /// A member of a JSON body.
    pub fn member(&mut self, name: &str, description: FieldDescription, schema_fn: SchemaFn) {
        let (name, schema) = (self.named(name), self.described(description, schema_fn));
        put(&mut self.members, name, schema, description);
        self.body_required |= description.required;
    }

    /// A member of a form.
    pub fn form(&mut self, name: &str, description: FieldDescription, schema_fn: SchemaFn) {
        let (name, schema) = (self.named(name), self.described(description, schema_fn));
        put(&mut self.form, name, schema, description);
        self.body_required |= description.required;
    }

    /// A part of a multipart body; `binary`: it is a file.
    pub fn part(&mut self, name: &str, binary: bool, description: FieldDescription, schema_fn: SchemaFn) {
        let file: SchemaFn =
            |_| Some(json!({"type": "string", "contentMediaType": "application/octet-stream"}));
        let schema_fn = if binary { file } else { schema_fn };
        let (name, schema) = (self.named(name), self.described(description, schema_fn));
        put(&mut self.parts, name, schema, description);
        self.body_required |= description.required;
    }

    /// The whole body in one of its content types.
    pub fn body(&mut self, kind: &'static str, description: FieldDescription, schema_fn: SchemaFn) {
        let schema = match kind {
            "application/octet-stream" => json!({}),
            _ => self.described(description, schema_fn),
        };
        self.bodies.push((kind, schema));
        self.body_required |= description.required;
    }

    /// Says that the JSON body has no other members.
    pub fn closed(&mut self) {
        self.closed = true;
    }

    /// Parameters of the query that are not known by name.
    pub fn rest(&mut self, name: &'static str, doc: &'static str) {
        let schema = json!({"type": "object", "additionalProperties": {"type": "string"}});
        let mut parameter = json!({"name": name, "in": "query", "required": false, "style": "form", "explode": true, "schema": schema});
        if !doc.is_empty() {
            parameter["description"] = doc.into();
        }
        self.parameters.push(parameter);
    }

    /// The JSON of a successful answer; `many`: it is a list.
    pub fn answer(&mut self, many: bool, schema_fn: SchemaFn) {
        let description = FieldDescription { many, json: true, ..FieldDescription::NONE };
        let schema = self.schema(description, schema_fn);
        self.answers.content(StatusCode::OK, DESCRIPTION, "application/json", schema);
    }

    /// Whether the next answers may have any status.
    pub fn any_status(&mut self, any: bool) {
        self.answers.any_status = any;
    }

    /// What is answered.
    pub fn answers(&mut self) -> &mut Answers {
        &mut self.answers
    }

    /// What is answered instead of the problems.
    pub fn error_answers(&mut self) -> &mut Answers {
        self.error_answers.get_or_insert_default()
    }

    /// The fields of an inner struct, whose names get the prefix.
    pub fn within(&mut self, prefix: &str, describe: impl FnOnce(&mut Self)) {
        let outer = self.prefix.len();
        self.prefix.push_str(prefix);
        // Neither the inner struct's comment nor its answers are those of the operation.
        let doc = mem::replace(&mut self.doc, " ");
        let (answers, error_answers) = (mem::take(&mut self.answers), self.error_answers.take());
        describe(self);
        (self.doc, self.answers, self.error_answers) = (doc, answers, error_answers);
        self.prefix.truncate(outer);
    }

    /// The operation and the schemas that it refers to.
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
            // Raw bytes beside a parsed body are the same body once more.
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
