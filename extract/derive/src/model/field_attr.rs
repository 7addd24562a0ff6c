//! FieldParser: the attribute of one field.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Expr, ExprPath, Ident, Lit, LitStr, Path, Type};

use crate::attr::error::Errors;
use crate::attr::options::{AttrValue, Options, integer, text};
use crate::attr::rename::Rename;
use crate::attr::serde::Serde;
use crate::model::bounds::Bounds;
use crate::model::source::{Cardinality, FieldSource, NestedOptions, Part, View, without_option};
use crate::model::text_options::{ReadWith, Scalar, byte_limit};

/// The parser of one field's attribute.
pub(crate) struct FieldParser<'r> {
    pub(crate) options: Options,
    pub(crate) field: &'r syn::Field,
    pub(crate) ident: &'r Ident,
    pub(crate) cardinality: &'r Cardinality,
    pub(crate) rename: Option<Rename>,
    pub(crate) errors: &'r mut Errors,
}

/// The parsed attribute of a field.
pub(crate) struct ParsedField {
    pub(crate) source: FieldSource,
    pub(crate) default: Option<TokenStream>,
    pub(crate) scalar: Option<Scalar>,
    /// The function that decides whether the value is left out of a written request.
    pub(crate) skip_if: Option<Path>,
    /// Maximum bytes of the body, if the field sets it.
    pub(crate) limit: Option<u64>,
    /// The declared bounds of its values.
    pub(crate) bounds: Bounds,
    /// The function that checks the value.
    pub(crate) validate: Option<Path>,
}

impl From<FieldSource> for ParsedField {
    fn from(source: FieldSource) -> Self {
        Self {
            source,
            default: None,
            scalar: None,
            skip_if: None,
            limit: None,
            bounds: Bounds::default(),
            validate: None,
        }
    }
}

