//! Route: method and path template of `#[route(…)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Ident, LitStr, Token, Type};
use waylay_template::{Template, TemplateError, TemplateKind, Variable};

use crate::attr::error::{Errors, suggest};
use crate::model::field::Field;
use crate::model::source::FieldSource;

/// The route of a struct.
pub(crate) struct Route {
    /// One of `METHODS`.
    pub(crate) method: Ident,
    pub(crate) template: LitStr,
    pub(crate) variables: Vec<Variable>,
    /// The JSON of a successful response, for documents.
    pub(crate) answer: Option<Type>,
}

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];

struct RouteAttr {
    method: Ident,
    template: LitStr,
    answer: Option<Type>,
}

impl Parse for RouteAttr {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        const HOW: &str = "write `#[route(GET \"/users/{id}\")]`";
        let method = Ident::parse_any(input).map_err(|error| syn::Error::new(error.span(), HOW))?;
        let template = input.parse().map_err(|error: syn::Error| syn::Error::new(error.span(), HOW))?;
        let mut answer = None;
        if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let word: Ident = input.parse()?;
            if word != "answer" {
                return Err(syn::Error::new(word.span(), "write `answer = Type`, the JSON of the response"));
            }
            input.parse::<Token![=]>()?;
            answer = Some(input.parse()?);
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(Self { method, template, answer })
    }
}

impl Route {
    /// Parses the struct's route, if it has one.
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Option<Self> {
        let mut found = attributes.iter().filter(|attribute| attribute.path().is_ident("route"));
        let first = found.next()?;
        for second in found {
            errors.at(second, "a struct has one route");
        }
        let RouteAttr { method, template, answer } = errors.check(first.parse_args())?;
        let word = method.to_string();
        if !METHODS.contains(&&*word) {
            let meant = suggest(&word.to_ascii_uppercase(), &METHODS);
            let message = match meant {
                Some(meant) => format!("no such method: did you mean `{meant}`?"),
                None => format!("no such method: there are {}", METHODS.join(", ")),
            };
            errors.at(&method, message);
        }
        match variables(&template.value()) {
            Ok(variables) => Some(Self { method, template, variables, answer }),
            Err(error) => {
                errors.at(&template, error);
                None
            }
        }
    }

    /// Compares the variables of the template with the fields.
    ///
    /// Those of flattened structs are compared at compile time, when their fields are known.
    pub(crate) fn check(&self, fields: &[Field], errors: &mut Errors) {
        let names: Vec<_> = self.variables.iter().map(|variable| &*variable.name).collect();
        let mut read = Vec::new();
        for field in fields {
            let FieldSource::Param { name, scope, .. } = &field.source else { continue };
            let text = name.value();
            match self.variables.iter().find(|variable| variable.name == text) {
                None if *scope => {}
                None => {
                    let message = match suggest(&text, &names) {
                        Some(meant) => format!("the route has no `{{{text}}}`: did you mean `{meant}`?"),
                        None => format!(
                            "the route has no `{{{text}}}`: a variable of a scope around it is `#[param(scope)]`"
                        ),
                    };
                    errors.at(name, message);
                }
                Some(variable) if variable.optional && !field.is_optional() => {
                    let message = format!("`{{{text}?}}` may be missing: write `Option<…>` or `default`");
                    errors.at(&field.ty, message);
                }
                Some(_) => {}
            }
            read.push(text);
        }
        if fields.iter().any(|field| matches!(field.source, FieldSource::Flatten { .. })) {
            return;
        }
        for name in names {
            if !read.iter().any(|text| text == name) {
                errors.at(&self.template, format!("no field reads `{{{name}}}`: write `#[param]` on one"));
            }
        }
    }
}

/// Returns the variables of a path template in order.
///
/// Regexes are compiled by the router only.
fn variables(template: &str) -> Result<Vec<Variable>, TemplateError> {
    let template = Template::parse(template, TemplateKind::Path)?;
    Ok(template.variables().cloned().collect())
}

/// Returns a reference to the struct's target.
pub(crate) fn target(route: &Route) -> TokenStream {
    let Route { method, template, .. } = route;
    quote! {{
        static __TARGET: __rt::RouteTarget = __rt::RouteTarget::new(__rt::Method::#method, #template);
        &__TARGET
    }}
}

#[cfg(test)]
mod tests {
    use super::variables;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn templates_are_parsed_as_by_the_router() {
        // The names of the variables; `None`: the template is rejected.
        let rows: &[(&str, Option<&[&str]>)] = &[
            ("/", Some(&[])),
            ("/users/{id}", Some(&["id"])),
            ("/users/{id}/posts/{slug:[a-z]+}", Some(&["id", "slug"])),
            (r"/d/{y:\d{4}}-{m:\d{2}}", Some(&["y", "m"])),
            (r"/e/{x:a\}b}", Some(&["x"])),
            ("/files/{*rest}", Some(&["rest"])),
            ("/pages/{page?}", Some(&["page"])),
            ("/{{literal}}/{a}", Some(&["a"])),
            ("/img-{id}.png", Some(&["id"])),
            ("/{a-b.c_d}", Some(&["a-b.c_d"])),
            ("users", None),
            ("/{a}{b}", None),
            ("/{a}/{a}", None),
            ("/{*rest}/x", None),
            ("/{a?}/x", None),
            ("/x{*rest}", None),
            ("/{", None),
            ("/}", None),
            ("/{}", None),
            ("/{a:}", None),
            ("/{a b}", None),
            ("/{*rest:x}", None),
        ];
        for (template, names) in rows {
            let read = variables(template).ok();
            let read: Option<Vec<_>> = read.map(|list| list.into_iter().map(|v| v.name).collect());
            assert_eq!(read.as_deref(), names.map(owned).as_deref(), "{template}");
            let route = waylay_router::Route::<()>::new().path(*template);
            let built = waylay_router::Table::builder().route(route.value(())).build();
            assert_eq!(built.is_ok(), names.is_some(), "the router of {template}");
        }
    }
}
