//! Model: a struct with its fields, and the checks across fields.

use std::collections::HashMap;

use syn::{Data, DeriveInput, Fields, Generics, Ident, Lifetime, LitStr, Type, Visibility};

use crate::attr::error::Errors;
use crate::model::container::Container;
use crate::model::field::Field;
use crate::model::route::Route;
use crate::model::source::{FieldSource, View};
use crate::model::text_options::ReadWith;

/// A parsed struct.
pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) generics: Generics,
    pub(crate) fields: Vec<Field>,
    pub(crate) container: Container,
    pub(crate) route: Option<Route>,
    /// The lifetime of the request that the struct borrows from.
    pub(crate) borrow: Option<Lifetime>,
}

impl Model {
    /// Parses a struct, or returns all errors; `is_extract`: for `Extract`, not `IntoRequest`.
    pub(crate) fn read(input: DeriveInput, is_extract: bool) -> syn::Result<Self> {
        let mut errors = Errors::default();
        let container = Container::read(&input.attrs, &mut errors);
        let route = Route::read(&input.attrs, &mut errors);
        let mut lifetimes = input.generics.lifetimes().map(|param| param.lifetime.clone());
        let borrow = lifetimes.next();
        // A struct that is only written may borrow from anything.
        for second in lifetimes.filter(|_| is_extract) {
            errors.at(second, "a struct borrows from one request: it has one lifetime");
        }
        let fields = named_fields(&input, &mut errors);
        let bare = container.source.as_deref();
        let fields: Vec<_> = fields
            .iter()
            .filter_map(|field| {
                let validate = container.validate.as_ref();
                Field::read(field, container.rename, bare, borrow.as_ref(), validate, &mut errors)
            })
            .collect();
        check_duplicates(&fields, &mut errors);
        check_nested_keys(&fields, &mut errors);
        check_bodies(&fields, &mut errors);
        check_accept(&container, &fields, &mut errors);
        if is_extract {
            check_borrows(&fields, borrow.is_some(), &mut errors);
        }
        if let Some(route) = &route {
            route.check(&fields, &mut errors);
        }
        let DeriveInput { ident, vis, generics, .. } = input;
        errors.finish(Self { ident, vis, generics, fields, container, route, borrow })
    }

    /// Returns the flattened fields.
    pub(crate) fn flattened(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| matches!(field.source, FieldSource::Flatten { .. }))
    }

    /// Tests whether a field reads the body.
    pub(crate) fn has_body(&self) -> bool {
        self.fields.iter().any(|field| field.source.is_body())
    }

    /// Returns the maximum bytes of the body, of a field or of the struct.
    pub(crate) fn limit(&self) -> u64 {
        self.fields.iter().find_map(|field| field.limit).unwrap_or(self.container.limit)
    }
}

fn named_fields<'i>(input: &'i DeriveInput, errors: &mut Errors) -> Vec<&'i syn::Field> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return fields.named.iter().collect(),
            _ => errors.at(&input.ident, "`Extract` needs named fields: they name the values"),
        },
        _ => errors.at(&input.ident, "`Extract` is derived on structs with named fields"),
    }
    Vec::new()
}

/// Reports keys that two fields read.
fn check_duplicates(fields: &[Field], errors: &mut Errors) {
    let mut taken = HashMap::new();
    for field in fields {
        let (what, keys): (_, Vec<&LitStr>) = match &field.source {
            FieldSource::Param { name, .. } => ("path variable", vec![name]),
            FieldSource::Query { keys } => ("query key", keys.iter().collect()),
            FieldSource::Nested { keys, form: false, .. } => ("query key", keys.iter().collect()),
            FieldSource::Nested { keys, form: true, .. } => ("form key", keys.iter().collect()),
            FieldSource::Header { name, typed: false } => ("header", vec![name]),
            FieldSource::Cookie { keys, .. } => ("cookie", keys.iter().collect()),
            FieldSource::Form { keys, .. } => ("form key", keys.iter().collect()),
            FieldSource::Json { keys, .. } => ("JSON member", keys.iter().collect()),
            FieldSource::Part { keys, .. } => ("part", keys.iter().collect()),
            _ => continue,
        };
        let also_query = matches!(field.source, FieldSource::Form { query: true, .. });
        for (what, key) in keys.iter().flat_map(|key| {
            [Some(what), also_query.then_some("query key")].into_iter().flatten().map(move |what| (what, key))
        }) {
            if let Some(first) = taken.insert((what, key.value()), &field.ident) {
                let message = format!("the {what} `{}` is read by `{first}` already", key.value());
                errors.at(key, message);
            }
        }
    }
    for is in [FieldSource::QueryRest, FieldSource::FormRest] {
        let same = |field: &&Field| std::mem::discriminant(&field.source) == std::mem::discriminant(&is);
        let mut rests = fields.iter().filter(same);
        let first = rests.next();
        for second in rests {
            let first = first.map(|field| field.ident.to_string()).unwrap_or_default();
            errors.at(&second.ident, format!("`{first}` reads the rest already"));
        }
    }
}

