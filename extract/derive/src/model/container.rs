//! Container: the options of `#[extract(…)]` on a struct.

use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprPath, LitStr, Type};

use crate::attr::error::Errors;
use crate::attr::options::{AttrValue, Options, integer, text};
use crate::attr::rename::Rename;
use crate::model::library::{LibraryRules, Validate};
use crate::model::text_options::{Duplicates, byte_limit};

/// The options in `#[extract(…)]`.
pub(crate) struct Container {
    pub(crate) rename: Option<Rename>,
    /// Maximum bytes of the body.
    pub(crate) limit: u64,
    /// Maximum items of a list.
    pub(crate) max_items: usize,
    /// Maximum pairs of a query or a form, members of a JSON body, parts of a multipart body.
    pub(crate) max_params: usize,
    /// How a repeated single value is read.
    pub(crate) duplicates: Duplicates,
    /// The locations in which an unknown key is an error.
    pub(crate) deny: Deny,
    /// Whether errors contain the rejected values.
    pub(crate) echo: bool,
    /// Whether the status of an invalid path variable is 404.
    pub(crate) path_is_404: bool,
    /// The validation of the whole struct.
    pub(crate) validate: Option<Validate>,
    /// The attributes of the struct for its validation library.
    pub(crate) library_rules: LibraryRules,
    /// The type that rejections are converted to.
    pub(crate) error: Option<Type>,
    /// Further content types of JSON, in lower case.
    pub(crate) accept: Vec<LitStr>,
    /// Whether a body without a content type is of the first type that the struct reads.
    pub(crate) untyped: bool,
    /// The source of fields without an attribute.
    pub(crate) source: Option<String>,
}

/// The locations in which unknown keys are errors.
#[derive(Clone, Copy, Default)]
pub(crate) struct Deny {
    pub(crate) query: bool,
    pub(crate) form: bool,
    pub(crate) json: bool,
    pub(crate) part: bool,
}

/// The same as axum's `DefaultBodyLimit`.
const LIMIT: u64 = 2 * 1024 * 1024;

const MAX_ITEMS: usize = 1000;

const MAX_PARAMS: usize = 1000;

const DENIABLE: [&str; 4] = ["query", "form", "json", "part"];

const BARE: [&str; 6] = ["param", "query", "header", "cookie", "form", "json"];

const WORDS: [&str; 13] = [
    "rename_all",
    "limit",
    "max_items",
    "max_params",
    "duplicates",
    "deny_unknown",
    "echo",
    "path_error",
    "validate",
    "error",
    "source",
    "accept",
    "content_type",
];

impl Container {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut container = Self {
            rename: None,
            limit: LIMIT,
            max_items: MAX_ITEMS,
            max_params: MAX_PARAMS,
            duplicates: Duplicates::Reject,
            deny: Deny::default(),
            echo: false,
            path_is_404: false,
            validate: None,
            library_rules: LibraryRules::default(),
            error: None,
            untyped: false,
            source: None,
            accept: Vec::new(),
        };
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("extract")) {
            let mut options = Options::of(attribute, errors);
            container.read_limits(&mut options, errors);
            container.read_rules(&mut options, errors);
            options.end(false, &WORDS, errors);
        }
        container.library_rules = LibraryRules::read(attributes, container.validate.as_ref());
        container
    }

    fn read_limits(&mut self, options: &mut Options, errors: &mut Errors) {
        if let Some(bytes) = byte_limit(options, errors) {
            self.limit = bytes;
        }
        if let Some(max) = options.value("max_items", errors) {
            match integer(&max) {
                Some(items) => self.max_items = items,
                None => errors.at(max, "write a number of items"),
            }
        }
        if let Some(max) = options.value("max_params", errors) {
            match integer(&max) {
                Some(pairs) => self.max_params = pairs,
                None => errors.at(max, "write a number of pairs"),
            }
        }
    }

    fn read_rules(&mut self, options: &mut Options, errors: &mut Errors) {
        if let Some(rule) = options.value("rename_all", errors) {
            self.rename = Rename::read(&rule, errors);
        }
        if let Some(duplicates) = Duplicates::read(options, errors) {
            self.duplicates = duplicates;
        }
        for word in options.words("deny_unknown", &DENIABLE, errors).unwrap_or_default() {
            match &*word {
                "query" => self.deny.query = true,
                "form" => self.deny.form = true,
                "json" => self.deny.json = true,
                _ => self.deny.part = true,
            }
        }
        self.echo |= options.flag("echo", errors).is_some();
        if let Some(status) = options.value("path_error", errors) {
            match integer::<u16>(&status) {
                Some(404) => self.path_is_404 = true,
                Some(400) => self.path_is_404 = false,
                _ => errors.at(status, "the status of an invalid path variable is 400 or 404"),
            }
        }
        self.read_validate(options, errors);
        if let Some(error) = options.value("error", errors) {
            self.error = errors.check(syn::parse2(error.to_token_stream()));
        }
        if let Some(types) = options.value("accept", errors) {
            self.accept = media_types(&types, errors);
        }
        if let Some(choice) = options.choice("content_type", &["required", "optional"], errors) {
            self.untyped = choice == 1;
        }
        if let Some(source) = options.value("source", errors) {
            let word = source.to_token_stream().to_string();
            if !BARE.contains(&&*word) {
                errors.at(&source, format!("write one of {}", BARE.join(", ")));
            }
            self.source = Some(word);
        }
    }

    fn read_validate(&mut self, options: &mut Options, errors: &mut Errors) {
        const HOW: &str = "write `validate = function`, `validate(garde)` or `validate(validator)`";
        let Some((word, given)) = options.word("validate") else {
            return;
        };
        self.validate = match given {
            AttrValue::Value(Expr::Path(ExprPath { qself: None, path, .. })) => {
                Some(Validate::Function(path))
            }
            AttrValue::Words(words) => match &*words {
                [one] if one == "garde" => Some(Validate::Garde),
                [one] if one == "validator" => Some(Validate::Validator),
                _ => None,
            },
            _ => None,
        };
        if self.validate.is_none() {
            errors.at(word, HOW);
        }
    }
}

/// Parses the types in `accept = ["…"]`.
fn media_types(list: &Expr, errors: &mut Errors) -> Vec<LitStr> {
    const HOW: &str = "write a list of types: `accept = [\"application/vnd.api\"]`";
    let Expr::Array(list) = list else {
        errors.at(list, HOW);
        return Vec::new();
    };
    let mut types = Vec::new();
    for element in &list.elems {
        // RFC 9110, 8.3.1: type and subtype are tokens. Parameters are not compared.
        let is_token = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        };
        let text = text(element).unwrap_or_default();
        match text.split_once('/') {
            Some((kind, subtype)) if is_token(kind) && is_token(subtype) => {
                types.push(LitStr::new(&text.to_ascii_lowercase(), element.span()));
            }
            _ => errors.at(element, "write a type and a subtype: `\"text/json\"`"),
        }
    }
    types
}
