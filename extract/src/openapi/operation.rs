//! Operation: one struct described.

use std::mem;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::descriptor::body::Plan;
use crate::descriptor::field::Wants;
use crate::field::slots::Layout;
use crate::openapi::answer::{Answers, DESCRIPTION, media};
use crate::openapi::schema::{Sheet, Show};

/// The fact of a route that holds its operation, as JSON.
pub(crate) const FACT: &str = "openapi";

/// What is to be known of a field beside its name and its type.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
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

impl Facts {
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
struct Object {
    properties: Map<String, Value>,
    required: Vec<String>,
}

impl Object {
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
    sheet: Sheet,
    prefix: String,
    doc: &'static str,
    parameters: Vec<Value>,
    members: Option<Object>,
    form: Option<Object>,
    parts: Option<Object>,
    bodies: Vec<(&'static str, Value)>,
    body_required: bool,
    closed: bool,
    rules: Option<Rules>,
    answers: Answers,
    refusals: Option<Answers>,
}

/// What decides which problems extraction answers with.
#[derive(Clone, Copy, Debug)]
struct Rules {
    wants: Wants,
    plan: Plan,
    validated: bool,
}

impl Rules {
    /// The statuses of problems; `at_path`: there are variables, `elsewhere`: other parameters.
    fn problems(&self, at_path: bool, elsewhere: bool) -> Vec<&'static str> {
        let Self { wants, plan, validated } = self;
        let shaped = plan.json | plan.form | plan.multipart | plan.text;
        let missed = at_path && wants.path_is_404;
        let all = [
            ("400", elsewhere | wants.deny_query | shaped | plan.any | (at_path && !missed)),
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
        self.rules.get_or_insert(Rules { wants: L::WANTS, plan: L::BODY, validated });
    }

    /// What the struct's comment says.
    pub fn doc(&mut self, doc: &'static str) {
        if self.doc.is_empty() {
            self.doc = doc;
        }
    }

    /// A parameter: `path`, `query`, `header` or `cookie`.
    pub fn parameter(&mut self, place: &'static str, name: &str, facts: Facts, show: Show) {
        // OpenAPI 3.1, 4.8.12.1: these are said elsewhere.
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
            "required": facts.required || place == "path",
            "schema": self.schema(facts, show),
        });
        if facts.csv && place == "query" {
            parameter["explode"] = false.into();
        }
        if !facts.doc.is_empty() {
            parameter["description"] = facts.doc.into();
        }
        self.parameters.push(parameter);
    }

    /// A member of a JSON body.
    pub fn member(&mut self, name: &str, facts: Facts, show: Show) {
        let (name, schema) = (self.named(name), self.described(facts, show));
        put(&mut self.members, name, schema, facts);
        self.body_required |= facts.required;
    }

    /// A member of a form.
    pub fn form(&mut self, name: &str, facts: Facts, show: Show) {
        let (name, schema) = (self.named(name), self.described(facts, show));
        put(&mut self.form, name, schema, facts);
        self.body_required |= facts.required;
    }

    /// A part of a multipart body; `binary`: it is a file.
    pub fn part(&mut self, name: &str, binary: bool, facts: Facts, show: Show) {
        let file: Show = |_| Some(json!({"type": "string", "contentMediaType": "application/octet-stream"}));
        let show = if binary { file } else { show };
        let (name, schema) = (self.named(name), self.described(facts, show));
        put(&mut self.parts, name, schema, facts);
        self.body_required |= facts.required;
    }

    /// The whole body in one of its content types.
    pub fn body(&mut self, kind: &'static str, facts: Facts, show: Show) {
        let schema = match kind {
            "application/octet-stream" => json!({}),
            _ => self.described(facts, show),
        };
        self.bodies.push((kind, schema));
        self.body_required |= facts.required;
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
    pub fn answer(&mut self, many: bool, show: Show) {
        let facts = Facts { many, json: true, ..Facts::NONE };
        let schema = self.schema(facts, show);
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
    pub fn refusals(&mut self) -> &mut Answers {
        self.refusals.get_or_insert_default()
    }

    /// The fields of an inner struct, whose names get the prefix.
    pub fn within(&mut self, prefix: &str, describe: impl FnOnce(&mut Self)) {
        let outer = self.prefix.len();
        self.prefix.push_str(prefix);
        // Neither the inner struct's comment nor its answers are those of the operation.
        let doc = mem::replace(&mut self.doc, " ");
        let (answers, refusals) = (mem::take(&mut self.answers), self.refusals.take());
        describe(self);
        (self.doc, self.answers, self.refusals) = (doc, answers, refusals);
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
        let at_path = self.parameters.iter().any(|parameter| parameter["in"] == "path");
        let elsewhere = self.parameters.iter().any(|parameter| parameter["in"] != "path");
        if at_path | elsewhere {
            operation.insert("parameters".into(), self.parameters.into());
        }
        if !contents.is_empty() {
            let body = json!({"content": contents, "required": self.body_required});
            operation.insert("requestBody".into(), body);
        }
        let problems = self.rules.map(|rules| rules.problems(at_path, elsewhere)).unwrap_or_default();
        let responses = match self.refusals {
            Some(refusals) => self.answers.finish_with(refusals),
            None => self.answers.finish(&problems),
        };
        operation.insert("responses".into(), responses.into());
        json!({"operation": operation, "schemas": self.sheet.finish()})
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn described(&mut self, facts: Facts, show: Show) -> Value {
        let mut schema = self.schema(facts, show);
        if !facts.doc.is_empty() && schema.is_object() {
            schema["description"] = facts.doc.into();
        }
        schema
    }

    fn schema(&mut self, facts: Facts, show: Show) -> Value {
        let unknown = if facts.json { json!({}) } else { json!({"type": "string"}) };
        let mut schema = show(&mut self.sheet).unwrap_or(unknown);
        if let (Some(limit), true) = (facts.limit, schema["type"] == "string") {
            schema["maxLength"] = limit.into();
        }
        if facts.many {
            schema = json!({"type": "array", "items": schema});
            if facts.min_items > 0 {
                schema["minItems"] = facts.min_items.into();
            }
        }
        if let Some(default) = facts.default.and_then(|json| serde_json::from_str::<Value>(json).ok()) {
            schema["default"] = default;
        }
        schema
    }
}

fn put(object: &mut Option<Object>, name: String, schema: Value, facts: Facts) {
    let object = object.get_or_insert_default();
    if facts.required {
        object.required.push(name.clone());
    }
    object.properties.insert(name, schema);
}
