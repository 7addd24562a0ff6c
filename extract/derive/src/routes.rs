//! #[routes].

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
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

/// Writes the block as it is, and the impl of `Routes` behind it.
pub(crate) fn write(options: &Options, block: &ItemImpl) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    if let Some((path, _)) = &block.trait_ {
        errors.at(path, "the routes of a type are its own methods, not those of a trait");
    }
    if let Some(parameter) = block.generics.params.first() {
        errors.at(parameter, "a type whose methods are routes has no parameters: routes are made once");
    }
    let mut methods = Vec::new();
    for item in &block.items {
        let ImplItem::Fn(method) = item else { continue };
        // As in juju's httprequest, what is not exported is no route; `pub(crate)` is, for programs.
        if !matches!(method.vis, Visibility::Inherited) {
            methods.extend(Method::read(method, &mut errors));
        }
    }
    if methods.is_empty() && block.trait_.is_none() {
        errors.at(&block.self_ty, "no method here is a route: write `pub async fn` before those that are");
    }
    errors.finish(())?;
    let owner = &block.self_ty;
    let routes = methods.iter().map(|method| method.route(owner, options.root.as_ref()));
    let root = options.root.is_none().then(|| quote!(#owner: __rt::FromRequestParts<__S>,));
    let (parameters, state, bounds) = match &options.state {
        Some(state) => (TokenStream::new(), quote!(#state), TokenStream::new()),
        None => (
            quote!(<__S>),
            quote!(__S),
            quote!(where __S: ::core::marker::Send + ::core::marker::Sync + 'static, #root),
        ),
    };
    Ok(quote! {
        #block

        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, unused_imports)]
        const _: () = {
            use ::waylay_extract::derive as __rt;
            ::waylay_extract::__described! {
                use __rt::{AnswerByNone as _, AnswerByType as _, RootByNone as _, RootByType as _};
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

/// One method that is a route.
struct Method<'m> {
    ident: &'m Ident,
    /// Whether the method takes the value itself.
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
            errors.at(
                signature.fn_token,
                format!("this is not async: {HOW}, and what is no route is not `pub`"),
            );
        }
        if let Some(parameter) = signature.generics.params.first() {
            errors.at(parameter, format!("a route has no parameters of types: {HOW}"));
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
        Some(Self {
            ident: &signature.ident,
            owned,
            mutable,
            argument: &argument.ty,
            output: &signature.output,
        })
    }

    /// The expression that makes the route.
    fn route(&self, owner: &Type, root: Option<&Path>) -> TokenStream {
        let Self { ident, owned, mutable, argument, .. } = self;
        let root_is = format_ident!("__root");
        let call = match (owned, mutable) {
            (true, _) => quote! {
                __rt::IntoResponse::into_response(<#owner>::#ident(#root_is, __argument).await)
            },
            (false, true) => quote! {{
                let mut #root_is = #root_is;
                let __response =
                    __rt::IntoResponse::into_response(<#owner>::#ident(&mut #root_is, __argument).await);
                __rt::hold_until_body_end(__response, #root_is)
            }},
            (false, false) => quote! {{
                let __response =
                    __rt::IntoResponse::into_response(<#owner>::#ident(&#root_is, __argument).await);
                __rt::hold_until_body_end(__response, #root_is)
            }},
        };
        let of =
            quote_spanned!(argument.span()=> <__rt::Route as ::waylay_extract::RouteExt>::of::<#argument>());
        let answers = match self.output {
            ReturnType::Default => openapi::answers(&parse_quote!(()), Fallback::Answer),
            ReturnType::Type(_, ty) => openapi::answers(ty, Fallback::Answer),
        };
        // The root is a struct of ours, or made by a function that says nothing of itself.
        let around = root
            .is_none()
            .then(|| quote!((&&__rt::RootDispatch::<#owner>::new()).describe_root(__operation);));
        let of = quote! {{
            let __route = #of;
            ::waylay_extract::__described! {
                let __route = __rt::described::<#argument>(
                    __route,
                    |__operation| { #around },
                    |__operation| { #answers },
                );
            }
            __route
        }};
        match root {
            None => quote! {
                #of.to(move |#root_is: #owner, __argument: #argument| async move { #call })
            },
            Some(make) => {
                // At the function's own name, so that the compiler points there if it gives something else.
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
                        let #root_is: #owner = #made;
                        #call
                    })
                }
            }
        }
    }
}
