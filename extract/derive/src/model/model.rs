//! Struct to model, cross-field checks.

use std::collections::HashMap;

use syn::{Data, DeriveInput, Fields, Generics, Ident, Lifetime, LitStr, Type, Visibility};

use crate::attr::error::Faults;
use crate::model::container::Container;
use crate::model::field::Field;
use crate::model::route::Route;
use crate::model::source::{Origin, View};
use crate::model::text_options::How;

/// What the derives know of a struct.
pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) generics: Generics,
    pub(crate) fields: Vec<Field>,
    pub(crate) container: Container,
    pub(crate) route: Option<Route>,
    /// Of what the struct borrows, if it does.
    pub(crate) borrow: Option<Lifetime>,
}

impl Model {
    /// Reads the struct, or tells every fault in it; `inward`: it is read from requests.
    pub(crate) fn read(input: DeriveInput, inward: bool) -> syn::Result<Self> {
        let mut faults = Faults::default();
        let container = Container::read(&input.attrs, &mut faults);
        let route = Route::read(&input.attrs, &mut faults);
        let mut lifetimes = input.generics.lifetimes().map(|param| param.lifetime.clone());
        let borrow = lifetimes.next();
        // What is only written may borrow what it likes.
        for second in lifetimes.filter(|_| inward) {
            faults.at(second, "a struct borrows from one request: it has one lifetime");
        }
        let fields = named_fields(&input, &mut faults);
        let bare = container.source.as_deref();
        let fields: Vec<_> = fields
            .iter()
            .filter_map(|field| Field::read(field, container.rename, bare, borrow.as_ref(), &mut faults))
            .collect();
        refuse_duplicates(&fields, &mut faults);
        refuse_keys_below(&fields, &mut faults);
        refuse_bodies(&fields, &mut faults);
        refuse_types(&container, &fields, &mut faults);
        if inward {
            refuse_borrows(&fields, borrow.is_some(), &mut faults);
        }
        if let Some(route) = &route {
            route.check(&fields, &mut faults);
        }
        let DeriveInput { ident, vis, generics, .. } = input;
        faults.finish(Self { ident, vis, generics, fields, container, route, borrow })
    }

    /// The fields that are structs of the same kind.
    pub(crate) fn flattened(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| matches!(field.origin, Origin::Flatten { .. }))
    }

    /// Whether a field reads the body.
    pub(crate) fn has_body(&self) -> bool {
        self.fields.iter().any(|field| field.origin.is_body())
    }

    /// The most bytes of the body: what a field of it says, else what the struct says.
    pub(crate) fn limit(&self) -> u64 {
        self.fields.iter().find_map(|field| field.limit).unwrap_or(self.container.limit)
    }
}

fn named_fields<'i>(input: &'i DeriveInput, faults: &mut Faults) -> Vec<&'i syn::Field> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return fields.named.iter().collect(),
            _ => faults.at(&input.ident, "`Extract` needs named fields: they name the values"),
        },
        _ => faults.at(&input.ident, "`Extract` is derived on structs with named fields"),
    }
    Vec::new()
}

/// Two fields may not read the same value.
fn refuse_duplicates(fields: &[Field], faults: &mut Faults) {
    let mut taken = HashMap::new();
    for field in fields {
        let (what, keys): (_, Vec<&LitStr>) = match &field.origin {
            Origin::Param { name, .. } => ("path variable", vec![name]),
            Origin::Query { keys } => ("query key", keys.iter().collect()),
            Origin::Nested { keys, form: false, .. } => ("query key", keys.iter().collect()),
            Origin::Nested { keys, form: true, .. } => ("form key", keys.iter().collect()),
            Origin::Header { name, typed: false } => ("header", vec![name]),
            Origin::Cookie { keys, .. } => ("cookie", keys.iter().collect()),
            Origin::Form { keys } => ("form key", keys.iter().collect()),
            Origin::Json { keys, .. } => ("JSON member", keys.iter().collect()),
            Origin::Part { keys, .. } => ("part", keys.iter().collect()),
            _ => continue,
        };
        for key in keys {
            if let Some(first) = taken.insert((what, key.value()), &field.ident) {
                let message = format!("the {what} `{}` fills `{first}` already", key.value());
                faults.at(key, message);
            }
        }
    }
    for is in [Origin::QueryRest, Origin::FormRest] {
        let same = |field: &&Field| std::mem::discriminant(&field.origin) == std::mem::discriminant(&is);
        let mut rests = fields.iter().filter(same);
        let first = rests.next();
        for second in rests {
            let first = first.map(|field| field.ident.to_string()).unwrap_or_default();
            faults.at(&second.ident, format!("`{first}` takes the rest already"));
        }
    }
}

