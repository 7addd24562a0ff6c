//! impl Layout: the constants of a struct and what needs no request.

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;
use syn::ext::IdentExt;

use crate::extract::tokens::prefix;
use crate::extract::{body, checks, finish};
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::route::Route;
use crate::model::source::{Cardinality, FieldSource, View};

/// Returns the impl.
pub(crate) fn write(model: &Model) -> TokenStream {
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let ident = &model.ident;
    let head = head_plan(model);
    let body = body_plan(model);
    let params = params(model);
    let names = checks::keys(model);
    let own_route = own_route(model);
    let path_name = path_name(model);
    let keys = keys(model);
    let each_slot = each_slot(model);
    let owned = body::owned(model);
    let finish = finish::write(model);
    quote! {
        #[automatically_derived]
        impl #impl_generics __rt::Layout for __Slots #type_generics #where_clause {
            type Output = #ident #type_generics;
            #head
            #body
            #params
            #names
            #own_route
            #path_name
            #keys
            #each_slot
            #owned
            #finish
        }
    }
}

/// Returns the method for the struct's own route, for requests that no router has matched.
fn own_route(model: &Model) -> TokenStream {
    let (Some(Route { method, template, .. }), None) = (&model.route, &model.borrow) else {
        return TokenStream::new();
    };
    quote! {
        fn own_route() -> ::core::option::Option<&'static __rt::OwnRoute> {
            static __OWN_ROUTE: __rt::OwnRoute = __rt::OwnRoute::new(__rt::Method::#method, #template);
            ::core::option::Option::Some(&__OWN_ROUTE)
        }
    }
}

fn head_plan(model: &Model) -> TokenStream {
    let any = |is: fn(&FieldSource) -> bool| model.fields.iter().any(|field| is(&field.source));
    let path = any(|source| matches!(source, FieldSource::Param { .. }));
    let raw_path = any(|source| matches!(source, FieldSource::Param { raw: true, .. }));
    let query = any(|source| {
        matches!(
            source,
            FieldSource::Query { .. }
                | FieldSource::Nested { form: false, .. }
                | FieldSource::QueryRest
                | FieldSource::Form { query: true, .. }
        )
    });
    let cookie = any(|source| matches!(source, FieldSource::Cookie { .. }));
    let state = any(|source| matches!(source, FieldSource::State | FieldSource::From));
    let deny_query = model.container.deny.query;
    let path_is_404 = model.container.path_is_404;
    let max_params = model.container.max_params;
    let inner = model.flattened().map(Field::layout);
    quote! {
        const HEAD: __rt::HeadPlan = __rt::HeadPlan {
            path: #path,
            raw_path: #raw_path,
            query: #query,
            cookie: #cookie,
            state: #state,
            deny_query: #deny_query,
            path_is_404: #path_is_404,
            max_params: #max_params,
        }
        #(.join(#inner::HEAD))*;
    }
}