impl FieldParser<'_> {
    pub(crate) fn read(self, word: &str) -> ParsedField {
        match word {
            "param" => self.param(),
            "query" => self.query(),
            "header" => self.header(),
            "cookie" => self.cookie(),
            "form" => self.form(),
            "json" => self.json(),
            "part" => self.part(),
            "body" => self.body(),
            "flatten" => self.flatten(),
            "extension" => self.bare(FieldSource::Extension),
            "state" => self.bare(FieldSource::State),
            "request" => self.bare(FieldSource::Request),
            "from" => self.bare(FieldSource::From),
            _ => self.bare(FieldSource::Skip),
        }
    }

    fn param(mut self) -> ParsedField {
        let name = self.name();
        let raw = self.flag("raw");
        let scope = self.flag("scope");
        if self.cardinality.is_list() {
            self.errors.at(&self.field.ty, "a path variable is one value, not a list");
        }
        let source = FieldSource::Param { name, raw, scope };
        self.text(source, &["limit", "bool", "with", "serde"], &["raw", "scope"])
    }

    fn query(mut self) -> ParsedField {
        if self.flag("rest") {
            return self.bare(FieldSource::QueryRest);
        }
        if self.flag("all") {
            return self.bare(FieldSource::QueryAll);
        }
        let keys = self.keys();
        if let Some(dots) = self.nested() {
            return self.nested_keys(keys, false, dots);
        }
        self.text(FieldSource::Query { keys }, &Scalar::ALL, &["alias", "rest", "all", "nested", "skip_if"])
    }

    fn form(mut self) -> ParsedField {
        if self.flag("rest") {
            return self.bare(FieldSource::FormRest);
        }
        let query = self.flag("query");
        let keys = self.keys();
        if let Some(dots) = self.nested() {
            return self.nested_keys(keys, true, dots);
        }
        let own = ["alias", "query", "rest", "nested", "skip_if"];
        self.text(FieldSource::Form { keys, query }, &Scalar::ALL, &own)
    }

    /// Takes `nested`, and returns whether its keys are written with dots.
    fn nested(&mut self) -> Option<bool> {
        match self.options.word("nested")? {
            (_, AttrValue::None) => Some(false),
            (_, AttrValue::Value(style)) => {
                let word = text(&style);
                if !matches!(word.as_deref(), Some("brackets" | "dots")) {
                    self.errors.at(style, "write one of \"brackets\", \"dots\"");
                }
                Some(word.as_deref() == Some("dots"))
            }
            (word, AttrValue::Words(_)) => {
                self.errors.at(word, "write `nested` or `nested = \"dots\"`");
                Some(false)
            }
        }
    }

    fn nested_keys(mut self, keys: Vec<LitStr>, form: bool, dots: bool) -> ParsedField {
        let mut number = |word: &str, most: usize| {
            let value = self.options.value(word, self.errors)?;
            let number = integer(&value).filter(|number| *number <= most);
            if number.is_none() {
                let most = if most == usize::MAX { String::new() } else { format!(" up to {most}") };
                self.errors.at(value, format!("write a number{most}"));
            }
            number
        };
        // Each level is one level of recursion in the deserializer.
        let depth = number("depth", 32).unwrap_or(8);
        let max_items = number("max_items", usize::MAX);
        let limit = byte_limit(&mut self.options, self.errors);
        let default = self.default();
        let skip_if = self.function("skip_if");
        let validate = self.function("validate");
        let known = ["nested", "depth", "max_items", "limit", "default", "alias", "skip_if", "validate"];
        self.options.end(true, &known, self.errors);
        let source =
            FieldSource::Nested { keys, form, options: NestedOptions { dots, depth, max_items, limit } };
        ParsedField { default, skip_if, validate, ..source.into() }
    }

    fn header(mut self) -> ParsedField {
        let typed = self.flag("typed");
        let given = self.options.name();
        if let (Some(name), true) = (&given, typed) {
            self.errors.at(name, "a typed header has a name already");
        }
        let name = given.unwrap_or_else(|| {
            let name = self.ident.unraw().to_string().replace('_', "-");
            LitStr::new(&name, self.ident.span())
        });
        // RFC 9110, 5.6.2: a name is a token. `HeaderName::from_static` needs lower case.
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let text = name.value();
        if text.is_empty() || !text.bytes().all(is_token) {
            self.errors.at(&name, "this is not a header name");
        }
        let name = LitStr::new(&text.to_ascii_lowercase(), name.span());
        let source = FieldSource::Header { name, typed };
        if typed {
            return self.text(source, &[], &["typed"]);
        }
        let allowed =
            ["csv", "empty", "duplicates", "limit", "min_items", "max_items", "bool", "with", "serde"];
        let is_list = self.cardinality.is_list();
        let mut parsed = self.text(source, &allowed, &["typed", "skip_if"]);
        // RFC 9110, 5.3: several lines are one line with commas, and the other way round.
        if let Some(scalar) = parsed.scalar.as_mut().filter(|_| is_list) {
            scalar.csv = !matches!(scalar.read_with, ReadWith::HeaderValue);
        }
        parsed
    }

    fn cookie(mut self) -> ParsedField {
        let keys = self.keys();
        let raw = self.flag("raw");
        if self.cardinality.is_list() {
            self.errors.at(&self.field.ty, "a cookie is one value, not a list");
        }
        let source = FieldSource::Cookie { keys, raw };
        self.text(
            source,
            &["empty", "duplicates", "limit", "bool", "with", "serde"],
            &["alias", "raw", "skip_if"],
        )
    }

    fn part(mut self) -> ParsedField {
        let keys = self.keys();
        let what = match (self.flag("json"), last_segment(self.cardinality.item()).as_deref()) {
            (true, _) => Part::Json,
            (false, Some("Bytes")) => Part::Bytes,
            (false, Some("Upload")) => Part::Upload,
            (false, _) => Part::Text,
        };
        let source = FieldSource::Part { keys, what };
        let allowed: &[&str] = match what {
            Part::Text => &["limit", "duplicates", "min_items", "max_items", "bool", "with", "serde"],
            _ => &["limit", "min_items", "max_items"],
        };
        self.text(source, allowed, &["alias", "json"])
    }

    fn json(mut self) -> ParsedField {
        let serde = Serde::of(&self.field.attrs, self.errors);
        let name = self.options.name();
        if let (Some(name), Some(renamed)) = (&name, &serde.rename)
            && name.value() != renamed.value()
        {
            self.errors.at(name, "serde's `rename` has another name");
        }
        let name = name.or(serde.rename).unwrap_or_else(|| self.renamed());
        let mut keys = vec![name];
        keys.extend(serde.aliases);
        self.aliases(&mut keys);
        let ty = &self.field.ty;
        let default = self.default().or(serde.default.map(|function| match function {
            Some(function) => quote!(#function()),
            None => quote!(<#ty as ::core::default::Default>::default()),
        }));
        let skip_if = self.function("skip_if");
        let validate = self.function("validate");
        let bounds = Bounds::read(&mut self.options, self.errors);
        let known = [&["default", "alias", "skip_if", "validate"], &Bounds::WORDS[..]].concat();
        self.options.end(true, &known, self.errors);
        let passed = serde.passed;
        ParsedField { default, skip_if, bounds, validate, ..FieldSource::Json { keys, passed }.into() }
    }

    fn body(mut self) -> ParsedField {
        let mut views = Vec::new();
        for (word, view) in View::WORDS {
            if let Some(flag) = self.options.flag(word, self.errors) {
                let alone = |view| matches!(view, View::Bytes | View::Stream);
                if views.iter().any(|first| alone(*first)) || (alone(view) && !views.is_empty()) {
                    self.errors.at(flag, "`bytes` and `stream` cannot be combined with other kinds");
                }
                views.push(view);
            }
        }
        if views.is_empty() {
            views.push(View::Json);
        }
        let ty = without_option(&self.field.ty);
        if views == [View::Multipart] && last_segment(ty).as_deref() == Some("Multipart") {
            views = vec![View::Reader];
        }
        let limit = byte_limit(&mut self.options, self.errors);
        let source = FieldSource::Body(views);
        // An unread body has no value to check.
        let validate = (!source.is_stream()).then(|| self.function("validate")).flatten();
        let words = ["json", "form", "text", "bytes", "stream", "multipart", "limit", "validate"];
        let known = if source.is_stream() { &words[..7] } else { &words[..] };
        self.options.end(false, known, self.errors);
        ParsedField { limit, validate, ..source.into() }
    }

    fn flatten(mut self) -> ParsedField {
        let prefix = self.options.value("prefix", self.errors);
        let prefix = prefix.and_then(|prefix| self.errors.check(syn::parse2(prefix.into_token_stream())));
        let body = self.flag("body");
        self.options.end(false, &["prefix", "body"], self.errors);
        FieldSource::Flatten { prefix, body }.into()
    }

    fn bare(self, source: FieldSource) -> ParsedField {
        self.options.end(false, &[], self.errors);
        source.into()
    }

    /// Parses the options that all text sources share, and reports those that are left.
    fn text(mut self, source: FieldSource, allowed: &[&'static str], own: &[&'static str]) -> ParsedField {
        let default = self.default();
        let scalar = Scalar::read(&mut self.options, allowed, self.cardinality, self.errors);
        let skip_if = own.contains(&"skip_if").then(|| self.function("skip_if")).flatten();
        let validate = self.function("validate");
        // What is no text has no bounds of a text.
        let has_bounds = allowed.contains(&"with") && !matches!(scalar.read_with, ReadWith::HeaderValue);
        let (bounds, words) = match has_bounds {
            true => (Bounds::read(&mut self.options, self.errors), &Bounds::WORDS[..]),
            false => (Bounds::default(), &[][..]),
        };
        let known = [&["default", "validate"], allowed, own, &["redact"], words].concat();
        self.options.end(true, &known, self.errors);
        ParsedField { default, scalar: Some(scalar), skip_if, bounds, validate, ..source.into() }
    }

    /// Returns the name in the attribute, else the field's own.
    fn name(&mut self) -> LitStr {
        self.options.name().unwrap_or_else(|| self.renamed())
    }

    /// Returns the name and its aliases.
    fn keys(&mut self) -> Vec<LitStr> {
        let mut keys = vec![self.name()];
        self.aliases(&mut keys);
        keys
    }

    fn renamed(&self) -> LitStr {
        let name = self.ident.unraw().to_string();
        let name = match self.rename {
            Some(rename) => rename.apply(&name),
            None => name,
        };
        LitStr::new(&name, self.ident.span())
    }

    fn flag(&mut self, word: &str) -> bool {
        self.options.flag(word, self.errors).is_some()
    }

    fn aliases(&mut self, keys: &mut Vec<LitStr>) {
        while let Some(alias) = self.options.value("alias", self.errors) {
            let alias = syn::parse2(alias.into_token_stream());
            keys.extend(self.errors.check(alias));
        }
    }

    /// Takes the path of a function.
    fn function(&mut self, word: &str) -> Option<Path> {
        match self.options.value(word, self.errors)? {
            Expr::Path(ExprPath { qself: None, path, .. }) => Some(path),
            other => {
                self.errors.at(other, format!("write the path of a function: `{word} = function`"));
                None
            }
        }
    }

    fn default(&mut self) -> Option<TokenStream> {
        let (word, given) = self.options.word("default")?;
        let ty = &self.field.ty;
        Some(match given {
            // A text literal is converted, for `String`, `Box<str>` and `Cow<str>`.
            AttrValue::Value(Expr::Lit(text)) if matches!(text.lit, Lit::Str(_)) => {
                quote!(::core::convert::Into::into(#text))
            }
            AttrValue::Value(value) => quote!(#value),
            AttrValue::None => quote!(<#ty as ::core::default::Default>::default()),
            AttrValue::Words(_) => {
                self.errors.at(word, "write `default = …`");
                return None;
            }
        })
    }
}

fn last_segment(ty: &Type) -> Option<String> {
    match ty {
        Type::Group(group) => last_segment(&group.elem),
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => None,
    }
}
