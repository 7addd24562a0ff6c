//! `#[route(METHOD "/template")]`, held against the fields.

use syn::{
    Attribute, Ident, LitStr, Token, Type,
    ext::IdentExt,
    parse::{Parse, ParseStream},
};

use crate::{
    faults::Faults,
    field::Field,
    near::nearest,
    origin::Origin,
    template::{Variable, variables},
};

/// Where the struct's requests go.
pub(crate) struct Route {
    /// One of `METHODS`.
    pub(crate) method: Ident,
    pub(crate) template: LitStr,
    pub(crate) variables: Vec<Variable>,
    /// The JSON of a successful answer, for documents.
    pub(crate) answer: Option<Type>,
}

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];

struct Written {
    method: Ident,
    template: LitStr,
    answer: Option<Type>,
}

impl Parse for Written {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        const HOW: &str = "write `#[route(GET \"/users/{id}\")]`";
        let method = Ident::parse_any(input).map_err(|error| syn::Error::new(error.span(), HOW))?;
        let template = input.parse().map_err(|error: syn::Error| syn::Error::new(error.span(), HOW))?;
        let mut answer = None;
        if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let word: Ident = input.parse()?;
            if word != "answer" {
                return Err(syn::Error::new(word.span(), "write `answer = Type`, the JSON of the answer"));
            }
            input.parse::<Token![=]>()?;
            answer = Some(input.parse()?);
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(Self { method, template, answer })
    }
}

impl Route {
    /// The struct's route, if it has one.
    pub(crate) fn read(attributes: &[Attribute], faults: &mut Faults) -> Option<Self> {
        let mut found = attributes.iter().filter(|attribute| attribute.path().is_ident("route"));
        let first = found.next()?;
        for second in found {
            faults.at(second, "a struct has one route");
        }
        let Written { method, template, answer } = faults.check(first.parse_args())?;
        let word = method.to_string();
        if !METHODS.contains(&&*word) {
            let meant = nearest(&word.to_ascii_uppercase(), &METHODS);
            let message = match meant {
                Some(meant) => format!("no such method: did you mean `{meant}`?"),
                None => format!("no such method: there are {}", METHODS.join(", ")),
            };
            faults.at(&method, message);
        }
        match variables(&template.value()) {
            Ok(variables) => Some(Self { method, template, variables, answer }),
            Err(message) => {
                faults.at(&template, message);
                None
            }
        }
    }

    /// Holds the template against the fields, both ways.
    ///
    /// Flattened structs are held against it by the compiler, when their fields are known.
    pub(crate) fn check(&self, fields: &[Field], faults: &mut Faults) {
        let names: Vec<_> = self.variables.iter().map(|variable| &*variable.name).collect();
        let mut read = Vec::new();
        for field in fields {
            let Origin::Param { name, scope, .. } = &field.origin else { continue };
            let text = name.value();
            match self.variables.iter().find(|variable| variable.name == text) {
                None if *scope => {}
                None => {
                    let message = match nearest(&text, &names) {
                        Some(meant) => format!("the route has no `{{{text}}}`: did you mean `{meant}`?"),
                        None => format!(
                            "the route has no `{{{text}}}`: a variable of a scope around it is `#[param(scope)]`"
                        ),
                    };
                    faults.at(name, message);
                }
                Some(variable) if variable.optional && !field.is_optional() => {
                    let message = format!("`{{{text}?}}` may be missing: write `Option<…>` or `default`");
                    faults.at(&field.ty, message);
                }
                Some(_) => {}
            }
            read.push(text);
        }
        if fields.iter().any(|field| matches!(field.origin, Origin::Flatten { .. })) {
            return;
        }
        for name in names {
            if !read.iter().any(|text| text == name) {
                faults.at(&self.template, format!("no field reads `{{{name}}}`: write `#[param]` on one"));
            }
        }
    }
}