fn body_plan(model: &Model) -> Option<TokenStream> {
    if !model.has_body() {
        return None;
    }
    let kinds = body_kinds(model);
    let limit = model.limit();
    let max_params = model.container.max_params;
    let accept = &model.container.accept;
    let deny = model.container.deny;
    let (deny_form, deny_json, deny_part) = (deny.form, deny.json, deny.part);
    let untyped = model.container.untyped;
    let inner =
        model.fields.iter().filter(|field| matches!(field.source, FieldSource::Flatten { body: true, .. }));
    let inner = inner.map(Field::layout);
    Some(quote! {
        const BODY: __rt::BodyPlan = __rt::BodyPlan {
            #kinds
            accept: &[#(#accept),*],
            limit: #limit,
            max_params: #max_params,
            deny_form: #deny_form,
            deny_json: #deny_json,
            deny_part: #deny_part,
            untyped: #untyped,
        }
        #(.join(#inner::BODY))*;
    })
}

/// Returns the members of a body plan that name the kinds of bodies.
fn body_kinds(model: &Model) -> TokenStream {
    let any = |is: &dyn Fn(&FieldSource) -> bool| model.fields.iter().any(|field| is(&field.source));
    let has_view = |view: View| {
        any(&|source| match source {
            FieldSource::Body(views) => views.contains(&view),
            _ => false,
        })
    };
    let has_only = |view: View| {
        any(&|source| match source {
            FieldSource::Body(views) => views[..] == [view],
            _ => false,
        })
    };
    let members = any(&|source| matches!(source, FieldSource::Json { .. }));
    let pairs = any(&|source| {
        matches!(
            source,
            FieldSource::Form { .. } | FieldSource::Nested { form: true, .. } | FieldSource::FormRest
        )
    });
    let parts = any(&|source| matches!(source, FieldSource::Part { .. }));
    let json = members || has_view(View::Json);
    // An urlencoded form cannot hold a file; a multipart body can hold the pairs of a form.
    let pairs_alone = pairs && !parts;
    let form = pairs_alone || has_view(View::Form);
    let multipart = if pairs_alone && model.borrow.is_none() {
        quote!(__rt::MULTIPART)
    } else {
        let parts = parts || has_view(View::Multipart) || has_view(View::Reader);
        quote!(#parts)
    };
    // Text beside other kinds needs a content type of `text/*`; text alone does not.
    let text = has_view(View::Text) && !has_only(View::Text);
    let other = has_only(View::Text) || has_only(View::Bytes);
    let stream = any(&FieldSource::is_stream);
    quote! {
        json: #json,
        members: #members,
        form: #form,
        pairs: #pairs,
        multipart: #multipart,
        text: #text,
        any: #other,
        stream: #stream,
    }
}

/// Returns the constant with the names of the path variables.
fn params(model: &Model) -> TokenStream {
    let mut own = Vec::new();
    let mut scope_names = Vec::new();
    let mut required = Vec::new();
    for field in &model.fields {
        let FieldSource::Param { name, scope, .. } = &field.source else { continue };
        if *scope {
            scope_names.push(name)
        } else {
            own.push(name)
        }
        if !field.is_optional() {
            let reader = format!("{}::{}", model.ident.unraw(), field.ident.unraw());
            required.push(quote!((#name, #reader)));
        }
    }
    let inner = model.flattened().map(Field::layout);
    quote! {
        const PARAMS: __rt::Names = __rt::Names {
            own: &[#(#own),*],
            scope: &[#(#scope_names),*],
            required: &[#(#required),*],
            inner: &[#(#inner::PARAMS),*],
        };
    }
}

fn path_name(model: &Model) -> TokenStream {
    let names = model.fields.iter().filter_map(|field| match &field.source {
        FieldSource::Param { name, .. } => Some(quote!(#name => ::core::option::Option::Some(#name))),
        _ => None,
    });
    let inner = model.flattened().map(Field::layout);
    quote! {
        fn path_name(__name: &str) -> ::core::option::Option<&'static str> {
            match __name {
                #(#names,)*
                _ => ::core::option::Option::None #(.or_else(|| #inner::path_name(__name)))*,
            }
        }
    }
}

/// Returns the method that visits every key of one location that a field reads.
fn keys(model: &Model) -> TokenStream {
    let query = visits(model, |source| match source {
        FieldSource::Query { keys }
        | FieldSource::Nested { keys, form: false, .. }
        | FieldSource::Form { keys, query: true } => Some(keys),
        _ => None,
    });
    let form = visits(model, |source| match source {
        FieldSource::Form { keys, .. } | FieldSource::Nested { keys, form: true, .. } => Some(keys),
        _ => None,
    });
    let part = visits(model, |source| match source {
        FieldSource::Part { keys, .. }
        | FieldSource::Form { keys, .. }
        | FieldSource::Nested { keys, form: true, .. } => Some(keys),
        _ => None,
    });
    let json = visits(model, |source| match source {
        FieldSource::Json { keys, .. } => Some(keys),
        _ => None,
    });
    let inner = model.flattened().map(|field| {
        let layout = field.layout();
        match prefix(field) {
            Some(prefix) => quote! {
                #layout::keys(__location, &mut |__key| __visit(&::std::format!("{}{}", #prefix, __key)));
            },
            None => quote!(#layout::keys(__location, __visit);),
        }
    });
    quote! {
        fn keys(__location: __rt::Location, __visit: &mut dyn ::core::ops::FnMut(&str)) {
            match __location {
                __rt::Location::Query => { #query }
                __rt::Location::Form => { #form }
                __rt::Location::Part => { #part }
                __rt::Location::Body => { #json }
                _ => {}
            }
            #(#inner)*
        }
    }
}

fn visits(model: &Model, keys_of: fn(&FieldSource) -> Option<&Vec<LitStr>>) -> TokenStream {
    let keys = model.fields.iter().filter_map(|field| keys_of(&field.source)).flatten();
    quote!(#(__visit(#keys);)*)
}

/// Returns the method that visits the slots of the head, with whether the field is required.
fn each_slot(model: &Model) -> TokenStream {
    let visits = model.fields.iter().filter_map(|field| {
        let slot = &field.ident;
        let flag = field.scalar.as_ref().is_some_and(|scalar| scalar.flag);
        let required =
            matches!(field.cardinality, Cardinality::Single(_)) && field.default.is_none() && !flag;
        match field.source {
            FieldSource::Param { .. }
            | FieldSource::Query { .. }
            | FieldSource::Header { .. }
            | FieldSource::Cookie { .. }
            | FieldSource::QueryAll => Some(quote!(__visit(&self.#slot, #required);)),
            // It may be in the form instead.
            FieldSource::Form { query: true, .. } => Some(quote!(__visit(&self.#slot, false);)),
            // Their types may accept an absent value.
            FieldSource::Nested { form: false, .. } | FieldSource::QueryRest => {
                Some(quote!(__visit(&self.#slot, false);))
            }
            FieldSource::Flatten { .. } => Some(quote!(__rt::Layout::each_slot(&self.#slot, __visit);)),
            _ => None,
        }
    });
    quote! {
        fn each_slot(&self, __visit: &mut dyn ::core::ops::FnMut(&dyn __rt::Slot, bool)) {
            #(#visits)*
        }
    }
}
