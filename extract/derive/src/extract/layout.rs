//! Impl Layout: constants.

use proc_macro2::TokenStream;
use quote::quote;

use crate::extract::tokens::prefix;
use crate::extract::{body, checks, finish};
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::route::Route;
use crate::model::source::{Origin, Shape, View};

/// What matches a request that no router has matched: a method of `Layout`.
pub(crate) fn door(model: &Model) -> TokenStream {
    let (Some(Route { method, template, .. }), None) = (&model.route, &model.borrow) else {
        return TokenStream::new();
    };
    quote! {
        fn door() -> ::core::option::Option<&'static __rt::Door> {
            static __DOOR: __rt::Door = __rt::Door::new(__rt::Method::#method, #template);
            ::core::option::Option::Some(&__DOOR)
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
    let door = door(model);
    let path_name = path_name(model);
    let keys = keys(model);
    let survey = survey(model);
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
            #door
            #path_name
            #keys
            #survey
            #owned
            #finish
        }
    }
}

fn wants(model: &Model) -> TokenStream {
    let any = |is: fn(&Origin) -> bool| model.fields.iter().any(|field| is(&field.origin));
    let path = any(|origin| matches!(origin, Origin::Param { .. }));
    let raw_path = any(|origin| matches!(origin, Origin::Param { raw: true, .. }));
    let query = any(|origin| {
        matches!(origin, Origin::Query { .. } | Origin::Nested { form: false, .. } | Origin::QueryRest)
    });
    let cookie = any(|origin| matches!(origin, Origin::Cookie { .. }));
    let state = any(|origin| matches!(origin, Origin::State | Origin::From));
    let deny_query = model.container.deny.query;
    let path_is_404 = model.container.path_is_404;
    let max_params = model.container.max_params;
    let inner = model.flattened().map(Field::layout);
    quote! {
        const WANTS: __rt::Wants = __rt::Wants {
            path: #path,
            raw_path: #raw_path,
            query: #query,
            cookie: #cookie,
            state: #state,
            deny_query: #deny_query,
            path_is_404: #path_is_404,
            max_params: #max_params,
        }
        #(.join(#inner::WANTS))*;
    }
}

fn body(model: &Model) -> Option<TokenStream> {
    if !model.has_body() {
        return None;
    }
    let any = |is: &dyn Fn(&Origin) -> bool| model.fields.iter().any(|field| is(&field.origin));
    let sees = |view: View| {
        any(&|origin| match origin {
            Origin::Body(views) => views.contains(&view),
            _ => false,
        })
    };
    let members = any(&|origin| matches!(origin, Origin::Json { .. }));
    let pairs = any(&|origin| {
        matches!(origin, Origin::Form { .. } | Origin::Nested { form: true, .. } | Origin::FormRest)
    });
    let parts = any(&|origin| matches!(origin, Origin::Part { .. }));
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
        any(&|origin| match origin {
            Origin::Body(views) => views[..] == [view],
            _ => false,
        })
    };
    let text = sees(View::Text) && !alone(View::Text);
    let stream = any(&Origin::is_stream);
    let other = alone(View::Text) || alone(View::Bytes);
    let limit = model.limit();
    let max_params = model.container.max_params;
    let accept = &model.container.accept;
    let deny = model.container.deny;
    let (deny_form, deny_json, deny_part) = (deny.form, deny.json, deny.part);
    let inner =
        model.fields.iter().filter(|field| matches!(field.origin, Origin::Flatten { body: true, .. }));
    let inner = inner.map(Field::layout);
    Some(quote! {
        const BODY: __rt::Plan = __rt::Plan {
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
        match &field.origin {
            Origin::Param { name, scope: true, .. } => around.push(name),
            Origin::Param { name, .. } => own.push(name),
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
    let names = model.fields.iter().filter_map(|field| match &field.origin {
        Origin::Param { name, .. } => Some(quote!(#name => ::core::option::Option::Some(#name))),
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
    let of = |keys_of: fn(&Origin) -> Option<&Vec<syn::LitStr>>| {
        let keys: Vec<_> = model.fields.iter().filter_map(|field| keys_of(&field.origin)).flatten().collect();
        quote!(#(__tell(#keys);)*)
    };
    let query = of(|origin| match origin {
        Origin::Query { keys } | Origin::Nested { keys, form: false, .. } => Some(keys),
        _ => None,
    });
    let form = of(|origin| match origin {
        Origin::Form { keys } | Origin::Nested { keys, form: true, .. } => Some(keys),
        _ => None,
    });
    let part = of(|origin| match origin {
        Origin::Part { keys, .. } | Origin::Form { keys } | Origin::Nested { keys, form: true, .. } => {
            Some(keys)
        }
        _ => None,
    });
    let json = of(|origin| match origin {
        Origin::Json { keys, .. } => Some(keys),
        _ => None,
    });
    let inner = model.flattened().map(|field| {
        let layout = field.layout();
        match prefix(field) {
            Some(prefix) => quote! {
                #layout::keys(__source, &mut |__key| __tell(&::std::format!("{}{}", #prefix, __key)));
            },
            None => quote!(#layout::keys(__source, __tell);),
        }
    });
    quote! {
        fn keys(__source: __rt::Source, __tell: &mut dyn ::core::ops::FnMut(&str)) {
            match __source {
                __rt::Source::Query => { #query }
                __rt::Source::Form => { #form }
                __rt::Source::Part => { #part }
                __rt::Source::Body => { #json }
                _ => {}
            }
            #(#inner)*
        }
    }
}

fn survey(model: &Model) -> TokenStream {
    let looks = model.fields.iter().filter_map(|field| {
        let slot = &field.ident;
        let flag = field.scalar.as_ref().is_some_and(|scalar| scalar.flag);
        let required = matches!(field.shape, Shape::One(_)) && field.default.is_none() && !flag;
        match field.origin {
            Origin::Param { .. } | Origin::Query { .. } | Origin::Header { .. } | Origin::Cookie { .. } => {
                Some(quote!(__survey.see(&self.#slot, #required);))
            }
            // A value that is made of nothing may be what is wanted.
            Origin::Nested { form: false, .. } | Origin::QueryRest => {
                Some(quote!(__survey.see(&self.#slot, false);))
            }
            Origin::QueryAll => Some(quote!(__survey.see(&self.#slot, #required);)),
            Origin::Flatten { .. } => Some(quote!(__survey.join(__rt::Layout::survey(&self.#slot));)),
            _ => None,
        }
    });
    quote! {
        fn survey(&self) -> __rt::Survey {
            let mut __survey = __rt::Survey::default();
            #(#looks)*
            __survey
        }
    }
}
