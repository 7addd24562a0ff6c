//! Method and path of a struct.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Ident, LitStr, Token, Type};

use crate::attr::error::{Errors, suggest};
use crate::model::field::Field;
use crate::model::source::FieldSource;

/// One variable of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// `{*name}`: the rest of the path.
    pub(crate) tail: bool,
    /// `{name?}`: its segment may be missing.
    pub(crate) optional: bool,
    /// `{name:regex}`: what it is made of.
    pub(crate) pattern: Option<String>,
}

/// The variables in their order, or what is wrong with the template.
///
/// Regexes are not looked into: the router does that when it is built.
pub(crate) fn variables(text: &str) -> Result<Vec<Variable>, String> {
    if !text.is_empty() && !text.starts_with('/') {
        return Err("a path template starts with `/`".to_owned());
    }
    let mut found: Vec<Variable> = Vec::new();
    let mut rest = text;
    // Whether a variable ends where `rest` starts, and whether a segment does.
    let mut after_variable = false;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, here) = rest.split_at(at);
        if here.starts_with("{{") || here.starts_with("}}") {
            rest = &here[2..];
            after_variable = false;
            continue;
        }
        if here.starts_with('}') {
            return Err("this template has a `}` without its `{`: a brace of the text is doubled".to_owned());
        }
        if before.is_empty() && after_variable {
            return Err("two variables need some text between them".to_owned());
        }
        let end = closing(here).ok_or("this template has a `{` without its `}`")?;
        let variable = variable(&here[1..end])?;
        let last = here.len() == end + 1;
        let alone = last && text[..text.len() - here.len()].ends_with('/');
        if (variable.tail || variable.optional) && !alone {
            return Err(format!("`{}` has to be the last segment", &here[..=end]));
        }
        if found.iter().any(|other| other.name == variable.name) {
            return Err(format!("the variable `{}` is there twice", variable.name));
        }
        found.push(variable);
        rest = &here[end + 1..];
        after_variable = true;
    }
    Ok(found)
}

fn variable(inner: &str) -> Result<Variable, String> {
    let (name, pattern) = match inner.split_once(':') {
        Some((name, pattern)) => (name, Some(pattern.to_owned())),
        None => (inner, None),
    };
    let (name, tail) = name.strip_prefix('*').map_or((name, false), |name| (name, true));
    let (name, optional) = match name.strip_suffix('?') {
        Some(name) if !tail => (name, true),
        _ => (name, false),
    };
    if name.is_empty() || pattern.as_deref() == Some("") {
        return Err("a variable has a name: `{name}`, `{name:regex}`".to_owned());
    }
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if let Some(odd) = name.chars().find(|c| !is_letter(*c)) {
        return Err(format!("`{odd}` cannot stand in the name of a variable"));
    }
    if tail && pattern.is_some() {
        return Err("a tail takes no regex".to_owned());
    }
    Ok(Variable { name: name.to_owned(), tail, optional, pattern })
}

/// The brace that closes the first one; a regex may hold balanced and escaped braces.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

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
            Err(message) => {
                errors.at(&template, message);
                None
            }
        }
    }

    /// Holds the template against the fields, both ways.
    ///
    /// Flattened structs are held against it by the compiler, when their fields are known.
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

/// The reference to a struct's target.
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
    fn templates_are_read_as_the_router_reads_them() {
        // The variables' names, or nothing where the template is refused.
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
