//! Methods of the slots that read the body.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, Lifetime, LitStr};

use crate::extract::tokens;
use crate::extract::tokens::{is_reference, read, read_dispatch, rule, with_prefix};
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::source::{FieldSource, Part, View, without_option};

/// Returns the methods that need the request's lifetime: the whole body, the members of a JSON body.
pub(crate) fn borrowed(model: &Model, life: &Lifetime) -> TokenStream {
    let body = body(model, life);
    let members = members(model, life);
    quote!(#body #members)
}

/// Returns the methods that need no lifetime: parts, the stream, the reset of the members.
pub(crate) fn owned(model: &Model) -> TokenStream {
    let reset = reset_members(model);
    let parts = parts(model);
    let stream = stream(model);
    quote!(#reset #parts #stream)
}

/// Returns the flattened structs that read the body as well.
fn flattened(model: &Model) -> impl Iterator<Item = &Field> {
    model.fields.iter().filter(|field| matches!(field.source, FieldSource::Flatten { body: true, .. }))
}

/// Returns the method that reads a whole body. Raw bytes come first, since they cannot fail.
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
        // The parts are read one by one.
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

/// Returns the methods that read the members of a JSON body: all in one pass, and one at a time.
fn members(model: &Model, life: &Lifetime) -> TokenStream {
    let has_members = model.fields.iter().any(|field| matches!(field.source, FieldSource::Json { .. }));
    if !has_members && flattened(model).next().is_none() {
        return TokenStream::new();
    }
    let decoded = by_name(
        model,
        |slot| {
            quote! {{
                self.#slot.take(__map)?;
                return ::core::result::Result::Ok(true);
            }}
        },
        |slot| {
            quote! {
                if __rt::Slots::member(&mut self.#slot, __name, __map)? {
                    return ::core::result::Result::Ok(true);
                }
            }
        },
    );
    let raw = by_name(
        model,
        |slot| {
            quote! {{
                self.#slot.push_value(__name, __raw);
                return true;
            }}
        },
        |slot| {
            quote! {
                if __rt::Slots::raw_member(&mut self.#slot, __name, __raw) {
                    return true;
                }
            }
        },
    );
    quote! {
        #[inline]
        fn member<__A: __rt::MapAccess<#life>>(
            &mut self,
            __name: &str,
            __map: &mut __A,
        ) -> ::core::result::Result<bool, __A::Error> {
            #decoded
            ::core::result::Result::Ok(false)
        }

        fn raw_member(&mut self, __name: &str, __raw: &#life __rt::RawValue) -> bool {
            #raw
            false
        }
    }
}

/// Returns the statements that find the slot of the member `__name`: the struct's own, then flattened ones.
fn by_name(model: &Model, own: fn(&Ident) -> TokenStream, inner: fn(&Ident) -> TokenStream) -> TokenStream {
    let arms = model.fields.iter().filter_map(|field| match &field.source {
        FieldSource::Json { keys, .. } => {
            let take = own(&field.ident);
            Some(quote!(#(#keys)|* => #take))
        }
        _ => None,
    });
    let inner = flattened(model).map(|field| with_prefix(field, &inner(&field.ident)));
    quote! {
        match __name {
            #(#arms)*
            _ => {}
        }
        #(#inner)*
    }
}

/// Returns the method that takes an unread body, if a field reads it.
fn stream(model: &Model) -> Option<TokenStream> {
    let own = model.fields.iter().find_map(|field| {
        let slot = &field.ident;
        match &field.source {
            FieldSource::Body(views) if views[..] == [View::Stream] => {
                Some(quote!(self.#slot = ::core::option::Option::Some(__body);))
            }
            source if source.is_stream() => Some(quote!(self.#slot.set_body(__body);)),
            _ => None,
        }
    });
    let take = own.or_else(|| {
        let takes: Vec<_> = flattened(model)
            .map(|field| {
                let (slot, layout) = (&field.ident, field.layout());
                quote! {
                    if #layout::BODY.stream { return __rt::Layout::stream(&mut self.#slot, __body); }
                }
            })
            .collect();
        (!takes.is_empty()).then(|| quote!(#(#takes)*))
    })?;
    Some(quote!(fn stream(&mut self, __body: __rt::Body) { #take }))
}

fn reset_members(model: &Model) -> Option<TokenStream> {
    let resets = model.fields.iter().filter_map(|field| {
        let slot = &field.ident;
        match &field.source {
            FieldSource::Json { .. } => Some(quote!(self.#slot = __rt::MemberSlot::Unread;)),
            FieldSource::Flatten { body: true, .. } => {
                Some(quote!(__rt::Layout::reset_members(&mut self.#slot);))
            }
            _ => None,
        }
    });
    let resets: Vec<_> = resets.collect();
    (!resets.is_empty()).then(|| quote!(fn reset_members(&mut self) { #(#resets)* }))
}

/// The match arms of the methods that read the parts of a multipart body.
#[derive(Default)]
struct PartArms {
    /// By name: how a part is read.
    rules: Vec<TokenStream>,
    /// By name: parts in memory.
    parts: Vec<TokenStream>,
    /// By name: files.
    uploads: Vec<TokenStream>,
    /// Tests for a name with nested keys.
    nested_rules: Vec<TokenStream>,
    nested_parts: Vec<TokenStream>,
    /// The statement for every other part.
    rest: Option<TokenStream>,
}

impl PartArms {
    fn of(model: &Model) -> Self {
        let mut arms = Self::default();
        for field in &model.fields {
            let slot = &field.ident;
            match &field.source {
                // A field of a form is a text part.
                FieldSource::Form { keys, .. } => arms.push(model, field, keys, Part::Text),
                FieldSource::Part { keys, what } => arms.push(model, field, keys, *what),
                FieldSource::Nested { keys, form: true, .. } => {
                    let subkey = tokens::subkey(keys);
                    let push = tokens::push_nested(model, field, &quote!(__part.value()));
                    arms.nested_rules.push(quote!(#subkey.is_some()));
                    arms.nested_parts.push(quote!(if #push { return true; }));
                }
                FieldSource::FormRest => {
                    arms.rest = Some(quote!(self.#slot.push_value(__name, __part.value());));
                }
                source if source.may_be_parts() => {
                    arms.rest = Some(quote!(self.#slot.part(__name, __part);));
                }
                _ => {}
            }
        }
        arms
    }

    fn push(&mut self, model: &Model, field: &Field, keys: &[LitStr], what: Part) {
        let slot = &field.ident;
        let limit = match field.scalar.as_ref().and_then(|scalar| scalar.limit) {
            Some(limit) => quote!(::core::option::Option::Some(#limit)),
            None => quote!(::core::option::Option::None),
        };
        let upload = what == Part::Upload;
        self.rules.push(quote! {
            #(#keys)|* => ::core::option::Option::Some(__rt::PartRule { limit: #limit, upload: #upload })
        });
        let rule = rule(model, field);
        let value = match what {
            Part::Text if field.scalar.as_ref().is_some_and(|scalar| scalar.csv) => {
                let read = read(field);
                self.parts.push(quote! {
                    #(#keys)|* => { self.#slot.push_value(__part.value(), #read, #rule); true }
                });
                return;
            }
            Part::Text => {
                let read = read(field);
                quote!(__part.text(#read, #rule))
            }
            Part::Json => quote!(__part.json()),
            Part::Bytes => quote!(__part.bytes()),
            Part::Upload => {
                self.uploads.push(quote!(#(#keys)|* => self.#slot.push_result(__upload, #rule)));
                return;
            }
        };
        self.parts.push(quote!(#(#keys)|* => { self.#slot.push_result(#value, #rule); true }));
    }

    fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.nested_rules.is_empty() && self.rest.is_none()
    }
}

/// Returns the methods that read the parts of a multipart body.
///
/// A struct that borrows has none: a part is dropped once it is read.
fn parts(model: &Model) -> Option<TokenStream> {
    if model.borrow.is_some() {
        return None;
    }
    let arms = PartArms::of(model);
    let inner: Vec<_> = flattened(model).collect();
    if arms.is_empty() && inner.is_empty() {
        return None;
    }
    let part_rule = part_rule(&arms, &inner);
    let upload = upload(&arms);
    let PartArms { parts, nested_parts, rest, .. } = arms;
    let of_inner = |method: &str| -> TokenStream {
        let method = format_ident!("{method}");
        let calls = inner.iter().map(|field| {
            let slot = &field.ident;
            let call = quote!(if __rt::Layout::#method(&mut self.#slot, __name, __part) { return true; });
            with_prefix(field, &call)
        });
        calls.collect()
    };
    let (inner_parts, inner_rests) = (of_inner("part"), of_inner("part_rest"));
    let rest = rest.map_or_else(|| quote!(false), |rest| quote!(#rest true));
    Some(quote! {
        #part_rule

        fn part(&mut self, __name: &str, __part: &__rt::Part) -> bool {
            match __name {
                #(#parts)*
                _ => {
                    #(#nested_parts)*
                    #inner_parts
                    false
                }
            }
        }

        fn part_rest(&mut self, __name: &str, __part: &__rt::Part) -> bool {
            #inner_rests
            #rest
        }

        #upload
    })
}

/// Returns the function that decides how a part is read, by its name.
fn part_rule(arms: &PartArms, inner: &[&Field]) -> TokenStream {
    let PartArms { rules, nested_rules, rest, .. } = arms;
    let text = quote! {
        ::core::option::Option::Some(__rt::PartRule { limit: ::core::option::Option::None, upload: false })
    };
    let other = if rest.is_some() { text.clone() } else { quote!(::core::option::Option::None) };
    let inner = inner.iter().map(|field| {
        let layout = field.layout();
        let call = quote! {
            if let ::core::option::Option::Some(__rule) = #layout::part_rule(__name) {
                return ::core::option::Option::Some(__rule);
            }
        };
        with_prefix(field, &call)
    });
    quote! {
        fn part_rule(__name: &str) -> ::core::option::Option<__rt::PartRule> {
            match __name {
                #(#rules,)*
                #(_ if #nested_rules => #text,)*
                _ => {
                    #(#inner)*
                    #other
                }
            }
        }
    }
}

/// Returns the method that takes a file, if a field is one.
fn upload(arms: &PartArms) -> Option<TokenStream> {
    let uploads = &arms.uploads;
    (!uploads.is_empty()).then(|| {
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
                    #(#uploads,)*
                    _ => {}
                }
            }
        }
    })
}