/// Reports keys that are subkeys of a nested field, which reads them as well.
fn check_nested_keys(fields: &[Field], errors: &mut Errors) {
    for field in fields {
        let (key, is_form) = match &field.source {
            FieldSource::Query { keys } | FieldSource::Nested { keys, form: false, .. } => (keys, false),
            FieldSource::Form { keys, .. }
            | FieldSource::Part { keys, .. }
            | FieldSource::Nested { keys, form: true, .. } => (keys, true),
            _ => continue,
        };
        for other in fields {
            let FieldSource::Nested { keys, form, .. } = &other.source else { continue };
            for (above, below) in keys.iter().flat_map(|above| key.iter().map(move |below| (above, below))) {
                let rest =
                    below.value().strip_prefix(&above.value()).map(|rest| rest.starts_with(['.', '[']));
                if *form == is_form && rest == Some(true) {
                    let message = format!("`{}` reads the subkeys of `{}`", other.ident, above.value());
                    errors.at(below, message);
                }
            }
        }
    }
}

/// How a body is decoded: member by member, or as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decoded {
    Whole,
    Json,
    Form,
    Stream,
}

/// Reports fields that decode the body in different ways; its bytes may be read as well.
fn check_bodies(fields: &[Field], errors: &mut Errors) {
    let mut bytes: Option<&Field> = None;
    let mut first: Option<(&Field, Decoded)> = None;
    for field in fields {
        if matches!(&field.source, FieldSource::Body(views) if views[..] == [View::Bytes]) {
            if let Some(first) = bytes.replace(field) {
                errors.at(&field.ident, format!("`{}` keeps the body's bytes already", first.ident));
            }
            continue;
        }
        let Some(decoded) = Decoded::of(&field.source) else { continue };
        match first {
            None => first = Some((field, decoded)),
            Some((earlier, other)) => {
                if let Some(message) = other.conflict(decoded, &earlier.ident) {
                    errors.at(&field.ident, message);
                }
            }
        }
    }
    let stream_or_parts = fields.iter().find(|field| {
        let source = &field.source;
        source.is_stream() || source.may_be_parts() || matches!(source, FieldSource::Part { .. })
    });
    if let (Some(bytes), Some(other)) = (bytes, stream_or_parts) {
        let message = format!("`{}` reads the body as it arrives: its bytes are not kept", other.ident);
        errors.at(&bytes.ident, message);
    }
}

impl Decoded {
    fn of(source: &FieldSource) -> Option<Self> {
        match source {
            source if source.is_stream() => Some(Self::Stream),
            FieldSource::Body(_) => Some(Self::Whole),
            FieldSource::Json { .. } => Some(Self::Json),
            FieldSource::Form { .. }
            | FieldSource::Nested { form: true, .. }
            | FieldSource::FormRest
            | FieldSource::Part { .. } => Some(Self::Form),
            _ => None,
        }
    }

    /// Returns why a body that the field `name` decodes in this way cannot be decoded in another.
    fn conflict(self, other: Self, name: &Ident) -> Option<String> {
        Some(match (self, other) {
            (Self::Json, Self::Json) | (Self::Form, Self::Form) => return None,
            (Self::Stream, _) => format!("`{name}` takes the unread body already"),
            (Self::Whole, Self::Json | Self::Form) => {
                format!("`{name}` reads the whole body, this is one member")
            }
            (Self::Json, Self::Form) => format!("`{name}` is a member of a JSON body, this of a form"),
            (Self::Form, Self::Json) => format!("`{name}` is a member of a form, this of a JSON body"),
            _ => format!("`{name}` reads the body already"),
        })
    }
}

/// Reports `accept` on a struct that reads no JSON.
fn check_accept(container: &Container, fields: &[Field], errors: &mut Errors) {
    let reads_json = |field: &Field| match &field.source {
        FieldSource::Json { .. } | FieldSource::Flatten { body: true, .. } => true,
        FieldSource::Body(views) => views.contains(&View::Json),
        _ => false,
    };
    if let (Some(first), false) = (container.accept.first(), fields.iter().any(reads_json)) {
        errors.at(first, "`accept` lists content types of JSON, but no field reads JSON");
    }
}

/// Reports borrowed fields without a lifetime, and sources that a struct with one cannot have.
fn check_borrows(fields: &[Field], borrows: bool, errors: &mut Errors) {
    for field in fields {
        if let (Some(scalar), Type::Reference(reference)) = (&field.scalar, field.cardinality.item())
            && matches!(scalar.read_with, ReadWith::Borrow)
        {
            if !borrows {
                errors.at(reference, "this borrows from the request: the struct needs a lifetime");
            } else if !matches!(field.source, FieldSource::Param { .. } | FieldSource::Header { .. }) {
                let lifetime = &reference.lifetime;
                let lifetime = lifetime.as_ref().map(ToString::to_string).unwrap_or_default();
                let message = format!("its escapes have to be decoded: write `Cow<{lifetime}, str>`");
                errors.at(reference, message);
            }
        }
        let owned = match &field.source {
            FieldSource::State => "`#[state]`",
            FieldSource::From => "`#[from]`",
            FieldSource::Part { .. } => "`#[part]`",
            FieldSource::Body(views) if views[..] == [View::Stream] => "`#[body(stream)]`",
            source if source.is_stream() || source.may_be_parts() => "`#[body(multipart)]`",
            _ => continue,
        };
        if borrows {
            let message = format!("a struct that borrows is read without a router: it cannot have {owned}");
            errors.at(&field.ident, message);
        }
    }
}
