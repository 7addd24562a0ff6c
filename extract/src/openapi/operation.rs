//! Operation: parameters, body and responses of one struct.

use std::mem;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::descriptor::body::BodyPlan;
use crate::descriptor::field::HeadPlan;
use crate::field::slots::Layout;
use crate::openapi::answer::{Answers, DESCRIPTION, StatusRule, media};
use crate::openapi::field::{Bounds, FieldDescription};
use crate::openapi::schema::{SchemaFn, SchemaSet};

/// The metadata key of a route's operation, as JSON.
pub(crate) const METADATA_KEY: &str = "openapi";

/// The schema of an object whose properties are fields.
#[derive(Debug, Default)]
struct ObjectSchema {
    properties: Map<String, Value>,
    required: Vec<String>,
    /// How a form writes values that are not scalars (OpenAPI 3.1, 4.8.15).
    encoding: Map<String, Value>,
    /// Other keys are read as texts.
    rest: bool,
}

impl ObjectSchema {
    /// Returns the media type object; `closed`: other properties are errors.
    fn media(self, closed: bool, max_properties: Option<usize>) -> Value {
        let mut schema = json!({"type": "object", "properties": self.properties});
        if self.rest {
            schema["additionalProperties"] = json!({"type": "string"});
        } else if closed {
            schema["additionalProperties"] = false.into();
        }
        if let Some(max) = max_properties.filter(|_| !closed) {
            schema["maxProperties"] = max.into();
        }
        if !self.required.is_empty() {
            schema["required"] = self.required.into();
        }
        let mut media = json!({"schema": schema});
        if !self.encoding.is_empty() {
            media["encoding"] = self.encoding.into();
        }
        media
    }

