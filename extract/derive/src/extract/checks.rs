//! Compile-time checks of names, and of a struct against those flattened into it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::LitStr;
use syn::spanned::Spanned;

use crate::extract::tokens::prefix;
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::source::FieldSource;

/// Returns the names of the struct's own fields.
fn own(model: &Model) -> TokenStream {
    let of = |keys_of: &dyn Fn(&FieldSource) -> Vec<LitStr>| {
        let keys = model.fields.iter().flat_map(|field| keys_of(&field.source));
        let keys: Vec<_> = keys.collect();
        quote!(&[#(#keys),*])
    };
    let query = of(&|source| match source {
        FieldSource::Query { keys } | FieldSource::Nested { keys, form: false, .. } => keys.clone(),
        _ => Vec::new(),
    });
    let cookie = of(&|source| match source {
        FieldSource::Cookie { keys, .. } => keys.clone(),
        _ => Vec::new(),
    });
    let form = of(&|source| match source {
        FieldSource::Form { keys }
        | FieldSource::Part { keys, .. }
        | FieldSource::Nested { keys, form: true, .. } => keys.clone(),
        _ => Vec::new(),
    });
    let json = of(&|source| match source {
        FieldSource::Json { keys, .. } => keys.clone(),
        _ => Vec::new(),
    });
    quote! {
        query: #query, cookie: #cookie, form: #form, json: #json,
    }
}

/// Returns the names of a flattened struct, with its prefix.
fn inner(field: &Field) -> TokenStream {
    let layout = field.layout();
    let prefix = prefix(field).map_or_else(|| quote!(""), ToTokens::to_token_stream);
    quote!(__rt::Keys::NONE.with_prefix(#prefix, &[#layout::KEYS]))
}

/// Returns the constant that the derive of an outer struct checks its names against.
pub(crate) fn keys(model: &Model) -> TokenStream {
    let own = own(model);
    let inner = model.flattened().map(inner);
    quote!(const KEYS: __rt::Keys = __rt::Keys { #own inner: &[#(#inner),*], ..__rt::Keys::NONE };)
}

/// Returns the assertions that a name is not read twice, at the flattened field.
fn duplicates(model: &Model) -> Vec<TokenStream> {
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
            assert!(!__rt::Keys { #own ..__rt::Keys::NONE }.overlaps(&#keys), #message)
        ));
        for earlier in &flattened[..at] {
            let first = inner(earlier);
            let message = format!("`{name}` reads a name that `{}` reads as well: {HOW}", earlier.ident);
            checks.push(quote_spanned!(span=> assert!(!#first.overlaps(&#keys), #message)));
        }
    }
    checks
}

/// Returns the assertions about this struct and those flattened into it.
pub(crate) fn checks(model: &Model) -> TokenStream {
    let mut checks = duplicates(model);
    for field in model.flattened() {
        let inner = field.layout();
        let span = field.ty.span();
        let state = "a flattened struct cannot read state: move its `#[state]` and `#[from]` fields";
        checks.push(quote_spanned!(span=> assert!(!#inner::HEAD.state, #state)));
        if matches!(field.source, FieldSource::Flatten { body: false, .. }) {
            let body = "this struct reads the body: write `#[flatten(body)]`";
            checks.push(quote_spanned!(span=> assert!(!#inner::BODY.reads(), #body)));
        }
    }
    if model.fields.iter().any(|field| matches!(field.source, FieldSource::Flatten { body: true, .. })) {
        let (_, type_generics, _) = model.generics.split_for_impl();
        let slots = quote!(<__Slots #type_generics as __rt::Layout>);
        let sound = "the body is JSON, a form or a stream: this struct and a flattened one differ";
        checks.push(quote!(assert!(#slots::BODY.is_consistent(), #sound)));
    }
    if let (Some(route), Some(_)) = (&model.route, model.flattened().next()) {
        let (_, type_generics, _) = model.generics.split_for_impl();
        let slots = quote!(<__Slots #type_generics as __rt::Layout>);
        let names: Vec<_> = route.variables.iter().map(|variable| &variable.name).collect();
        let span = route.template.span();
        let cover = "the route has a variable that no field reads";
        let among = "a flattened struct reads a variable that the route does not have";
        checks.push(quote_spanned!(span=> assert!(#slots::PARAMS.cover(&[#(#names),*]), #cover)));
        checks.push(quote_spanned!(span=> assert!(#slots::PARAMS.are_among(&[#(#names),*]), #among)));
    }
    // An item is evaluated without a use of the struct, but cannot name its parameters.
    if model.generics.params.is_empty() {
        quote!(#(const _: () = #checks;)*)
    } else {
        quote!(#(const { #checks };)*)
    }
}
