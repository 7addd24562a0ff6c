//! What the fields are called outside, and that no two structs flattened together share a name.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{LitStr, spanned::Spanned};

use crate::{field::Field, fill::prefix, model::Model, origin::Origin};

/// The names of the struct's own fields.
fn own(model: &Model) -> TokenStream {
    let of = |keys_of: &dyn Fn(&Origin) -> Vec<LitStr>| {
        let keys = model.fields.iter().flat_map(|field| keys_of(&field.origin));
        let keys: Vec<_> = keys.collect();
        quote!(&[#(#keys),*])
    };
    let query = of(&|origin| match origin {
        Origin::Query { keys } | Origin::Nested { keys, form: false, .. } => keys.clone(),
        _ => Vec::new(),
    });
    let cookie = of(&|origin| match origin {
        Origin::Cookie { keys, .. } => keys.clone(),
        _ => Vec::new(),
    });
    let form = of(&|origin| match origin {
        Origin::Form { keys } | Origin::Part { keys, .. } | Origin::Nested { keys, form: true, .. } => {
            keys.clone()
        }
        _ => Vec::new(),
    });
    let json = of(&|origin| match origin {
        Origin::Json { keys, .. } => keys.clone(),
        _ => Vec::new(),
    });
    quote! {
        query: #query, cookie: #cookie, form: #form, json: #json,
    }
}

/// The names of a flattened struct, behind its prefix.
fn inner(field: &Field) -> TokenStream {
    let layout = field.layout();
    let prefix = prefix(field).map_or_else(|| quote!(""), ToTokens::to_token_stream);
    quote!(__rt::Keys::NONE.within(#prefix, &[#layout::KEYS]))
}

/// The constant that another derive holds its own names against.
pub(crate) fn keys(model: &Model) -> TokenStream {
    let own = own(model);
    let inner = model.flattened().map(inner);
    quote!(const KEYS: __rt::Keys = __rt::Keys { #own inner: &[#(#inner),*], ..__rt::Keys::NONE };)
}

/// What fails to compile where two names are one, at the flattened field.
pub(crate) fn checks(model: &Model) -> Vec<TokenStream> {
    const HOW: &str = "rename one, or write `#[flatten(prefix = \"…\")]`";
    let own = own(model);
    let flattened: Vec<_> = model.flattened().collect();
    let mut checks = Vec::new();
    for (at, field) in flattened.iter().enumerate() {
        let span = field.ty.span();
        let name = &field.ident;
        let keys = inner(field);
        let message = format!("`{name}` reads a name that a field beside it reads as well: {HOW}");
        checks.push(quote_spanned!(span=>
            assert!(!__rt::Keys { #own ..__rt::Keys::NONE }.meet(&#keys), #message)
        ));
        for earlier in &flattened[..at] {
            let first = inner(earlier);
            let message = format!("`{name}` reads a name that `{}` reads as well: {HOW}", earlier.ident);
            checks.push(quote_spanned!(span=> assert!(!#first.meet(&#keys), #message)));
        }
    }
    checks
}
