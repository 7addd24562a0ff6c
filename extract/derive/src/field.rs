//! One field: which part of the request fills it, and by what rule.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, Ident, Lit, LitStr, Type, ext::IdentExt};

use crate::{attr::Options, faults::Faults, near::nearest, rename::Rename, serde_attr::Serde, shape::Shape};

/// A field of the struct.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) shape: Shape,
    pub(crate) origin: Origin,
    /// What an absent value is replaced by.
    pub(crate) default: Option<TokenStream>,
}

/// Where a field's value comes from.
pub(crate) enum Origin {
    Path(LitStr),
    Query { keys: Vec<LitStr>, csv: bool },
    Header { name: LitStr, csv: bool },
    Cookie(LitStr),
    Json { keys: Vec<LitStr>, passed: Vec<TokenStream> },
    Body(View),
    Flatten,
    Extension,
    State,
    Skip,
}

/// How the whole body is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Json,
    Text,
    Bytes,
}

const SOURCES: [&str; 10] =
    ["param", "query", "header", "cookie", "json", "body", "flatten", "extension", "state", "skip"];

impl Field {
    /// Reads a field's attributes; `None` if they do not say where it comes from.
    pub(crate) fn read(field: &syn::Field, rename: Option<Rename>, faults: &mut Faults) -> Option<Self> {
        let ident = field.ident.clone()?;
        let attribute = source(field, &ident, faults)?;
        let word = attribute.path().get_ident()?.to_string();
        let shape = Shape::of(&field.ty);
        let options = Options::of(attribute, faults);
        let reading = Reading { options, field, ident: &ident, shape: &shape, rename, faults };
        let (origin, default) = match &*word {
            "param" => reading.param(),
            "query" => reading.query(),
            "header" => reading.header(),
            "cookie" => reading.cookie(),
            "json" => reading.json(),
            "body" => reading.body(),
            "flatten" => reading.bare(Origin::Flatten),
            "extension" => reading.bare(Origin::Extension),
            "state" => reading.bare(Origin::State),
            _ => reading.bare(Origin::Skip),
        };
        Some(Self { ident, ty: field.ty.clone(), shape, origin, default })
    }

    /// The slots of a flattened struct, seen as the trait that they implement.
    pub(crate) fn inner_slots(&self) -> TokenStream {
        let ty = &self.ty;
        quote!(<<#ty as ::waylay_extract::Extract>::Slots as __rt::Slots>)
    }
}

/// The one attribute that names a part of the request.
fn source<'f>(field: &'f syn::Field, ident: &Ident, faults: &mut Faults) -> Option<&'f Attribute> {
    let word = |attribute: &Attribute| attribute.path().get_ident().map(ToString::to_string);
    let is_source =
        |attribute: &&Attribute| word(attribute).is_some_and(|word| SOURCES.contains(&word.as_str()));
    let mut found = field.attrs.iter().filter(is_source);
    let Some(first) = found.next() else {
        let misspelt = field.attrs.iter().find_map(|attribute| {
            let word = word(attribute)?;
            // The compiler keeps this word for modules and refuses it as a derive's own.
            let meant = if word == "path" { Some("param") } else { nearest(&word, &SOURCES) };
            Some((attribute, meant?))
        });
        match misspelt {
            Some((attribute, meant)) => {
                faults.at(attribute.path(), format!("did you mean `#[{meant}]`?"));
            }
            None => {
                let all = SOURCES.map(|source| format!("`#[{source}]`")).join(", ");
                faults.at(ident, format!("what fills `{ident}`? write one of {all} on it"));
            }
        }
        return None;
    };
    for second in found {
        let first = first.path().to_token_stream();
        let message = format!("`{ident}` is filled by `#[{first}]` already");
        faults.at(second, message);
    }
    Some(first)
}

/// The attribute of one field while it is read.
struct Reading<'r> {
    options: Options,
    field: &'r syn::Field,
    ident: &'r Ident,
    shape: &'r Shape,
    rename: Option<Rename>,
    faults: &'r mut Faults,
}

type Rule = (Origin, Option<TokenStream>);

impl Reading<'_> {
    fn param(mut self) -> Rule {
        let name = self.name();
        let default = self.default();
        if self.shape.is_many() {
            self.faults.at(&self.field.ty, "a path variable is one value, not a list");
        }
        self.options.end(true, &["default"], self.faults);
        (Origin::Path(name), default)
    }

    fn query(mut self) -> Rule {
        let mut keys = vec![self.name()];
        self.aliases(&mut keys);
        let csv = self.csv();
        let default = self.default();
        let known = ["default", "csv", "alias"];
        self.options.end(true, &known, self.faults);
        (Origin::Query { keys, csv }, default)
    }

    fn header(mut self) -> Rule {
        let name = self.options.name().unwrap_or_else(|| {
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
        let csv = self.csv();
        let default = self.default();
        self.options.end(true, &["default", "csv"], self.faults);
        (Origin::Header { name, csv }, default)
    }

    fn cookie(mut self) -> Rule {
        let name = self.name();
        let default = self.default();
        if self.shape.is_many() {
            self.faults.at(&self.field.ty, "a cookie is one value, not a list");
        }
        self.options.end(true, &["default"], self.faults);
        (Origin::Cookie(name), default)
    }

    fn json(mut self) -> Rule {
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
        self.options.end(true, &["default", "alias"], self.faults);
        let passed = serde.passed;
        (Origin::Json { keys, passed }, default)
    }

    fn body(mut self) -> Rule {
        let views = [("json", View::Json), ("text", View::Text), ("bytes", View::Bytes)];
        let mut view = None;
        for (word, this) in views {
            if let Some(flag) = self.options.flag(word, self.faults) {
                if view.is_some() {
                    self.faults.at(flag, "a body is seen in one way by one field");
                }
                view = Some(this);
            }
        }
        self.options.end(false, &views.map(|(word, _)| word), self.faults);
        (Origin::Body(view.unwrap_or(View::Json)), None)
    }

    fn bare(self, origin: Origin) -> Rule {
        self.options.end(false, &[], self.faults);
        (origin, None)
    }

    /// The name that the attribute gives, else the field's own.
    fn name(&mut self) -> LitStr {
        self.options.name().unwrap_or_else(|| self.spelt())
    }

    fn spelt(&self) -> LitStr {
        let name = self.ident.unraw().to_string();
        let name = match self.rename {
            Some(rename) => rename.apply(&name),
            None => name,
        };
        LitStr::new(&name, self.ident.span())
    }

    fn aliases(&mut self, keys: &mut Vec<LitStr>) {
        while let Some(alias) = self.options.value("alias", self.faults) {
            let alias = syn::parse2(alias.into_token_stream());
            keys.extend(self.faults.check(alias));
        }
    }

    fn csv(&mut self) -> bool {
        let Some(word) = self.options.flag("csv", self.faults) else {
            return false;
        };
        if !self.shape.is_many() {
            self.faults.at(&word, "only a `Vec` is split at commas");
        }
        true
    }

    fn default(&mut self) -> Option<TokenStream> {
        let (_, value) = self.options.word("default")?;
        let ty = &self.field.ty;
        Some(match value {
            // A text stands for whatever is made of a text: `String`, `Box<str>`, `Cow<str>`.
            Some(Expr::Lit(text)) if matches!(text.lit, Lit::Str(_)) => {
                quote!(::core::convert::Into::into(#text))
            }
            Some(value) => quote!(#value),
            None => quote!(<#ty as ::core::default::Default>::default()),
        })
    }
}
