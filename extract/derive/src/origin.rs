//! Where a field's value comes from, as its attribute says.

use proc_macro2::TokenStream;
use syn::LitStr;

/// The source of one field.
pub(crate) enum Origin {
    /// `#[param]`: a variable of the route's template; `scope`: of a template around it.
    Param { name: LitStr, raw: bool, scope: bool },
    /// `#[query]`
    Query { keys: Vec<LitStr> },
    /// `#[query(rest)]`: every pair that no other field reads.
    QueryRest,
    /// `#[query(all)]`: the whole query, through serde.
    QueryAll,
    /// `#[query(nested)]`, `#[form(nested)]`: keys below the field's own.
    Nested { keys: Vec<LitStr>, form: bool, nest: Nest },
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

/// How keys below a field's own are read and written.
#[derive(Clone, Copy)]
pub(crate) struct Nest {
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

/// How the whole body is seen.
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

impl Origin {
    /// Whether the body is handed on unread.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self, Self::Body(views) if matches!(views[..], [View::Stream | View::ByHand]))
    }

    /// Whether the whole body may come as parts that become one value.
    pub(crate) fn is_sorted(&self) -> bool {
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