    fn add(&mut self, name: String, mut schema: Value, description: FieldDescription, is_form: bool) {
        if is_form && description.none_if_empty {
            schema = or_empty(schema);
        }
        if description.required {
            self.required.push(name.clone());
        }
        if is_form && description.nested && !description.many {
            self.encoding.insert(name.clone(), json!({"style": "deepObject", "explode": true}));
        }
        if is_form && description.csv {
            self.encoding.insert(name.clone(), json!({"style": "form", "explode": false}));
        }
        self.properties.insert(name, schema);
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
    has_bounds: bool,
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
    fn problems(&self, has_path: bool, has_others: bool, has_bounds: bool) -> Vec<&'static str> {
        let Self { head, plan, validated } = self;
        let has_content_type = plan.json | plan.form | plan.multipart | plan.text;
        let is_404 = has_path && head.path_is_404;
        let all = [
            ("400", has_others | head.deny_query | has_content_type | plan.any | (has_path && !is_404)),
            ("404", is_404),
            ("413", plan.reads()),
            ("415", has_content_type),
            ("422", has_content_type | *validated | has_bounds),
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
        let conditions = ProblemConditions { head: L::HEAD, plan: L::BODY, validated: false };
        // A flattened struct is validated on its own.
        self.rules.get_or_insert(conditions).validated |= validated;
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
        location: &'static str,
        name: &str,
        mut description: FieldDescription,
        schema_fn: SchemaFn,
    ) {
        // OpenAPI 3.1, 4.8.12.1: these headers are described elsewhere.
        let excluded = ["accept", "authorization", "content-type"];
        if location == "header" && excluded.iter().any(|excluded| name.eq_ignore_ascii_case(excluded)) {
            return;
        }
        let name = match location {
            "path" | "header" => name.to_owned(),
            _ => self.named(name),
        };
        // A parameter that several structs read is added once.
        if self.parameters.iter().any(|known| known["name"] == *name && known["in"] == location) {
            return;
        }
        let mut parameter = json!({
            "name": name,
            "in": location,
            "required": description.required || location == "path",
            "schema": self.schema(&mut description, schema_fn),
        });
        if description.none_if_empty && location != "query" {
            parameter["schema"] = or_empty(parameter["schema"].take());
        }
        if location == "query" {
            if description.csv {
                parameter["explode"] = false.into();
            }
            // Items of lists have several serializations, of which repeated keys are the default.
            if description.nested && !description.many {
                parameter["style"] = "deepObject".into();
                parameter["explode"] = true.into();
            }
            if description.none_if_empty && !allows_empty(&parameter["schema"]) {
                parameter["allowEmptyValue"] = true.into();
            }
        }
        if !description.doc.is_empty() {
            parameter["description"] = description.doc.into();
        }
        self.parameters.push(parameter);
    }

    /// Adds a member of a JSON body.
    pub fn member(&mut self, name: &str, mut description: FieldDescription, schema_fn: SchemaFn) {
        let (name, schema) = (self.named(name), self.described(&mut description, schema_fn));
        self.members.get_or_insert_default().add(name, schema, description, false);
        self.body_required |= description.required;
    }

    /// Adds a field of a form.
    pub fn form(&mut self, name: &str, mut description: FieldDescription, schema_fn: SchemaFn) {
        let (name, schema) = (self.named(name), self.described(&mut description, schema_fn));
        self.form.get_or_insert_default().add(name, schema, description, true);
        self.body_required |= description.required;
    }

    /// Adds a part of a multipart body; `binary`: it is a file.
    pub fn part(&mut self, name: &str, binary: bool, mut description: FieldDescription, schema_fn: SchemaFn) {
        let file: SchemaFn =
            |_| Some(json!({"type": "string", "contentMediaType": "application/octet-stream"}));
        let schema_fn = if binary { file } else { schema_fn };
        let (name, schema) = (self.named(name), self.described(&mut description, schema_fn));
        self.parts.get_or_insert_default().add(name, schema, description, true);
        self.body_required |= description.required;
    }

    /// Adds one content type of the whole body.
    pub fn body(&mut self, kind: &'static str, mut description: FieldDescription, schema_fn: SchemaFn) {
        let schema = match kind {
            "application/octet-stream" => json!({}),
            _ => self.described(&mut description, schema_fn),
        };
        self.bodies.push((kind, schema));
        self.body_required |= description.required;
    }

    /// Adds the form fields without a known name.
    pub fn form_rest(&mut self) {
        let form = if self.parts.is_some() { &mut self.parts } else { &mut self.form };
        form.get_or_insert_default().rest = true;
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
        let mut description = FieldDescription { many, json: true, ..FieldDescription::NONE };
        let schema = self.schema(&mut description, schema_fn);
        self.answers.content(StatusCode::OK, DESCRIPTION, "application/json", schema);
    }

    /// Sets whether the next responses have any status.
    pub fn any_status(&mut self, any: bool) {
        self.answers.rule = if any { StatusRule::Any } else { StatusRule::Own };
    }

    /// Sets the status of the next responses.
    pub fn fixed_status(&mut self, status: Option<u16>) {
        self.answers.rule = status.map_or(StatusRule::Own, StatusRule::Fixed);
    }

    /// Sets the statuses of a success.
    pub fn declare_statuses(&mut self, statuses: &'static [u16]) {
        self.answers.declared = statuses;
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
        let plan = self.rules.map_or(BodyPlan::NONE, |rules| rules.plan);
        let mut contents = Map::new();
        let both = self.form.is_some() && self.parts.is_none() && plan.multipart;
        for (kind, object, closed, max) in [
            ("application/json", self.members, plan.deny_json, Some(plan.max_params)),
            ("application/x-www-form-urlencoded", self.form, plan.deny_form, None),
            ("multipart/form-data", self.parts, plan.deny_part, None),
        ] {
            if let Some(object) = object {
                contents.insert(kind.into(), object.media(closed, max));
            }
        }
        // The texts of a form are read from parts as well.
        if both && let Some(form) = contents.get("application/x-www-form-urlencoded").cloned() {
            contents.insert("multipart/form-data".into(), form);
        }
        for (kind, schema) in self.bodies {
            // Raw bytes beside a parsed body are the same body.
            if kind != "application/octet-stream" || contents.is_empty() {
                contents.insert(kind.into(), media(schema));
            }
        }
        if let Some(json) = contents.get("application/json").cloned() {
            contents.extend(plan.accept.iter().map(|kind| ((*kind).to_owned(), json.clone())));
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
        let problems =
            self.rules.map(|rules| rules.problems(has_path, has_others, self.has_bounds)).unwrap_or_default();
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

    fn described(&mut self, description: &mut FieldDescription, schema_fn: SchemaFn) -> Value {
        let mut schema = self.schema(description, schema_fn);
        if !description.doc.is_empty() && schema.is_object() {
            schema["description"] = description.doc.into();
        }
        schema
    }

    fn schema(&mut self, description: &mut FieldDescription, schema_fn: SchemaFn) -> Value {
        let unknown = if description.json { json!({}) } else { json!({"type": "string"}) };
        let mut schema = schema_fn(&mut self.schemas).unwrap_or(unknown);
        description.none_if_empty |= description.may_be_empty && !allows_empty(&schema);
        // A document counts characters, whose number is at most that of the bytes.
        if let (Some(limit), true) = (description.limit, schema["type"] == "string") {
            schema["maxLength"] = limit.into();
        }
        if description.not_empty && allows_empty(&schema) {
            schema["minLength"] = 1.into();
        }
        self.has_bounds |= description.bounds.apply(&mut schema);
        if description.many {
            schema = json!({"type": "array", "items": schema});
            let Bounds { min_items, max_items, .. } = description.bounds;
            let min_items = min_items.unwrap_or_default().max(description.min_items);
            if min_items > 0 {
                schema["minItems"] = min_items.into();
            }
            let max_items = [max_items, description.max_items].into_iter().flatten().min();
            if let Some(max) = max_items.filter(|_| !description.json || max_items != description.max_items) {
                schema["maxItems"] = max.into();
            }
        }
        if description.nullable && schema != json!({}) {
            schema = nullable(schema);
        }
        if let Some(default) = description.default.and_then(|json| serde_json::from_str::<Value>(json).ok()) {
            schema["default"] = default;
        }
        schema
    }
}

/// Tests whether a schema allows the empty text.
fn allows_empty(schema: &Value) -> bool {
    let others = ["enum", "pattern", "anyOf"];
    schema["type"] == "string"
        && schema["minLength"].as_u64().unwrap_or_default() == 0
        && others.iter().all(|word| schema.get(word).is_none())
}

/// Returns a schema that allows the empty text as well.
fn or_empty(schema: Value) -> Value {
    if allows_empty(&schema) { schema } else { json!({"anyOf": [schema, {"const": ""}]}) }
}

/// Returns a schema that allows `null` as well.
fn nullable(mut schema: Value) -> Value {
    match schema["type"].take() {
        Value::String(kind) if schema.get("enum").is_none() => {
            schema["type"] = json!([kind, "null"]);
            schema
        }
        kind => {
            match kind {
                Value::Null => _ = schema.as_object_mut().map(|schema| schema.remove("type")),
                kind => schema["type"] = kind,
            }
            json!({"anyOf": [schema, {"type": "null"}]})
        }
    }
}
