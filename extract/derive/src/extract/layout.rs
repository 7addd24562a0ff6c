//! Impl Layout: constants.

use proc_macro2::TokenStream;
use quote::quote;

use crate::extract::tokens::prefix;
use crate::extract::{body, checks, finish};
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::route::Route;
use crate::model::source::{Cardinality, FieldSource, View};

/// What matches a request that no router has matched: a method of `Layout`.
pub(crate) fn own_route(model: &Model) -> TokenStream {
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

/// The impl of `Layout`.
pub(crate) fn write(model: &Model) -> TokenStream {
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let ident = &model.ident;
    let wants = wants(model);
    let body = body(model);
    let params = params(model);
    let named = checks::keys(model);
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
            #wants
            #body
            #params
            #named
            #own_route
            #path_name
            #keys
            #each_slot
            #owned
            #finish
        }
    }
}

fn wants(model: &Model) -> TokenStream {
    let any = |is: fn(&FieldSource) -> bool| model.fields.iter().any(|field| is(&field.source));
    let path = any(|source| matches!(source, FieldSource::Param { .. }));
    let raw_path = any(|source| matches!(source, FieldSource::Param { raw: true, .. }));
    let query = any(|source| {
        matches!(
            source,
            FieldSource::Query { .. } | FieldSource::Nested { form: false, .. } | FieldSource::QueryRest
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

fn body(model: &Model) -> Option<TokenStream> {
    if !model.has_body() {
        return None;
    }
    let any = |is: &dyn Fn(&FieldSource) -> bool| model.fields.iter().any(|field| is(&field.source));
    let sees = |view: View| {
        any(&|source| match source {
            FieldSource::Body(views) => views.contains(&view),
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
    let json = members || sees(View::Json);
    // A file has no place in an urlencoded form; a form's texts have one among parts.
    let pairs_alone = pairs && !parts;
    let form = pairs_alone || sees(View::Form);
    let multipart = if pairs_alone && model.borrow.is_none() {
        quote!(__rt::MULTIPART)
    } else {
        let parts = parts || sees(View::Multipart) || sees(View::ByHand);
        quote!(#parts)
    };
    // A text that may be something else as well has to be called one.
    let alone = |view: View| {
        any(&|source| match source {
            FieldSource::Body(views) => views[..] == [view],
            _ => false,
        })
    };
    let text = sees(View::Text) && !alone(View::Text);
    let stream = any(&FieldSource::is_stream);
    let other = alone(View::Text) || alone(View::Bytes);
    let limit = model.limit();
    let max_params = model.container.max_params;
    let accept = &model.container.accept;
    let deny = model.container.deny;
    let (deny_form, deny_json, deny_part) = (deny.form, deny.json, deny.part);
    let inner =
        model.fields.iter().filter(|field| matches!(field.source, FieldSource::Flatten { body: true, .. }));
    let inner = inner.map(Field::layout);
    Some(quote! {
        const BODY: __rt::BodyPlan = __rt::BodyPlan {
            json: #json,
            members: #members,
            accept: &[#(#accept),*],
            form: #form,
            pairs: #pairs,
            multipart: #multipart,
            text: #text,
            any: #other,
            stream: #stream,
            limit: #limit,
            max_params: #max_params,
            deny_form: #deny_form,
            deny_json: #deny_json,
            deny_part: #deny_part,
        }
        #(.join(#inner::BODY))*;
    })
}

fn params(model: &Model) -> TokenStream {
    let mut own = Vec::new();
    let mut around = Vec::new();
    for field in &model.fields {
        match &field.source {
            FieldSource::Param { name, scope: true, .. } => around.push(name),
            FieldSource::Param { name, .. } => own.push(name),
            _ => {}
        }
    }
    let inner = model.flattened().map(Field::layout);
    quote! {
        const PARAMS: __rt::Names = __rt::Names {
            own: &[#(#own),*],
            scope: &[#(#around),*],
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

/// Every key that a field reads, told by source.
fn keys(model: &Model) -> TokenStream {
    let of = |keys_of: fn(&FieldSource) -> Option<&Vec<syn::LitStr>>| {
        let keys: Vec<_> = model.fields.iter().filter_map(|field| keys_of(&field.source)).flatten().collect();
        quote!(#(__visit(#keys);)*)
    };
    let query = of(|source| match source {
        FieldSource::Query { keys } | FieldSource::Nested { keys, form: false, .. } => Some(keys),
        _ => None,
    });
    let form = of(|source| match source {
        FieldSource::Form { keys } | FieldSource::Nested { keys, form: true, .. } => Some(keys),
        _ => None,
    });
    let part = of(|source| match source {
        FieldSource::Part { keys, .. }
        | FieldSource::Form { keys }
        | FieldSource::Nested { keys, form: true, .. } => Some(keys),
        _ => None,
    });
    let json = of(|source| match source {
        FieldSource::Json { keys, .. } => Some(keys),
        _ => None,
    });
    let inner = model.flattened().map(|field| {
        let layout = field.layout();
        match prefix(field) {
            Some(prefix) => quote! {
                #layout::keys(__source, &mut |__key| __visit(&::std::format!("{}{}", #prefix, __key)));
            },
            None => quote!(#layout::keys(__source, __visit);),
        }
    });
    quote! {
        fn keys(__source: __rt::Location, __visit: &mut dyn ::core::ops::FnMut(&str)) {
            match __source {
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

fn each_slot(model: &Model) -> TokenStream {
    let looks = model.fields.iter().filter_map(|field| {
        let slot = &field.ident;
        let flag = field.scalar.as_ref().is_some_and(|scalar| scalar.flag);
        let required =
            matches!(field.cardinality, Cardinality::Single(_)) && field.default.is_none() && !flag;
        match field.source {
            FieldSource::Param { .. }
            | FieldSource::Query { .. }
            | FieldSource::Header { .. }
            | FieldSource::Cookie { .. } => Some(quote!(__visit(&self.#slot, #required);)),
            // A value that is made of nothing may be what is wanted.
            FieldSource::Nested { form: false, .. } | FieldSource::QueryRest => {
                Some(quote!(__visit(&self.#slot, false);))
            }
            FieldSource::QueryAll => Some(quote!(__visit(&self.#slot, #required);)),
            FieldSource::Flatten { .. } => Some(quote!(__rt::Layout::each_slot(&self.#slot, __visit);)),
            _ => None,
        }
    });
    quote! {
        fn each_slot(&self, __visit: &mut dyn ::core::ops::FnMut(&dyn __rt::Slot, bool)) {
            #(#looks)*
        }
    }
}
