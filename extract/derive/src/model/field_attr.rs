//! Field attributes.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Expr, Ident, Lit, LitStr, Path, Type};

use crate::attr::error::Faults;
use crate::attr::options::{Given, Options, integer, size, text};
use crate::attr::rename::Rename;
use crate::attr::serde::Serde;
use crate::model::source::{Nest, Origin, Part, Shape, View, without_option};
use crate::model::text_options::Scalar;

/// The attribute of one field while it is read.
pub(crate) struct Reading<'r> {
    pub(crate) options: Options,
    pub(crate) field: &'r syn::Field,
    pub(crate) ident: &'r Ident,
    pub(crate) shape: &'r Shape,
    pub(crate) rename: Option<Rename>,
    pub(crate) faults: &'r mut Faults,
}

/// What an attribute says.
pub(crate) struct Said {
    pub(crate) origin: Origin,
    pub(crate) default: Option<TokenStream>,
    pub(crate) scalar: Option<Scalar>,
    /// Whether the value is left out of a request that is written: a function that is asked.
    pub(crate) skip_if: Option<Path>,
    /// The most bytes of the body, if this field says it.
    pub(crate) limit: Option<u64>,
}

impl From<Origin> for Said {
    fn from(origin: Origin) -> Self {
        Self { origin, default: None, scalar: None, skip_if: None, limit: None }
    }
}

