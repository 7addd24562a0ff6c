//! Descriptions of structs and of return types, for OpenAPI documents.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, Data, DeriveInput, Expr, ExprCall, GenericArgument, Lit, LitStr, Meta, PathArguments, Type,
};

use crate::attr::options;
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::source::{Cardinality, FieldSource, Part, View, without_option};
use crate::model::text_options::{Empty, ReadWith};

/// The doc comments of a struct and of its fields.
pub(crate) struct DocComments {
    own: String,
    fields: HashMap<String, String>,
}

impl DocComments {
    pub(crate) fn of(input: &DeriveInput) -> Self {
        let mut fields = HashMap::new();
        if let Data::Struct(data) = &input.data {
            for field in &data.fields {
                let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                fields.insert(name, comment(&field.attrs));
            }
        }
        Self { own: comment(&input.attrs), fields }
    }
}

/// Returns the lines of a doc comment, each without its first space.
fn comment(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => options::text(&pair.value),
        _ => None,
    });
    let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect();
    lines.join("\n").trim().to_owned()
}

/// Returns the method `describe`, which the feature `openapi` compiles.
pub(crate) fn write(model: &Model, docs: &DocComments) -> TokenStream {
    let own = &docs.own;
    let fields = model.fields.iter().map(|field| {
        let doc = docs.fields.get(&field.ident.to_string()).map(String::as_str).unwrap_or_default();
        describe(model, field, doc)
    });
    let answer = model.route.as_ref().and_then(|route| route.answer.as_ref());
    let answer = answer.map(|ty| answers(ty, Fallback::Json));
    let validated =
        model.container.validate.is_some() || model.fields.iter().any(|field| field.validate.is_some());
    // A struct with its own error type describes that instead of the rejection.
    let error_answers = model
        .container
        .error
        .as_ref()
        .map(|error| quote!((&&__rt::AnswerDispatch::<#error>::new()).describe_answers(__operation.error_answers());));
    let (_, type_generics, _) = model.generics.split_for_impl();
    let statuses = model.route.as_ref().map(|route| &route.statuses).filter(|statuses| !statuses.is_empty());
    let statuses = statuses.map(|statuses| quote!(__operation.declare_statuses(&[#(#statuses),*]);));
    quote! {
        ::waylay_extract::__described! {
            fn describe(__operation: &mut __rt::Operation) {
                use __rt::{AnswerByNone as _, AnswerByType as _};
                use __rt::{SchemaByNone as _, SchemaBySchemars as _, SchemaByText as _, SchemaByUtoipa as _};
                __operation.rules::<__Slots #type_generics>(#validated);
                __operation.doc(#own);
                #(#fields)*
                #statuses
                #answer
                #error_answers
            }
        }
    }
}

/// Returns the statements that describe one field.
fn describe(model: &Model, field: &Field, doc: &str) -> TokenStream {
    let description = description(model, field, doc);
    let schema = schema_fn(field);
    let parameter = |location: &str, name: &LitStr| quote!(__operation.parameter(#location, #name, #description, #schema););
    let part = |name: &LitStr, binary: bool| quote!(__operation.part(#name, #binary, #description, #schema););
    let has_parts = || model.fields.iter().any(|field| matches!(field.source, FieldSource::Part { .. }));
    match &field.source {
        FieldSource::Header { typed: true, .. } => {
            let item = field.cardinality.item();
            quote!(__operation.parameter("header", __rt::typed_name::<#item>(), #description, #schema);)
        }
        FieldSource::Param { name, .. } => parameter("path", name),
        FieldSource::Header { name, .. } => parameter("header", name),
        FieldSource::Cookie { keys, .. } => parameter("cookie", &keys[0]),
        FieldSource::Query { keys } | FieldSource::Nested { keys, form: false, .. } => {
            parameter("query", &keys[0])
        }
        FieldSource::QueryAll => parameter("query", &field_name(field)),
        FieldSource::QueryRest => {
            let name = field_name(field);
            quote!(__operation.rest(#name, #doc);)
        }
        FieldSource::FormRest => quote!(__operation.form_rest();),
        FieldSource::Form { keys, query: true } => {
            let name = &keys[0];
            // A document cannot express that one of the two is required.
            let description = quote!(__rt::FieldDescription { required: false, ..#description });
            let form = match has_parts() {
                true => quote!(__operation.part(#name, false, #description, #schema);),
                false => quote!(__operation.form(#name, #description, #schema);),
            };
            quote!(__operation.parameter("query", #name, #description, #schema); #form)
        }
        FieldSource::Form { keys, .. } | FieldSource::Nested { keys, form: true, .. } if has_parts() => {
            part(&keys[0], false)
        }
        FieldSource::Form { keys, .. } | FieldSource::Nested { keys, form: true, .. } => {
            let name = &keys[0];
            quote!(__operation.form(#name, #description, #schema);)
        }
        FieldSource::Part { keys, what } => part(&keys[0], matches!(what, Part::Bytes | Part::Upload)),
        FieldSource::Json { keys, .. } => {
            let name = &keys[0];
            quote!(__operation.member(#name, #description, #schema);)
        }
        FieldSource::Body(views) => body(field, views, doc),
        FieldSource::Flatten { prefix, .. } => {
            let prefix = prefix.as_ref().map_or_else(String::new, LitStr::value);
            let ty = &field.ty;
            quote!(__operation.prefixed(#prefix, <#ty as ::waylay_extract::Extract>::describe);)
        }
        _ => TokenStream::new(),
    }
}

fn field_name(field: &Field) -> LitStr {
    LitStr::new(&field.ident.to_string(), field.ident.span())
}

fn body(field: &Field, views: &[View], doc: &str) -> TokenStream {
    let (item, many) = list_item(without_option(&field.ty));
    let schema = dispatch_schema(&item);
    let required = !field.cardinality.is_option();
    let kinds = views.iter().map(|view| match view {
        View::Json => ("application/json", true),
        View::Form => ("application/x-www-form-urlencoded", true),
        View::Text => ("text/plain", false),
        // The content of a body that is read part by part is not known.
        View::Multipart | View::Reader => ("multipart/form-data", true),
        View::Bytes | View::Stream => ("application/octet-stream", false),
    });
    let kinds = kinds.map(|(kind, json)| {
        let many = many && json;
        // An empty text and an empty run of bytes are valid bodies.
        let required = required && json;
        // Where JSON is one type of several, `null` is not `None`.
        let nullable = field.cardinality.is_option() && views == [View::Json];
        quote! {
            __operation.body(#kind, __rt::FieldDescription {
                required: #required, many: #many, json: #json, nullable: #nullable, doc: #doc,
                ..__rt::FieldDescription::NONE
            }, #schema);
        }
    });
    quote!(#(#kinds)*)
}

/// Returns the description of a field beside its name and its type.
fn description(model: &Model, field: &Field, doc: &str) -> TokenStream {
    let scalar = field.scalar.as_ref();
    let is_json = matches!(
        field.source,
        FieldSource::Json { .. }
            | FieldSource::Nested { .. }
            | FieldSource::QueryAll
            | FieldSource::Part { what: Part::Json, .. }
    );
    let flag = scalar.is_some_and(|scalar| scalar.flag);
    let mut description = Vec::new();
    let is_option = field.cardinality.is_option();
    let is_nullable = is_option && matches!(field.source, FieldSource::Json { .. });
    let may_be_empty = match scalar.map(|scalar| scalar.empty) {
        Some(Empty::Auto) => flag || (is_option && !field.cardinality.is_list()),
        Some(Empty::None | Empty::Keep | Empty::Error) | None => flag,
    };
    // serde requires a list that is a member.
    let may_be_absent = match field.cardinality {
        Cardinality::Single(_) => flag,
        Cardinality::List(_) => {
            let has_minimum = scalar.is_some_and(|scalar| scalar.min_items > 0);
            !has_minimum && !matches!(field.source, FieldSource::Json { .. })
        }
        Cardinality::Option(_) | Cardinality::OptionList(_) => true,
    };
    for (word, holds) in [
        ("required", !may_be_absent && field.default.is_none()),
        ("many", field.cardinality.is_list()),
        ("csv", scalar.is_some_and(|scalar| scalar.csv)),
        ("json", is_json),
        ("nested", matches!(field.source, FieldSource::Nested { .. })),
        ("nullable", is_nullable),
        ("may_be_empty", may_be_empty),
        ("none_if_empty", scalar.is_some_and(|scalar| scalar.empty == Empty::None)),
        ("not_empty", scalar.is_some_and(|scalar| scalar.empty == Empty::Error)),
    ] {
        if holds {
            let word = quote::format_ident!("{word}");
            description.push(quote!(#word: true));
        }
    }
    if let Some(limit) = scalar.and_then(|scalar| scalar.limit) {
        description.push(quote!(limit: ::core::option::Option::Some(#limit)));
    }
    if let Some(min) = scalar.map(|scalar| scalar.min_items).filter(|min| *min > 0) {
        description.push(quote!(min_items: #min));
    }
    if field.cardinality.is_list()
        && let Some(scalar) = scalar
    {
        let max = scalar.max_items.unwrap_or(model.container.max_items);
        description.push(quote!(max_items: ::core::option::Option::Some(#max)));
    }
    let bounds = bounds(field);
    description.push(quote!(bounds: #bounds));
    if let Some(json) = field.default.as_ref().and_then(default) {
        description.push(quote!(default: ::core::option::Option::Some(#json)));
    }
    quote!(__rt::FieldDescription { #(#description,)* doc: #doc, ..__rt::FieldDescription::NONE })
}

/// Returns the bounds of a field's values: its own, else those of the validation library.
fn bounds(field: &Field) -> TokenStream {
    let (own, other) = (&field.bounds, &field.library_bounds);
    let mut bounds = Vec::new();
    for (word, bound) in [
        ("min", own.min.as_ref().or(other.min.as_ref())),
        ("max", own.max.as_ref().or(other.max.as_ref())),
        ("multiple_of", own.multiple_of.as_ref()),
    ] {
        if let Some(bound) = bound {
            let word = quote::format_ident!("{word}");
            // Typed only by its context, a large literal would overflow.
            let text = match default(&bound.to_token_stream()) {
                Some(literal) => quote!(::std::string::String::from(#literal)),
                None => quote!(::std::string::ToString::to_string(&(#bound))),
            };
            bounds.push(quote!(#word: ::core::option::Option::Some(|| #text)));
        }
    }
    for (word, bound) in [
        ("min_length", own.min_length.or(other.min_length)),
        ("max_length", own.max_length.or(other.max_length)),
        ("min_items", other.min_items),
        ("max_items", other.max_items),
    ] {
        if let Some(bound) = bound {
            let word = quote::format_ident!("{word}");
            bounds.push(quote!(#word: ::core::option::Option::Some(#bound)));
        }
    }
    if let Some(pattern) = own.pattern.as_ref().or(other.pattern.as_ref()) {
        bounds.push(quote!(pattern: ::core::option::Option::Some(#pattern)));
    }
    quote!(__rt::Bounds { #(#bounds,)* ..__rt::Bounds::NONE })
}

/// Returns a default that is a literal, as JSON.
fn default(expression: &TokenStream) -> Option<String> {
    let expression: Expr = syn::parse2(expression.clone()).ok()?;
    // A text is the argument of a conversion to the field's type.
    let literal = match &expression {
        Expr::Call(ExprCall { args, .. }) => args.first()?,
        other => other,
    };
    match literal {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(json_text(&text.value())),
            Lit::Int(number) => Some(number.base10_digits().to_owned()),
            Lit::Float(number) => Some(number.base10_digits().to_owned()),
            Lit::Bool(is) => Some(is.value.to_string()),
            _ => None,
        },
        Expr::Unary(negative) => {
            let text = negative.to_token_stream().to_string().replace(' ', "");
            text.parse::<f64>().is_ok().then_some(text)
        }
        _ => None,
    }
}

fn json_text(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// Returns the function that makes the schema of one value.
fn schema_fn(field: &Field) -> TokenStream {
    if let FieldSource::Json { passed, .. } = &field.source
        && passed.iter().any(changes_json)
    {
        return quote!(|_| ::core::option::Option::None);
    }
    match field.scalar.as_ref().map(|scalar| &scalar.read_with) {
        // The text of a module is not the text of the type.
        Some(ReadWith::With(_) | ReadWith::HeaderValue) => quote!(|_| ::core::option::Option::None),
        Some(ReadWith::Bool { is_lenient: true }) => quote!(__rt::lenient_bool_schema),
        _ => dispatch_schema(field.cardinality.item()),
    }
}

/// Tests whether an attribute of serde makes the JSON of a member other than that of its type.
fn changes_json(meta: &TokenStream) -> bool {
    syn::parse2::<Meta>(meta.clone())
        .is_ok_and(|meta| ["with", "deserialize_with"].iter().any(|word| meta.path().is_ident(word)))
}

fn dispatch_schema(item: &Type) -> TokenStream {
    quote!((&&&&__rt::SchemaDispatch::<#item>::new()).schema_fn())
}

/// Returns the type of the items, and whether it is a list of them.
fn list_item(ty: &Type) -> (Type, bool) {
    match Cardinality::of(ty) {
        Cardinality::List(item) => (item, true),
        _ => (ty.clone(), false),
    }
}

/// Fallback for a type that has no description.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// The JSON of a response: `answer = Post`.
    Json,
    /// A return type that may implement `Answer`: `-> Post`.
    Answer,
}

/// Returns the statements that describe the responses of a type.
pub(crate) fn answers(ty: &Type, fallback: Fallback) -> TokenStream {
    match ty {
        Type::Group(group) => answers(&group.elem, fallback),
        Type::Paren(paren) => answers(&paren.elem, fallback),
        Type::Tuple(tuple) => match (tuple.elems.first(), tuple.elems.last()) {
            (Some(first), Some(last)) => {
                let inner = answers(last, Fallback::Answer);
                match last_segment(first) {
                    Some((name, _)) if name == "StatusCode" => quote! {
                        __operation.any_status(true);
                        #inner
                        __operation.any_status(false);
                    },
                    _ => inner,
                }
            }
            _ => quote!(<() as ::waylay_extract::Answer>::answer(__operation.answers());),
        },
        _ => match last_segment(ty) {
            Some((name, arguments)) if name == "Result" && !arguments.is_empty() => {
                arguments.iter().map(|ty| answers(ty, Fallback::Answer)).collect()
            }
            Some((name, arguments)) if name == "Json" && arguments.len() == 1 => json(arguments[0]),
            Some((name, arguments)) if name == "Status" && status_code(ty).is_some() => {
                let status = status_code(ty);
                let inner = match arguments.first() {
                    Some(ty) => answers(ty, fallback),
                    None => quote!(<() as ::waylay_extract::Answer>::answer(__operation.answers());),
                };
                quote! {
                    __operation.fixed_status(::core::option::Option::Some(#status));
                    #inner
                    __operation.fixed_status(::core::option::Option::None);
                }
            }
            _ if fallback == Fallback::Json => json(ty),
            // A type without a name cannot be dispatched on.
            _ if ty.to_token_stream().into_iter().any(|token| token.to_string() == "impl") => {
                TokenStream::new()
            }
            _ => quote!((&&__rt::AnswerDispatch::<#ty>::new()).describe_answers(__operation.answers());),
        },
    }
}

/// Returns the literal of `Status<201, T>`.
fn status_code(ty: &Type) -> Option<&Expr> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Const(status) => Some(status),
        _ => None,
    }
}

fn json(ty: &Type) -> TokenStream {
    let (item, many) = list_item(ty);
    let schema = dispatch_schema(&item);
    quote!(__operation.answer(#many, #schema);)
}

/// Returns the last segment of a type's path, and its type arguments.
fn last_segment(ty: &Type) -> Option<(String, Vec<&Type>)> {
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
