//! Where a field is read; Option, Vec.

use proc_macro2::TokenStream;
use syn::{GenericArgument, LitStr, PathArguments, Type};

/// The source of one field.
pub(crate) enum FieldSource {
    /// `#[param]`: a variable of the route's template; `scope`: of a template around it.
    Param { name: LitStr, raw: bool, scope: bool },
    /// `#[query]`
    Query { keys: Vec<LitStr> },
    /// `#[query(rest)]`: every pair that no other field reads.
    QueryRest,
    /// `#[query(all)]`: the whole query, through serde.
    QueryAll,
    /// `#[query(nested)]`, `#[form(nested)]`: keys below the field's own.
    Nested { keys: Vec<LitStr>, form: bool, options: NestedOptions },
    /// `#[header]`; `typed`: a header of the `headers` crate, which knows its own name.
    Header { name: LitStr, typed: bool },
    /// `#[cookie]`; `raw`: not percent-decoded.
    Cookie { keys: Vec<LitStr>, raw: bool },
    /// `#[form]`
    Form { keys: Vec<LitStr> },
    /// `#[form(rest)]`
    FormRest,
    /// `#[json]`; `passed`: what serde is told, word for word.
    Json { keys: Vec<LitStr>, passed: Vec<TokenStream> },
    /// `#[part]`
    Part { keys: Vec<LitStr>, what: Part },
    /// `#[body]`, in one of these ways.
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

/// ReadWith keys below a field's own are read and written.
#[derive(Clone, Copy)]
pub(crate) struct NestedOptions {
    /// Written as `a.b`, not as `a[b]`; both are read.
    pub(crate) dots: bool,
    /// The most keys below.
    pub(crate) depth: usize,
    /// The most items of a list; the struct's own choice if it is not given.
    pub(crate) max_items: Option<usize>,
    /// The most bytes of one value.
    pub(crate) limit: Option<u64>,
}

/// What a part of a multipart body becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Text,
    Json,
    Bytes,
    Upload,
}

/// ReadWith the whole body is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Json,
    Form,
    Text,
    Bytes,
    Stream,
    /// The texts of a multipart body's parts, as the pairs of a form.
    Multipart,
    /// A multipart body, read by hand.
    ByHand,
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
    /// Whether the body is handed on unread.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self, Self::Body(views) if matches!(views[..], [View::Stream | View::ByHand]))
    }

    /// Whether the whole body may come as parts that become one value.
    pub(crate) fn may_be_parts(&self) -> bool {
        matches!(self, Self::Body(views) if views.contains(&View::Multipart))
    }

    /// Whether the field is filled from the body.
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

/// The multiplicity of a type, with the type of one value.
pub(crate) enum Cardinality {
    Single(Type),
    Option(Type),
    List(Type),
    OptionList(Type),
}

impl Cardinality {
    /// A derive sees no types, only their names: `Option<…>` and `Vec<…>` under any path.
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

    /// The type of one value.
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

/// The type in an `Option`, whatever it is; the type itself if it is none.
pub(crate) fn without_option(ty: &Type) -> &Type {
    argument(ty, "Option").unwrap_or(ty)
}

fn argument<'t>(ty: &'t Type, wrapper: &str) -> Option<&'t Type> {
    let Type::Path(path) = ty else {
        // A type that came through a `macro_rules` fragment stands in an invisible group.
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