/// A key may not be below that of a nested field, which reads it as well.
fn refuse_keys_below(fields: &[Field], faults: &mut Faults) {
    for field in fields {
        let (key, is_form) = match &field.origin {
            Origin::Query { keys } | Origin::Nested { keys, form: false, .. } => (keys, false),
            Origin::Form { keys } | Origin::Part { keys, .. } | Origin::Nested { keys, form: true, .. } => {
                (keys, true)
            }
            _ => continue,
        };
        for other in fields {
            let Origin::Nested { keys, form, .. } = &other.origin else { continue };
            for (above, below) in keys.iter().flat_map(|above| key.iter().map(move |below| (above, below))) {
                let rest =
                    below.value().strip_prefix(&above.value()).map(|rest| rest.starts_with(['.', '[']));
                if *form == is_form && rest == Some(true) {
                    let message = format!("`{}` reads what is below `{}`", other.ident, above.value());
                    faults.at(below, message);
                }
            }
        }
    }
}

/// How a body is decoded: by members of one kind, or whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decoded {
    Whole,
    Json,
    Form,
    Stream,
}

/// A body is decoded once; its bytes may be kept beside that.
fn refuse_bodies(fields: &[Field], faults: &mut Faults) {
    let mut bytes: Option<&Field> = None;
    let mut first: Option<(&Field, Decoded)> = None;
    for field in fields {
        let this = match &field.origin {
            Origin::Body(views) if views[..] == [View::Bytes] => {
                if let Some(first) = bytes.replace(field) {
                    faults.at(&field.ident, format!("`{}` keeps the body's bytes already", first.ident));
                }
                continue;
            }
            origin if origin.is_stream() => Decoded::Stream,
            Origin::Body(_) => Decoded::Whole,
            Origin::Json { .. } => Decoded::Json,
            Origin::Form { .. }
            | Origin::Nested { form: true, .. }
            | Origin::FormRest
            | Origin::Part { .. } => Decoded::Form,
            _ => continue,
        };
        let Some((earlier, that)) = first else {
            first = Some((field, this));
            continue;
        };
        let name = &earlier.ident;
        let message = match (that, this) {
            (Decoded::Json, Decoded::Json) | (Decoded::Form, Decoded::Form) => continue,
            (Decoded::Stream, _) => format!("`{name}` is handed the body unread already"),
            (Decoded::Whole, Decoded::Json | Decoded::Form) => {
                format!("`{name}` reads the whole body, this is a member of it")
            }
            (Decoded::Json, Decoded::Form) => format!("`{name}` is a member of a JSON body, this of a form"),
            (Decoded::Form, Decoded::Json) => format!("`{name}` is a member of a form, this of a JSON body"),
            _ => format!("`{name}` reads the body already"),
        };
        faults.at(&field.ident, message);
    }
    let stream_or_parts = fields.iter().find(|field| {
        let origin = &field.origin;
        origin.is_stream() || origin.is_sorted() || matches!(origin, Origin::Part { .. })
    });
    if let (Some(bytes), Some(other)) = (bytes, stream_or_parts) {
        let message = format!("`{}` takes the body as it comes: its bytes are not kept", other.ident);
        faults.at(&bytes.ident, message);
    }
}

/// Further types of JSON are of a struct that reads JSON.
fn refuse_types(container: &Container, fields: &[Field], faults: &mut Faults) {
    let reads_json = |field: &Field| match &field.origin {
        Origin::Json { .. } | Origin::Flatten { body: true, .. } => true,
        Origin::Body(views) => views.contains(&View::Json),
        _ => false,
    };
    if let (Some(first), false) = (container.accept.first(), fields.iter().any(reads_json)) {
        faults.at(first, "`accept` names further types of JSON, and no field reads JSON");
    }
}

/// What borrows needs a lifetime, and a struct that has one is read without a router.
fn refuse_borrows(fields: &[Field], borrows: bool, faults: &mut Faults) {
    for field in fields {
        if let (Some(scalar), Type::Reference(reference)) = (&field.scalar, field.shape.item())
            && matches!(scalar.how, How::Borrow)
        {
            if !borrows {
                faults.at(reference, "this borrows from the request: the struct needs a lifetime");
            } else if !matches!(field.origin, Origin::Param { .. } | Origin::Header { .. }) {
                let lifetime = &reference.lifetime;
                let lifetime = lifetime.as_ref().map(ToString::to_string).unwrap_or_default();
                let message = format!("its escapes have to be taken out: write `Cow<{lifetime}, str>`");
                faults.at(reference, message);
            }
        }
        let owned = match &field.origin {
            Origin::State => "`#[state]`",
            Origin::From => "`#[from]`",
            Origin::Part { .. } => "`#[part]`",
            Origin::Body(views) if views[..] == [View::Stream] => "`#[body(stream)]`",
            origin if origin.is_stream() || origin.is_sorted() => "`#[body(multipart)]`",
            _ => continue,
        };
        if borrows {
            let message = format!("a struct that borrows is read without a router: it has no {owned}");
            faults.at(&field.ident, message);
        }
    }
}
