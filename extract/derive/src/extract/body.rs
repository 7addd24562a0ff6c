//! Fill from body.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Lifetime;

use crate::extract::tokens;
use crate::extract::tokens::{is_reference, read, read_dispatch, rule, with_prefix};
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::source::{FieldSource, Part, View, without_option};

/// The methods that need the request's lifetime: the whole body, and the members of a JSON body.
pub(crate) fn borrowed(model: &Model, life: &Lifetime) -> TokenStream {
    let body = body(model, life);
    let members = members(model, life);
    quote!(#body #members)
}

/// The flattened structs that read the body as well.
fn flattened(model: &Model) -> impl Iterator<Item = &Field> {
    model.fields.iter().filter(|field| matches!(field.source, FieldSource::Flatten { body: true, .. }))
}

/// What becomes of a body that is not empty: its bytes first, since they cannot fail.
fn body(model: &Model, life: &Lifetime) -> TokenStream {
    let mut bytes = Vec::new();
    let mut rest = Vec::new();
    for field in &model.fields {
        let slot = &field.ident;
        match &field.source {
            FieldSource::Body(views) if views[..] == [View::Bytes] => {
                let value = if is_reference(without_option(&field.ty)) {
                    quote!(__body)
                } else {
                    quote!(::core::clone::Clone::clone(__body).into())
                };
                bytes.push(quote!(self.#slot = __rt::MemberSlot::Value(#value);));
            }
            source if source.is_stream() => {}
            FieldSource::Body(views) => {
                let arms = views.iter().map(|view| view_arm(field, *view, views.len() == 1));
                rest.push(quote!(match __kind { #(#arms)* _ => {} }));
            }
            _ => {}
        }
    }
    let inner = flattened(model).map(|field| {
        let slot = &field.ident;
        quote!(__rt::Slots::body(&mut self.#slot, __kind, __body)?;)
    });
    quote! {
        #[allow(unreachable_patterns)]
        fn body(
            &mut self,
            __kind: __rt::BodyKind,
            __body: &#life __rt::Bytes,
        ) -> ::core::result::Result<(), __rt::FieldError> {
            #(#bytes)*
            #(#rest)*
            #(#inner)*
            ::core::result::Result::Ok(())
        }
    }
}

fn view_arm(field: &Field, view: View, alone: bool) -> TokenStream {
    let slot = &field.ident;
    let slot = if field.source.may_be_parts() { quote!(#slot.member) } else { quote!(#slot) };
    match view {
        // Its parts come one by one.
        View::Multipart => TokenStream::new(),
        View::Json => quote!(__rt::BodyKind::Json => self.#slot = __rt::MemberSlot::whole(__body)?,),
        View::Form => quote! {
            __rt::BodyKind::Form => {
                self.#slot = __rt::whole_form(__body, <Self as __rt::Layout>::BODY.max_params)?;
            }
        },
        _ => {
            let read = read_dispatch(without_option(&field.ty));
            let kind = if alone { quote!(_) } else { quote!(__rt::BodyKind::Text) };
            quote!(#kind => self.#slot = __rt::MemberSlot::text(__body, #read),)
        }
    }
}

fn members(model: &Model, life: &Lifetime) -> TokenStream {
    let mut plain = Vec::new();
    let mut single = Vec::new();
    for field in &model.fields {
        let slot = &field.ident;
        let FieldSource::Json { keys, .. } = &field.source else { continue };
        plain.push(quote! {
            #(#keys)|* => {
                self.#slot.take(__map)?;
                return ::core::result::Result::Ok(true);
            }
        });
        single.push(quote! {
            #(#keys)|* => {
                self.#slot.push_value(__name, __raw);
                return true;
            }
        });
    }
    if plain.is_empty() && flattened(model).next().is_none() {
        return TokenStream::new();
    }
    let inner = flattened(model).map(|field| {
        let slot = &field.ident;
        let call = quote! {
            if __rt::Slots::member(&mut self.#slot, __name, __map)? {
                return ::core::result::Result::Ok(true);
            }
        };
        with_prefix(field, &call)
    });
    let inner_single = flattened(model).map(|field| {
        let slot = &field.ident;
        let call = quote! {
            if __rt::Slots::raw_member(&mut self.#slot, __name, __raw) {
                return true;
            }
        };
        with_prefix(field, &call)
    });
    quote! {
        #[inline]
        fn member<__A: __rt::MapAccess<#life>>(
            &mut self,
            __name: &str,
            __map: &mut __A,
        ) -> ::core::result::Result<bool, __A::Error> {
            match __name {
                #(#plain)*
                _ => {}
            }
            #(#inner)*
            ::core::result::Result::Ok(false)
        }

        fn raw_member(&mut self, __name: &str, __raw: &#life __rt::RawValue) -> bool {
            match __name {
                #(#single)*
                _ => {}
            }
            #(#inner_single)*
            false
        }
    }
}

/// The methods that need no lifetime: parts, the stream, the members before they are read.
pub(crate) fn owned(model: &Model) -> TokenStream {
    let close = close(model);
    let parts = parts(model);
    let stream = model.fields.iter().find_map(|field| {
        let slot = &field.ident;
        let take = match &field.source {
            FieldSource::Body(views) if views[..] == [View::Stream] => {
                quote!(self.#slot = ::core::option::Option::Some(__body);)
            }
            source if source.is_stream() => quote!(self.#slot.set_body(__body);),
            _ => return None,
        };
        Some(quote!(fn stream(&mut self, __body: __rt::Body) { #take }))
    });
    let inner: Vec<_> = flattened(model).collect();
    let stream = stream.or_else(|| {
        let takes = inner.iter().map(|field| {
            let (slot, layout) = (&field.ident, field.layout());
            quote!(if #layout::BODY.stream { return __rt::Layout::stream(&mut self.#slot, __body); })
        });
        (!inner.is_empty()).then(|| quote!(fn stream(&mut self, __body: __rt::Body) { #(#takes)* }))
    });
    quote!(#close #parts #stream)
}

fn close(model: &Model) -> Option<TokenStream> {
    let steps: Vec<_> = model
        .fields
        .iter()
        .filter_map(|field| {
            let slot = &field.ident;
            match &field.source {
                FieldSource::Json { .. } => Some(quote!(self.#slot = __rt::MemberSlot::Unread;)),
                FieldSource::Flatten { body: true, .. } => {
                    Some(quote!(__rt::Layout::close(&mut self.#slot);))
                }
                _ => None,
            }
        })
        .collect();
    (!steps.is_empty()).then(|| quote!(fn close(&mut self) { #(#steps)* }))
}

/// The parts of a multipart body: how each is taken, and where it is put.
///
/// A `#[form]` field is a text part there. A struct that borrows reads none: a part is gone when it is read.
fn parts(model: &Model) -> Option<TokenStream> {
    if model.borrow.is_some() {
        return None;
    }
    let mut rules = Vec::new();
    let mut texts = Vec::new();
    let mut files = Vec::new();
    let mut rest = None;
    let mut nested_rules = Vec::new();
    let mut nested_texts = Vec::new();
    for field in &model.fields {
        let slot = &field.ident;
        let (keys, what) = match &field.source {
            FieldSource::Form { keys } => (keys, Part::Text),
            FieldSource::Part { keys, what } => (keys, *what),
            FieldSource::Nested { keys, form: true, .. } => {
                let is_below = tokens::is_below(keys);
                let push = tokens::push(model, field, &quote!(__part.value()));
                nested_rules.push(quote!(#is_below.is_some()));
                nested_texts.push(quote!(if #push { return; }));
                continue;
            }
            source if source.may_be_parts() => {
                rest = Some(quote!(self.#slot.part(__name, __part);));
                continue;
            }
            FieldSource::FormRest => {
                rest = Some(quote!(self.#slot.push_value(__name, __part.value());));
                continue;
            }
            _ => continue,
        };
        let limit = match field.scalar.as_ref().and_then(|scalar| scalar.limit) {
            Some(limit) => quote!(::core::option::Option::Some(#limit)),
            None => quote!(::core::option::Option::None),
        };
        let upload = what == Part::Upload;
        rules.push(quote! {
            #(#keys)|* => ::core::option::Option::Some(__rt::PartRule { limit: #limit, upload: #upload })
        });
        let rule = rule(model, field);
        let value = match what {
            Part::Text => {
                let read = read(field);
                quote!(__part.text(#read, #rule))
            }
            Part::Json => quote!(__part.json()),
            Part::Bytes => quote!(__part.bytes()),
            Part::Upload => {
                files.push(quote!(#(#keys)|* => self.#slot.offer(__upload, #rule)));
                continue;
            }
        };
        texts.push(quote!(#(#keys)|* => self.#slot.offer(#value, #rule)));
    }
    let inner: Vec<_> = flattened(model).collect();
    if rules.is_empty() && nested_rules.is_empty() && rest.is_none() && inner.is_empty() {
        return None;
    }
    let inner_rules = inner.iter().map(|field| {
        let inner = field.layout();
        let call = quote! {
            if let ::core::option::Option::Some(__rule) = #inner::part_rule(__name) {
                return ::core::option::Option::Some(__rule);
            }
        };
        with_prefix(field, &call)
    });
    let inner_texts = inner.iter().map(|field| {
        let slot = &field.ident;
        with_prefix(field, &quote!(__rt::Layout::part(&mut self.#slot, __name, __part);))
    });
    let text = quote! {
        ::core::option::Option::Some(__rt::PartRule { limit: ::core::option::Option::None, upload: false })
    };
    let other = match &rest {
        Some(_) => text.clone(),
        None => quote!(::core::option::Option::None),
    };
    let upload = (!files.is_empty()).then(|| {
        quote! {
            fn upload(
                &mut self,
                __name: &str,
                __upload: ::core::result::Result<
                    ::core::option::Option<::waylay_extract::Upload>,
                    ::std::boxed::Box<__rt::ValueError>,
                >,
            ) {
                match __name {
                    #(#files,)*
                    _ => {}
                }
            }
        }
    });
    Some(quote! {
        fn part_rule(__name: &str) -> ::core::option::Option<__rt::PartRule> {
            match __name {
                #(#rules,)*
                #(_ if #nested_rules => #text,)*
                _ => {
                    #(#inner_rules)*
                    #other
                }
            }
        }

        fn part(&mut self, __name: &str, __part: &__rt::Part) {
            match __name {
                #(#texts,)*
                _ => {
                    #(#nested_texts)*
                    #(#inner_texts)*
                    #rest
                }
            }
        }

        #upload
    })
}
