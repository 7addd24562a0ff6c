//! The attribute `#[routes]`: routes from the methods of an impl block.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Path, ReceiverKind, ReturnType, Token, Type, Visibility,
    parse_quote,
};

use crate::attr::error::{Errors, suggest};
use crate::openapi;
use crate::openapi::Fallback;

/// The options of `#[routes(…)]`.
#[derive(Default)]
pub(crate) struct Options {
    state: Option<Type>,
    root: Option<Path>,
}

const WORDS: [&str; 2] = ["root", "state"];

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let word: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let text = word.to_string();
            match &*text {
                "state" if options.state.is_none() => options.state = Some(input.parse()?),
                "root" if options.root.is_none() => options.root = Some(input.parse()?),
                "state" | "root" => {
                    return Err(syn::Error::new(word.span(), format!("`{text}` is given twice")));
                }
                other => {
                    let message = match suggest(other, &WORDS) {
                        Some(meant) => {
                            format!("`#[routes]` has no option `{other}`: did you mean `{meant}`?")
                        }
                        None => format!("`#[routes]` has no option `{other}`: it has `root`, `state`"),
                    };
                    return Err(syn::Error::new(word.span(), message));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

/// Returns the block as it is, followed by the impl of `Routes`.
pub(crate) fn write(options: &Options, block: &ItemImpl) -> syn::Result<TokenStream> {
    let methods = methods(block)?;
    let owner = &block.self_ty;
    let routes = methods.iter().map(|method| method.route(owner, options.root.as_ref()));
    let (parameters, state, bounds) = match &options.state {
        Some(state) => (TokenStream::new(), quote!(#state), TokenStream::new()),
        None => {
            let root = options.root.is_none().then(|| quote!(#owner: __rt::FromRequestParts<__S>,));
            let send = quote!(::core::marker::Send + ::core::marker::Sync + 'static);
            (quote!(<__S>), quote!(__S), quote!(where __S: #send, #root))
        }
    };
    Ok(quote! {
        #block

        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, unused_imports)]
        const _: () = {
            use ::waylay_extract::derive as __rt;
            use __rt::{RootByNone as _, RootByType as _};
            ::waylay_extract::__described! {
                use __rt::{AnswerByNone as _, AnswerByType as _};
                use __rt::{SchemaByNone as _, SchemaBySchemars as _, SchemaByText as _, SchemaByUtoipa as _};
            }

            #[automatically_derived]
            impl #parameters ::waylay_extract::Routes<#state> for #owner #bounds {
                fn routes() -> ::std::vec::Vec<__rt::Route<__rt::PendingEndpoint<#state>>> {
                    ::std::vec![#(#routes),*]
                }
            }
        };
    })
}

/// Returns the methods of the block that are routes: those that are not private, as in juju's httprequest.
fn methods(block: &ItemImpl) -> syn::Result<Vec<Method<'_>>> {
    let mut errors = Errors::default();
    if let Some((path, _)) = &block.trait_ {
        errors.at(path, "the routes of a type are its own methods, not those of a trait");
    }
    if let Some(parameter) = block.generics.params.first() {
        errors.at(parameter, "a type whose methods are routes has no parameters: routes are built once");
    }
    let mut methods = Vec::new();
    for item in &block.items {
        let ImplItem::Fn(method) = item else { continue };
        if !matches!(method.vis, Visibility::Inherited) {
            methods.extend(Method::read(method, &mut errors));
        }
    }
    if methods.is_empty() && block.trait_.is_none() {
        errors.at(&block.self_ty, "no method here is a route: write `pub async fn` before those that are");
    }
    errors.finish(methods)
}

/// A method that is a route.
struct Method<'m> {
    ident: &'m Ident,
    /// Whether the method takes `self` by value.
    owned: bool,
    mutable: bool,
    argument: &'m Type,
    output: &'m ReturnType,
}

impl<'m> Method<'m> {
    fn read(method: &'m ImplItemFn, errors: &mut Errors) -> Option<Self> {
        const HOW: &str =
            "a route is `pub async fn name(&self, request: R)`, `R` being a struct with `#[route(…)]`";
        let signature = &method.sig;
        if signature.asyncness.is_none() {
            let message = format!("this is not async: {HOW}, and a method that is no route is private");
            errors.at(signature.fn_token, message);
        }
        if let Some(parameter) = signature.generics.params.first() {
            errors.at(parameter, format!("a route has no type parameters: {HOW}"));
        }
        let mut inputs = signature.inputs.iter();
        let (receiver, argument) = match (inputs.next(), inputs.next(), inputs.next()) {
            (Some(FnArg::Receiver(receiver)), Some(FnArg::Typed(argument)), None) => (receiver, argument),
            _ => {
                errors.at(&signature.ident, HOW);
                return None;
            }
        };
        let (owned, mutable) = match &receiver.kind {
            ReceiverKind::Value => (true, false),
            ReceiverKind::Reference(_, _, mutable) => (false, mutable.is_some()),
            _ => {
                errors.at(receiver, HOW);
                return None;
            }
        };
        let (ident, argument, output) = (&signature.ident, &*argument.ty, &signature.output);
        Some(Self { ident, owned, mutable, argument, output })
    }

    /// Returns the expression that makes the route; `root`: the function that makes the value.
    fn route(&self, owner: &Type, root: Option<&Path>) -> TokenStream {
        let argument = self.argument;
        let of = self.described(owner, root);
        let call = self.call(owner);
        let Some(make) = root else {
            return quote! {
                #of.to(move |__root: #owner, __argument: #argument| async move { #call })
            };
        };
        // The span makes the compiler point at the function if it returns something else.
        let made = quote_spanned! {make.span()=>
            match #make(__seed, &__argument).await {
                ::core::result::Result::Ok(__root) => __root,
                ::core::result::Result::Err(__error) => {
                    return __rt::IntoResponse::into_response(__error);
                }
            }
        };
        quote_spanned! {make.span()=>
            #of.to(move |__seed, __argument: #argument| async move {
                let __root: #owner = #made;
                #call
            })
        }
    }

    /// Returns the expression of the route without its handler.
    fn described(&self, owner: &Type, root: Option<&Path>) -> TokenStream {
        let argument = self.argument;
        let of =
            quote_spanned!(argument.span()=> <__rt::Route as ::waylay_extract::RouteExt>::of::<#argument>());
        let answers = match self.output {
            ReturnType::Default => openapi::answers(&parse_quote!(()), Fallback::Answer),
            ReturnType::Type(_, ty) => openapi::answers(ty, Fallback::Answer),
        };
        // A value that a function makes is not described.
        let dispatch = root.is_none().then(|| quote!((&&__rt::RootDispatch::<#owner>::new())));
        let root = dispatch.as_ref().map(|dispatch| quote!(#dispatch.describe_root(__operation);));
        let reads = dispatch.map(|dispatch| quote!(let __route = #dispatch.read_by_root(__route);));
        quote! {{
            let __route = #of;
            #reads
            ::waylay_extract::__described! {
                let __route = __rt::described::<#argument>(
                    __route,
                    |__operation| { #root },
                    |__operation| { #answers },
                );
            }
            __route
        }}
    }

    /// Returns the statements that call the method and make its response.
    fn call(&self, owner: &Type) -> TokenStream {
        let ident = self.ident;
        let (receiver, binding) = match (self.owned, self.mutable) {
            (true, _) => (quote!(__root), TokenStream::new()),
            (false, true) => (quote!(&mut __root), quote!(let mut __root = __root;)),
            (false, false) => (quote!(&__root), TokenStream::new()),
        };
        let response =
            quote!(__rt::IntoResponse::into_response(<#owner>::#ident(#receiver, __argument).await));
        if self.owned {
            return response;
        }
        quote! {{
            #binding
            let __response = #response;
            __rt::hold_until_body_end(__response, __root)
        }}
    }
}
