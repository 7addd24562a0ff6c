//! The JSON Schema of plans, from the shapes.

use crate::plan::data::{Data, Table};
use crate::plan::format::write;
use crate::plan::plan_shapes::PLAN;
use crate::plan::shape::{DENOMINATORS, Field, KEYS, Shape, TableShape};

/// Returns the JSON Schema (draft 2020-12) of a plan, by which editors complete and check plans.
pub(crate) fn schema() -> String {
    let mut definitions = Definitions::default();
    let root = definitions.of(&PLAN);
    let table = Table(vec![
        ("$schema", text("https://json-schema.org/draft/2020-12/schema")),
        ("title", text("Fault plan of waylay-fault")),
        ("allOf", Data::List(vec![root])),
        ("$defs", Data::Table(Table(definitions.0))),
    ]);
    let mut json = String::new();
    write::json(&Data::Table(table), 0, &mut json);
    json.push('\n');
    json
}

fn text(value: &str) -> Data {
    Data::Text(value.to_owned())
}

fn object(fields: Vec<(&'static str, Data)>) -> Data {
    Data::Table(Table(fields))
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> Data {
    Data::List(values.map(text).collect())
}

/// The tables met so far, each under its title.
#[derive(Default)]
struct Definitions(Vec<(&'static str, Data)>);

impl Definitions {
    fn of(&mut self, shape: &'static Shape) -> Data {
        match shape {
            Shape::Bool => object(vec![("type", text("boolean"))]),
            Shape::Integer { min, max } => {
                let mut fields = vec![("type", text("integer")), ("minimum", Data::Integer(*min))];
                if *max < i64::MAX {
                    fields.push(("maximum", Data::Integer(*max)));
                }
                object(fields)
            }
            Shape::Number { min, max } => number(*min, *max),
            Shape::Share => {
                let denominators = texts(DENOMINATORS.iter().map(|(name, _)| *name));
                let fraction = object(vec![
                    ("type", text("object")),
                    (
                        "properties",
                        object(vec![
                            (
                                "numerator",
                                object(vec![("type", text("integer")), ("minimum", Data::Integer(0))]),
                            ),
                            ("denominator", object(vec![("enum", denominators)])),
                        ]),
                    ),
                    ("required", texts(["numerator", "denominator"].into_iter())),
                    ("additionalProperties", Data::Bool(false)),
                ]);
                object(vec![("anyOf", Data::List(vec![number(0.0, 1.0), fraction]))])
            }
            Shape::Text { max } => {
                object(vec![("type", text("string")), ("maxLength", Data::Integer(*max as i64))])
            }
            Shape::Duration => object(vec![
                ("type", text("string")),
                ("pattern", text(r"^[0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h)$")),
            ]),
            Shape::Date => object(vec![("type", text("string")), ("format", text("date-time"))]),
            Shape::Choice(choices) => object(vec![("enum", texts(choices.iter().map(|(name, _)| *name)))]),
            Shape::Statuses => {
                let number = object(vec![
                    ("type", text("integer")),
                    ("minimum", Data::Integer(100)),
                    ("maximum", Data::Integer(999)),
                ]);
                let range = object(vec![
                    ("type", text("string")),
                    ("pattern", text("^([1-9]xx|[1-9][0-9][0-9](-[1-9][0-9][0-9])?)$")),
                ]);
                object(vec![("anyOf", Data::List(vec![number, range]))])
            }
            Shape::Key => {
                let header = object(vec![("type", text("string")), ("pattern", text("^header:.+$"))]);
                let names = object(vec![("enum", texts(KEYS.into_iter()))]);
                object(vec![("anyOf", Data::List(vec![names, header]))])
            }
            Shape::List { item, min, max } => object(vec![
                ("type", text("array")),
                ("items", self.of(item)),
                ("minItems", Data::Integer(*min as i64)),
                ("maxItems", Data::Integer(*max as i64)),
            ]),
            Shape::Table(table) => self.table(table),
        }
    }

    /// A reference to the definition of a table, or of a table and its short form.
    fn table(&mut self, table: &'static TableShape) -> Data {
        let name = table.title;
        if self.0.iter().all(|(known, _)| *known != name) {
            // Put there first: tables may hold themselves.
            self.0.push((name, Data::Bool(true)));
            let definition = self.definition(table);
            if let Some((_, place)) = self.0.iter_mut().find(|(known, _)| *known == name) {
                *place = definition;
            }
        }
        object(vec![("$ref", text(&format!("#/$defs/{}", name.replace(' ', "%20"))))])
    }

    fn definition(&mut self, table: &'static TableShape) -> Data {
        let properties = table.fields.iter().map(|field| {
            let mut described = vec![("description", text(field.doc))];
            if let Data::Table(schema) = self.of(field.shape) {
                described.extend(schema.0);
            }
            (field.key, object(described))
        });
        let properties = properties.collect();
        let required = |fields: &mut dyn Iterator<Item = &'static Field>| {
            texts(fields.filter(|field| field.is_required).map(|field| field.key))
        };
        let always = required(&mut table.fields.iter().filter(|field| field.only.is_empty()));
        let mut fields = vec![
            ("type", text("object")),
            ("properties", object(properties)),
            ("required", always),
            ("additionalProperties", Data::Bool(false)),
        ];
        if !table.one_of.is_empty() {
            let one = |key: &&'static str| object(vec![("required", texts([*key].into_iter()))]);
            fields.push(("oneOf", Data::List(table.one_of.iter().map(one).collect())));
        }
        if let Some((tag, default)) = table.tag {
            fields.push(("allOf", Data::List(tag_rules(table, tag, default))));
        }
        let whole = object(fields);
        match table.short.and_then(|short| table.field(short)) {
            Some(short) => object(vec![("anyOf", Data::List(vec![self.of(short.shape), whole]))]),
            None => whole,
        }
    }
}

/// For each value of the tag: the keys that go with it, and those that do not.
fn tag_rules(table: &TableShape, tag: &'static str, default: &'static str) -> Vec<Data> {
    let Some(Shape::Choice(choices)) = table.field(tag).map(|field| field.shape) else { return Vec::new() };
    let rules = choices.iter().map(|(value, _)| {
        let is_value =
            object(vec![("properties", object(vec![(tag, object(vec![("const", text(value))]))]))]);
        let condition = match *value == default {
            // Without the tag it is the default.
            true => is_value,
            false => match is_value {
                Data::Table(mut table) => {
                    table.set("required", texts([tag].into_iter()));
                    Data::Table(table)
                }
                other => other,
            },
        };
        let allowed = |field: &&Field| field.only.is_empty() || field.only.contains(value);
        let forbidden = table.fields.iter().filter(|field| !allowed(field));
        let properties = forbidden.map(|field| (field.key, Data::Bool(false))).collect();
        let needed = table.fields.iter().filter(|field| field.is_required && field.only.contains(value));
        let consequence = object(vec![
            ("properties", object(properties)),
            ("required", texts(needed.map(|field| field.key))),
        ]);
        object(vec![("if", condition), ("then", consequence)])
    });
    rules.collect()
}

fn number(min: f64, max: f64) -> Data {
    let mut fields = vec![("type", text("number")), ("minimum", Data::Number(min))];
    if max < f64::MAX {
        fields.push(("maximum", Data::Number(max)));
    }
    object(fields)
}
