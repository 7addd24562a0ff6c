//! The words in which generated code says how a field's text is read.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Type, spanned::Spanned};

use crate::{
    field::Field,
    model::Model,
    scalar::{Empty, How, Twice},
};

/// The field's rule, as a reference to a constant.
pub(crate) fn rule(model: &Model, field: &Field) -> TokenStream {
    let mut changes = Vec::new();
    if field.shape.is_option() {
        changes.push(quote!(option: true));
    }
    if field.shape.is_many() {
        let max = field.scalar.as_ref().and_then(|scalar| scalar.max_items);
        let max = max.unwrap_or(model.container.max_items);
        changes.push(quote!(max: #max));
    }
    if let Some(scalar) = &field.scalar {
        for (is, word) in [(scalar.csv, quote!(csv)), (scalar.flag, quote!(flag))] {
            if is {
                changes.push(quote!(#word: true));
            }
        }
        if model.container.echo && !scalar.redact {
            changes.push(quote!(echo: true));
        }
        match scalar.empty {
            Empty::Auto => {}
            Empty::None => changes.push(quote!(empty: __rt::Empty::None)),
            Empty::Keep => changes.push(quote!(empty: __rt::Empty::Keep)),
            Empty::Error => changes.push(quote!(empty: __rt::Empty::Error)),
        }
        match scalar.twice.unwrap_or(model.container.twice) {
            Twice::Reject => {}
            Twice::First => changes.push(quote!(twice: __rt::Twice::First)),
            Twice::Last => changes.push(quote!(twice: __rt::Twice::Last)),
        }
        if let Some(limit) = scalar.limit {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            changes.push(quote!(limit: #limit));
        }
    }
    quote!(const { &__rt::Rule { #(#changes,)* ..__rt::Rule::PLAIN } })
}

/// The function that makes a value of a text.
pub(crate) fn read(field: &Field) -> TokenStream {
    let item = field.shape.item();
    match field.scalar.as_ref().map(|scalar| &scalar.how) {
        Some(How::With(module)) => {
            quote!(|__text: ::std::borrow::Cow<'_, str>| #module::from_text(&__text))
        }
        Some(How::Serde) => quote!(__rt::serde_scalar::<#item>),
        Some(How::Borrow) if is_reference(item) => quote!(__rt::borrowed),
        Some(How::Borrow) => quote!(__rt::cow),
        _ => pick(item),
    }
}

/// The type's own reading, at the type's own place, so that the compiler points there if nothing reads it.
pub(crate) fn pick(item: &Type) -> TokenStream {
    quote_spanned!(item.span()=> (&&&__rt::Pick::<#item>::new()).pick())
}

pub(crate) fn is_reference(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_reference(&group.elem),
        Type::Reference(_) => true,
        _ => false,
    }
}
