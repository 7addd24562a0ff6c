//! A handler's return type as answers of a document.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{GenericArgument, PathArguments, Type};

use crate::shape::Shape;

/// What a type is that nothing is known of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bare {
    /// The JSON of the answer: `answer = Post`.
    Json,
    /// An answer that may tell of itself: `-> Post`.
    Answer,
}

/// The statements that tell `__operation` the answers of a type.
pub(crate) fn write(ty: &Type, bare: Bare) -> TokenStream {
    match ty {
        Type::Group(group) => write(&group.elem, bare),
        Type::Paren(paren) => write(&paren.elem, bare),
        Type::Tuple(tuple) => match (tuple.elems.first(), tuple.elems.last()) {
            (Some(first), Some(last)) => {
                let told = write(last, Bare::Answer);
                match word(first) {
                    Some((name, _)) if name == "StatusCode" => quote! {
                        __operation.any_status(true);
                        #told
                        __operation.any_status(false);
                    },
                    _ => told,
                }
            }
            _ => quote!(<() as ::waylay_extract::Answer>::answer(__operation.answers());),
        },
        _ => match word(ty) {
            Some((name, arguments)) if name == "Result" && !arguments.is_empty() => {
                arguments.iter().map(|ty| write(ty, Bare::Answer)).collect()
            }
            Some((name, arguments)) if name == "Json" && arguments.len() == 1 => json(arguments[0]),
            _ if bare == Bare::Json => json(ty),
            // What is not named cannot be asked.
            _ if ty.to_token_stream().into_iter().any(|token| token.to_string() == "impl") => {
                TokenStream::new()
            }
            _ => quote!((&&__rt::PickAnswer::<#ty>::new()).pick_answer(__operation.answers());),
        },
    }
}

fn json(ty: &Type) -> TokenStream {
    let (item, many) = match Shape::of(ty) {
        Shape::Many(item) => (item, true),
        _ => (ty.clone(), false),
    };
    quote!(__operation.answer(#many, (&&&&__rt::PickSchema::<#item>::new()).pick_schema());)
}

/// The last word of a type's path, and its types.
fn word(ty: &Type) -> Option<(String, Vec<&Type>)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let types = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => {
            let types = arguments.args.iter().filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            types.collect()
        }
        _ => Vec::new(),
    };
    Some((last.ident.to_string(), types))
}
