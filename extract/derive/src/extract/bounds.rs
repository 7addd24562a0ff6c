//! Checks of the declared bounds of a field.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::model::bounds::in_rust;
use crate::model::field::Field;
use crate::model::location::location_of;
use crate::model::source::Cardinality;

/// Returns an expression for an `Option` of the field's type that reports every bound a value is outside of, and what the
/// field's function reports of a value within them.
pub(crate) fn checked(field: &Field, value: TokenStream) -> TokenStream {
    let bounds = checks(field);
    let function = function(field);
    if bounds.is_none() && function.is_none() {
        return value;
    }
    let is_unchanged = quote!(__errors.count() == __before);
    let function = match &bounds {
        Some(_) => function.map(|function| quote!(if #is_unchanged { #function })),
        None => function,
    };
    quote! {
        match #value {
            ::core::option::Option::Some(__value) => {
                let __before = __errors.count();
                {
                    let __value = &__value;
                    #bounds
                    #function
                }
                (#is_unchanged).then_some(__value)
            }
            ::core::option::Option::None => ::core::option::Option::None,
        }
    }
}

/// Returns the statement that calls the field's function with `__value`, or with what is inside of the `Option`.
fn function(field: &Field) -> Option<TokenStream> {
    let function = field.validate.as_ref()?;
    let (location, name) = location_of(field)?;
    let check = quote_spanned!(function.span()=>
        __errors.report_invalid(__rt::Location::#location, #name, #function(__value));
    );
    Some(match field.cardinality.is_option() {
        true => quote!(if let ::core::option::Option::Some(__value) = __value { #check }),
        false => check,
    })
}

/// Returns the statements that check `__value`.
fn checks(field: &Field) -> Option<TokenStream> {
    let bounds = &field.bounds;
    let (location, name) = location_of(field)?;
    let report = |detail: TokenStream| quote!(__errors.report_bound(__rt::Location::#location, #name, __index, #detail););
    let item = field.cardinality.item().span();
    let mut tests = Vec::new();
    for (bound, operator, words) in
        [(&bounds.min, quote!(>=), "expected at least {}"), (&bounds.max, quote!(<=), "expected at most {}")]
    {
        if let Some(bound) = bound {
            let report = report(quote!(::std::format!(#words, #bound)));
            tests.push(quote!(if !(*__item #operator #bound) { #report }));
        }
    }
    if let Some(of) = &bounds.multiple_of {
        let report = report(quote!(::std::format!("expected a multiple of {}", #of)));
        tests.push(quote!(if !__rt::is_multiple(__item, #of) { #report }));
    }
    for (bound, operator, words) in [
        (bounds.min_length, quote!(<), "expected at least {} characters"),
        (bounds.max_length, quote!(>), "expected at most {} characters"),
    ] {
        if let Some(bound) = bound {
            let report = report(quote!(::std::format!(#words, #bound)));
            // At the type itself, so that the compiler points there if it is no text.
            let count = quote_spanned!(item=> __rt::characters(__item));
            tests.push(quote!(if #count #operator #bound { #report }));
        }
    }
    if let Some(pattern) = &bounds.pattern {
        let regex = in_rust(&pattern.value());
        let report = report(quote!(::std::format!("expected text that matches `{}`", #pattern)));
        let is_match = quote_spanned!(item=> __PATTERN.is_match(__item));
        tests.push(quote! {{
            static __PATTERN: __rt::Pattern = __rt::Pattern::new(#regex);
            if !#is_match { #report }
        }});
    }
    if tests.is_empty() {
        return None;
    }
    let none = quote!(let __index: ::core::option::Option<usize> = ::core::option::Option::None;);
    let some = quote!(let __index = ::core::option::Option::Some(__index););
    Some(match field.cardinality {
        Cardinality::Single(_) => quote!({ let __item = __value; #none #(#tests)* }),
        Cardinality::Option(_) => quote! {
            if let ::core::option::Option::Some(__item) = __value { #none #(#tests)* }
        },
        Cardinality::List(_) => quote! {
            for (__index, __item) in __value.iter().enumerate() { #some #(#tests)* }
        },
        Cardinality::OptionList(_) => quote! {
            for (__index, __item) in __value.iter().flatten().enumerate() { #some #(#tests)* }
        },
    })
}
