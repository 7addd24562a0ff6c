//! Rules of a validation library on the valid fields of a struct that is not valid.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use crate::extract::tokens::marker;
use crate::model::field::Field;
use crate::model::library::Validate;
use crate::model::location::location_of;
use crate::model::model::Model;

/// Returns the statement for a struct of which a field is invalid; `values`: the locals with the fields.
///
/// There is no struct that the library could check, so each valid field is checked in a separate struct. With all fields
/// valid, the library checks the struct itself.
pub(crate) fn checks(model: &Model, values: &[Ident]) -> Option<TokenStream> {
    let library = model.container.validate.as_ref()?;
    let checks =
        model.fields.iter().zip(values).filter_map(|(field, value)| check(model, library, field, value));
    let checks: Vec<_> = checks.collect();
    if checks.is_empty() {
        return None;
    }
    let mut absent = TokenStream::new();
    for value in values {
        absent.extend(quote!(__is_valid &= #value.is_some();));
    }
    Some(quote! {
        let mut __is_valid = true;
        #absent
        if !__is_valid {
            #(#checks)*
            return ::core::option::Option::None;
        }
    })
}

fn check(model: &Model, library: &Validate, field: &Field, value: &Ident) -> Option<TokenStream> {
    if field.library_rules.is_empty() {
        return None;
    }
    let (derive, skip, check) = match library {
        Validate::Function(_) => return None,
        Validate::Garde => (quote!(::garde::Validate), quote!(#[garde(skip)]), quote!(__rt::garde)),
        Validate::Validator => (quote!(::validator::Validate), TokenStream::new(), quote!(__rt::validator)),
    };
    let (location, name) = location_of(field)?;
    let (ident, ty) = (&field.ident, &field.ty);
    // The context; what validator has on a struct are functions that read the whole of it.
    let is_garde = matches!(library, Validate::Garde);
    let own = is_garde.then(|| model.container.library_rules.attribute(library));
    let rules = field.library_rules.attribute(library);
    let generics = &model.generics;
    let where_clause = &generics.where_clause;
    let marker = marker(generics);
    Some(quote! {
        if let ::core::option::Option::Some(__value) = #value {
            #[derive(#derive)]
            #own
            struct __Checked #generics #where_clause {
                #rules
                #ident: #ty,
                #skip
                __marker: #marker,
            }
            let __checked = __Checked { #ident: __value, __marker: ::core::marker::PhantomData };
            __errors.report_rules(__rt::Location::#location, #name, #check(&__checked));
        }
    })
}