impl Reading<'_> {
    pub(crate) fn read(self, word: &str) -> Said {
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
            "extension" => self.bare(Origin::Extension),
            "state" => self.bare(Origin::State),
            "request" => self.bare(Origin::Request),
            "from" => self.bare(Origin::From),
            _ => self.bare(Origin::Skip),
        }
    }

    fn param(mut self) -> Said {
        let name = self.name();
        let raw = self.flag("raw");
        let scope = self.flag("scope");
        if self.shape.is_many() {
            self.faults.at(&self.field.ty, "a path variable is one value, not a list");
        }
        let origin = Origin::Param { name, raw, scope };
        self.text(origin, &["limit", "with", "serde"], &["raw", "scope"])
    }

    fn query(mut self) -> Said {
        if self.flag("rest") {
            return self.bare(Origin::QueryRest);
        }
        if self.flag("all") {
            return self.bare(Origin::QueryAll);
        }
        let keys = self.keys();
        if let Some(dots) = self.nested() {
            return self.below(keys, false, dots);
        }
        self.text(Origin::Query { keys }, &Scalar::ALL, &["alias", "rest", "all", "nested", "skip_if"])
    }

    fn form(mut self) -> Said {
        if self.flag("rest") {
            return self.bare(Origin::FormRest);
        }
        let keys = self.keys();
        if let Some(dots) = self.nested() {
            return self.below(keys, true, dots);
        }
        self.text(Origin::Form { keys }, &Scalar::ALL, &["alias", "rest", "nested", "skip_if"])
    }

    /// Whether `nested` is there, and whether its keys are written behind dots.
    fn nested(&mut self) -> Option<bool> {
        match self.options.word("nested")? {
            (_, Given::Nothing) => Some(false),
            (_, Given::Value(style)) => {
                let word = text(&style);
                if !matches!(word.as_deref(), Some("brackets" | "dots")) {
                    self.faults.at(style, "write one of \"brackets\", \"dots\"");
                }
                Some(word.as_deref() == Some("dots"))
            }
            (word, Given::Words(_)) => {
                self.faults.at(word, "write `nested` or `nested = \"dots\"`");
                Some(false)
            }
        }
    }

    fn below(mut self, keys: Vec<LitStr>, form: bool, dots: bool) -> Said {
        let mut number = |word: &str, most: usize| {
            let value = self.options.value(word, self.faults)?;
            let number = integer(&value).filter(|number| *number <= most);
            if number.is_none() {
                let most = if most == usize::MAX { String::new() } else { format!(" up to {most}") };
                self.faults.at(value, format!("write a number{most}"));
            }
            number
        };
        // Each key below is a call deeper where it is read.
        let depth = number("depth", 32).unwrap_or(8);
        let max_items = number("max_items", usize::MAX);
        let limit = self.options.value("limit", self.faults).and_then(|limit| {
            let bytes = size(&limit);
            if bytes.is_none() {
                self.faults.at(limit, "write a size: `\"512KiB\"`, `\"2MiB\"` or bytes");
            }
            bytes
        });
        let default = self.default();
        let skip_if = self.skip_if();
        let known = ["nested", "depth", "max_items", "limit", "default", "alias", "skip_if"];
        self.options.end(true, &known, self.faults);
        let origin = Origin::Nested { keys, form, nest: Nest { dots, depth, max_items, limit } };
        Said { default, skip_if, ..origin.into() }
    }

    fn header(mut self) -> Said {
        let typed = self.flag("typed");
        let given = self.options.name();
        if let (Some(name), true) = (&given, typed) {
            self.faults.at(name, "a typed header knows its own name");
        }
        let name = given.unwrap_or_else(|| {
            let name = self.ident.unraw().to_string().replace('_', "-");
            LitStr::new(&name, self.ident.span())
        });
        // RFC 9110, 5.6.2: a name is a token; `http` knows it in small letters only.
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let text = name.value();
        if text.is_empty() || !text.bytes().all(is_token) {
            self.faults.at(&name, "this is no name of a header");
        }
        let name = LitStr::new(&text.to_ascii_lowercase(), name.span());
        let origin = Origin::Header { name, typed };
        if typed {
            return self.text(origin, &[], &["typed"]);
        }
        let allowed = ["csv", "empty", "duplicates", "limit", "min_items", "max_items", "with", "serde"];
        self.text(origin, &allowed, &["typed", "skip_if"])
    }

    fn cookie(mut self) -> Said {
        let keys = self.keys();
        let raw = self.flag("raw");
        if self.shape.is_many() {
            self.faults.at(&self.field.ty, "a cookie is one value, not a list");
        }
        let origin = Origin::Cookie { keys, raw };
        self.text(origin, &["empty", "duplicates", "limit", "with", "serde"], &["alias", "raw", "skip_if"])
    }

    fn part(mut self) -> Said {
        let keys = self.keys();
        let what = match (self.flag("json"), last_segment(self.shape.item()).as_deref()) {
            (true, _) => Part::Json,
            (false, Some("Bytes")) => Part::Bytes,
            (false, Some("Upload")) => Part::Upload,
            (false, _) => Part::Text,
        };
        let origin = Origin::Part { keys, what };
        let allowed: &[&str] = match what {
            Part::Text => &["limit", "duplicates", "min_items", "max_items", "with", "serde"],
            _ => &["limit", "min_items", "max_items"],
        };
        self.text(origin, allowed, &["alias", "json"])
    }

    fn json(mut self) -> Said {
        let serde = Serde::of(&self.field.attrs, self.faults);
        let ours = self.options.name();
        if let (Some(ours), Some(theirs)) = (&ours, &serde.rename)
            && ours.value() != theirs.value()
        {
            self.faults.at(ours, "serde's `rename` says another name");
        }
        let name = ours.or(serde.rename).unwrap_or_else(|| self.spelt());
        let mut keys = vec![name];
        keys.extend(serde.aliases);
        self.aliases(&mut keys);
        let ty = &self.field.ty;
        let default = self.default().or(serde.default.map(|function| match function {
            Some(function) => quote!(#function()),
            None => quote!(<#ty as ::core::default::Default>::default()),
        }));
        let skip_if = self.skip_if();
        self.options.end(true, &["default", "alias", "skip_if"], self.faults);
        let passed = serde.passed;
        Said { default, skip_if, ..Origin::Json { keys, passed }.into() }
    }

    fn body(mut self) -> Said {
        let mut views = Vec::new();
        for (word, view) in View::WORDS {
            if let Some(flag) = self.options.flag(word, self.faults) {
                let alone = |view| matches!(view, View::Bytes | View::Stream);
                if views.iter().any(|first| alone(*first)) || (alone(view) && !views.is_empty()) {
                    self.faults.at(flag, "a body is seen in one way by one field");
                }
                views.push(view);
            }
        }
        if views.is_empty() {
            views.push(View::Json);
        }
        let ty = without_option(&self.field.ty);
        if views == [View::Multipart] && last_segment(ty).as_deref() == Some("Multipart") {
            views = vec![View::ByHand];
        }
        let limit = self.options.value("limit", self.faults).and_then(|limit| {
            let bytes = size(&limit);
            if bytes.is_none() {
                self.faults.at(limit, "write a size: `\"512KiB\"`, `\"2MiB\"` or bytes");
            }
            bytes
        });
        let words = ["json", "form", "text", "bytes", "stream", "multipart", "limit"];
        self.options.end(false, &words, self.faults);
        Said { limit, ..Origin::Body(views).into() }
    }

    fn flatten(mut self) -> Said {
        let prefix = self.options.value("prefix", self.faults);
        let prefix = prefix.and_then(|prefix| self.faults.check(syn::parse2(prefix.into_token_stream())));
        let body = self.flag("body");
        self.options.end(false, &["prefix", "body"], self.faults);
        Origin::Flatten { prefix, body }.into()
    }

    fn bare(self, origin: Origin) -> Said {
        self.options.end(false, &[], self.faults);
        origin.into()
    }

    /// The end of every text source: its default, its scalar options, what is left over.
    fn text(mut self, origin: Origin, allowed: &[&'static str], own: &[&'static str]) -> Said {
        let default = self.default();
        let scalar = Scalar::read(&mut self.options, allowed, self.shape, self.faults);
        let skip_if = own.contains(&"skip_if").then(|| self.skip_if()).flatten();
        let known = [&["default"], allowed, own, &["redact"]].concat();
        self.options.end(true, &known, self.faults);
        Said { origin, default, scalar: Some(scalar), skip_if, limit: None }
    }

    /// The name that the attribute gives, else the field's own.
    fn name(&mut self) -> LitStr {
        self.options.name().unwrap_or_else(|| self.spelt())
    }

    /// The name and its aliases.
    fn keys(&mut self) -> Vec<LitStr> {
        let mut keys = vec![self.name()];
        self.aliases(&mut keys);
        keys
    }

    fn spelt(&self) -> LitStr {
        let name = self.ident.unraw().to_string();
        let name = match self.rename {
            Some(rename) => rename.apply(&name),
            None => name,
        };
        LitStr::new(&name, self.ident.span())
    }

    fn flag(&mut self, word: &str) -> bool {
        self.options.flag(word, self.faults).is_some()
    }

    fn aliases(&mut self, keys: &mut Vec<LitStr>) {
        while let Some(alias) = self.options.value("alias", self.faults) {
            let alias = syn::parse2(alias.into_token_stream());
            keys.extend(self.faults.check(alias));
        }
    }

    fn skip_if(&mut self) -> Option<Path> {
        let function = self.options.value("skip_if", self.faults)?;
        self.faults.check(syn::parse2(function.into_token_stream()))
    }

    fn default(&mut self) -> Option<TokenStream> {
        let (word, given) = self.options.word("default")?;
        let ty = &self.field.ty;
        Some(match given {
            // A text stands for whatever is made of a text: `String`, `Box<str>`, `Cow<str>`.
            Given::Value(Expr::Lit(text)) if matches!(text.lit, Lit::Str(_)) => {
                quote!(::core::convert::Into::into(#text))
            }
            Given::Value(value) => quote!(#value),
            Given::Nothing => quote!(<#ty as ::core::default::Default>::default()),
            Given::Words(_) => {
                self.faults.at(word, "write `default = …`");
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
