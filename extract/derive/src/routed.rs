//! What `#[route(METHOD "/template")]` becomes in code.

use proc_macro2::TokenStream;
use quote::quote;

use crate::{model::Model, route::Route};

/// The reference to a struct's target.
fn target(route: &Route) -> TokenStream {
    let Route { method, template, .. } = route;
    quote! {{
        static __TARGET: __rt::Target = __rt::Target::new(__rt::Method::#method, #template);
        &__TARGET
    }}
}

/// What tells a router where the struct's requests come from.
pub(crate) fn inward(model: &Model) -> TokenStream {
    // What borrows is read without a router.
    let (Some(route), None) = (&model.route, &model.borrow) else {
        return TokenStream::new();
    };
    let ident = &model.ident;
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let target = target(route);
    quote! {
        #[automatically_derived]
        impl #impl_generics ::waylay_extract::Routed for #ident #type_generics #where_clause {
            const TARGET: &'static __rt::Target = #target;
        }
    }
}

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

/// What tells a client where the struct's requests go: a member of `IntoRequest`.
pub(crate) fn outward(model: &Model) -> TokenStream {
    let Some(route) = &model.route else {
        return TokenStream::new();
    };
    let target = target(route);
    quote! {
        const TARGET: ::core::option::Option<&'static __rt::Target> =
            ::core::option::Option::Some(#target);
    }
}
