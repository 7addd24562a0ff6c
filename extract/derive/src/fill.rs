//! How the slots are filled, part by part of the request.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::{
    field::Field,
    members,
    model::Model,
    origin::{Origin, View},
    shape::{Shape, without_option},
};

/// What is handed in name by name: path variables, query values and cookies.
pub(crate) fn by_name(model: &Model) -> TokenStream {
    let mut names = Vec::new();
    let mut path = Vec::new();
    let mut query = Vec::new();
    let mut cookie = Vec::new();
    for field in &model.fields {
        let slot = &field.ident;
        let feed = feed(model, field);
        match &field.origin {
            Origin::Param { name, .. } => {
                names.push(quote!(#name => ::core::option::Option::Some(#name)));
                // Both routers may have matched: the first to speak is heard.
                path.push(quote!(#name => if __rt::Slot::is_absent(&self.#slot) { #feed }));
            }
            Origin::Query { keys } => query.push(quote!(#(#keys)|* => #feed)),
            Origin::Cookie { keys, .. } => cookie.push(quote!(#(#keys)|* => #feed)),
            _ => {}
        }
    }
    // A name that the outer struct reads is read by the inner ones as well.
    let slots: Vec<_> = model.flattened().map(|field| &field.ident).collect();
    let inner: Vec<_> = model.flattened().map(inner_layout).collect();
    quote! {
        fn path_name(__name: &str) -> ::core::option::Option<&'static str> {
            match __name {
                #(#names,)*
                _ => ::core::option::Option::None #(.or_else(|| #inner::path_name(__name)))*,
            }
        }

        fn path(&mut self, __name: &str, __value: __rt::Value<'_>) {
            match __name {
                #(#path,)*
                _ => {}
            }
            #(__rt::Slots::path(&mut self.#slots, __name, __value);)*
        }

        fn query(&mut self, __name: &str, __value: __rt::Value<'_>) {
            match __name {
                #(#query,)*
                _ => {}
            }
            #(__rt::Slots::query(&mut self.#slots, __name, __value);)*
        }

        fn cookie(&mut self, __name: &str, __value: __rt::Value<'_>) {
            match __name {
                #(#cookie,)*
                _ => {}
            }
            #(__rt::Slots::cookie(&mut self.#slots, __name, __value);)*
        }
    }
}

/// The slots of a flattened struct, seen as the trait that they implement.
pub(crate) fn inner_layout(field: &Field) -> TokenStream {
    let inner = field.inner_slots();
    quote!(<#inner as __rt::Slots>)
}

/// What is looked up: headers by name, extensions by type.
pub(crate) fn lookup(model: &Model) -> TokenStream {
    let steps = model.fields.iter().filter_map(|field| {
        let slot = &field.ident;
        let ty = &field.ty;
        match &field.origin {
            Origin::Header { name, .. } => {
                let feed = feed(model, field);
                Some(quote! {{
                    static __NAME: __rt::HeaderName = __rt::HeaderName::from_static(#name);
                    for __value in __rt::header(&__parts.headers, &__NAME) {
                        #feed;
                    }
                }})
            }
            Origin::Flatten { .. } => Some(quote!(__rt::Slots::lookup(&mut self.#slot, __parts);)),
            Origin::Extension if field.shape.is_option() => {
                let inner = without_option(ty);
                Some(quote! {
                    self.#slot = ::core::option::Option::Some(
                        __parts.extensions.get::<#inner>().cloned(),
                    );
                })
            }
            Origin::Extension => Some(quote!(self.#slot = __parts.extensions.get::<#ty>().cloned();)),
            _ => None,
        }
    });
    quote! {
        fn lookup(&mut self, __parts: &__rt::Parts) {
            #(#steps)*
        }
    }
}

/// What becomes of a body that is not empty: its bytes first, since they cannot fail.
pub(crate) fn body(model: &Model) -> TokenStream {
    let mut bytes = Vec::new();
    let mut rest = Vec::new();
    for field in &model.fields {
        let slot = &field.ident;
        let item = without_option(&field.ty);
        let Origin::Body(views) = &field.origin else { continue };
        match views[0] {
            View::Bytes => bytes.push(quote! {
                self.#slot = __rt::Member::Value(::core::clone::Clone::clone(__body).into());
            }),
            View::Text => rest.push(quote! {
                self.#slot = __rt::Member::text(__body, (&&&__rt::Pick::<#item>::new()).pick());
            }),
            View::Json => rest.push(quote! {
                self.#slot = __rt::Member::whole(__body)?;
            }),
            _ => {}
        }
    }
    let members = members::fill(model);
    quote! {
        fn body(
            &mut self,
            __body: &__rt::Bytes,
        ) -> ::core::result::Result<(), __rt::FieldError> {
            #(#bytes)*
            #(#rest)*
            #members
            ::core::result::Result::Ok(())
        }
    }
}

/// The statement that takes a value into a text field's slot.
fn feed(model: &Model, field: &Field) -> TokenStream {
    let name = &field.ident;
    let item = field.shape.item();
    let max = model.container.max_items;
    // At the type's own place, so that the compiler points there if nothing reads it.
    let read = quote_spanned!(item.span()=> (&&&__rt::Pick::<#item>::new()).pick());
    let csv = field.scalar.as_ref().is_some_and(|scalar| scalar.csv);
    match &field.shape {
        Shape::Many(_) | Shape::OptionMany(_) if csv => {
            quote!(self.#name.feed_csv(__value, #read, #max))
        }
        Shape::Many(_) | Shape::OptionMany(_) => quote!(self.#name.feed(__value, #read, #max)),
        Shape::Option(_) => quote!(self.#name.feed_optional(__value, #read)),
        Shape::One(_) => quote!(self.#name.feed(__value, #read)),
    }
}
