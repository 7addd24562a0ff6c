//! FieldSource: where a field is read; Cardinality: Option and Vec.

use proc_macro2::TokenStream;
use syn::{GenericArgument, LitStr, PathArguments, Type};

/// The source of one field.
pub(crate) enum FieldSource {
    /// `#[param]`: a variable of the route's template; `scope`: of a scope's template.
    Param { name: LitStr, raw: bool, scope: bool },
    /// `#[query]`
    Query { keys: Vec<LitStr> },
    /// `#[query(rest)]`: every pair that no other field reads.
    QueryRest,
    /// `#[query(all)]`: the whole query, through serde.
    QueryAll,
    /// `#[query(nested)]`, `#[form(nested)]`: keys such as `name[a]` and `name.a`.
    Nested { keys: Vec<LitStr>, form: bool, options: NestedOptions },
    /// `#[header]`; `typed`: a header of the `headers` crate, whose type has the name.
    Header { name: LitStr, typed: bool },
    /// `#[cookie]`; `raw`: not percent-decoded.
    Cookie { keys: Vec<LitStr>, raw: bool },
    /// `#[form]`
    Form { keys: Vec<LitStr> },
    /// `#[form(rest)]`
    FormRest,
    /// `#[json]`; `passed`: options for serde, unchanged.
    Json { keys: Vec<LitStr>, passed: Vec<TokenStream> },
    /// `#[part]`
    Part { keys: Vec<LitStr>, what: Part },
    /// `#[body]`, as one of these kinds.
    Body(Vec<View>),
    /// `#[flatten]`; `body`: the other struct reads the body as well.
    Flatten { prefix: Option<LitStr>, body: bool },
    /// `#[extension]`
    Extension,
    /// `#[state]`
    State,
    /// `#[request]`: method, URI, version, headers, the match.
    Request,
    /// `#[from]`: any extractor of the parts.
    From,
    /// `#[skip]`
    Skip,
}

/// The options of a field with nested keys.
#[derive(Clone, Copy)]
pub(crate) struct NestedOptions {
    /// Whether keys are written as `a.b` instead of `a[b]`; both are read.
    pub(crate) dots: bool,
    /// Maximum depth of the keys.
    pub(crate) depth: usize,
    /// Maximum items of a list; by default that of the struct.
    pub(crate) max_items: Option<usize>,
    /// Maximum bytes of one value.
    pub(crate) limit: Option<u64>,
}

/// How a part of a multipart body is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Text,
    Json,
    Bytes,
    Upload,
}

/// How the whole body is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Json,
    Form,
    Text,
    Bytes,
    Stream,
    /// The text parts of a multipart body, as the pairs of a form.
    Multipart,
    /// A multipart body that the handler reads part by part.
    Reader,
}

impl View {
    pub(crate) const WORDS: [(&'static str, Self); 6] = [
        ("json", Self::Json),
        ("form", Self::Form),
        ("text", Self::Text),
        ("bytes", Self::Bytes),
        ("stream", Self::Stream),
        ("multipart", Self::Multipart),
    ];
}

impl FieldSource {
    /// Tests whether the field takes the unread body.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self, Self::Body(views) if matches!(views[..], [View::Stream | View::Reader]))
    }

    /// Tests whether the parts of a multipart body become one value.
    pub(crate) fn may_be_parts(&self) -> bool {
        matches!(self, Self::Body(views) if views.contains(&View::Multipart))
    }

    /// Tests whether the field is read from the body.
    pub(crate) fn is_body(&self) -> bool {
        matches!(
            self,
            Self::Form { .. }
                | Self::Nested { form: true, .. }
                | Self::FormRest
                | Self::Json { .. }
                | Self::Part { .. }
                | Self::Body(_)
                | Self::Flatten { body: true, .. }
        )
    }
}

/// How many values a type holds, with the type of one value.
pub(crate) enum Cardinality {
    Single(Type),
    Option(Type),
    List(Type),
    OptionList(Type),
}

impl Cardinality {
    /// Recognizes `Option<…>` and `Vec<…>` by name, under any path.
    pub(crate) fn of(ty: &Type) -> Self {
        if let Some(item) = argument(ty, "Vec") {
            return Self::List(item.clone());
        }
        match argument(ty, "Option") {
            Some(inner) => match argument(inner, "Vec") {
                Some(item) => Self::OptionList(item.clone()),
                None => Self::Option(inner.clone()),
            },
            None => Self::Single(ty.clone()),
        }
    }

    /// Returns the type of one value.
    pub(crate) fn item(&self) -> &Type {
        match self {
            Self::Single(ty) | Self::Option(ty) | Self::List(ty) | Self::OptionList(ty) => ty,
        }
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Self::List(_) | Self::OptionList(_))
    }

    pub(crate) fn is_option(&self) -> bool {
        matches!(self, Self::Option(_) | Self::OptionList(_))
    }
}

/// Returns the type inside of an `Option`, or the type itself.
pub(crate) fn without_option(ty: &Type) -> &Type {
    argument(ty, "Option").unwrap_or(ty)
}

fn argument<'t>(ty: &'t Type, wrapper: &str) -> Option<&'t Type> {
    let Type::Path(path) = ty else {
        // A type from a `macro_rules` fragment is inside of an invisible group.
        return match ty {
            Type::Group(group) => argument(&group.elem, wrapper),
            _ => None,
        };
    };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match (last.ident == wrapper, arguments.args.first()?) {
        (true, GenericArgument::Type(inner)) if arguments.args.len() == 1 => Some(inner),
        _ => None,
    }
}
