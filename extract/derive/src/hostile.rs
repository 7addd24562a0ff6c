//! Any tokens in the place of a struct, a route or an option: errors, never a panic, and never tokens that do not parse.

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::quote;
use syn::{Data, DeriveInput, File, ItemImpl, Member};

use crate::into_request::into_request;
use crate::model::model::Model;
use crate::{extract, openapi, routes, text};

/// Steele, Lea and Flood's SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end.max(1) as u64).unwrap_or_default()
    }
}

/// Structs that use every source and every option, from which tokens are removed, repeated and exchanged.
const STRUCTS: [&str; 8] = [
    r##"#[extract(rename_all = "camelCase", limit = "2MiB", max_items = 5, deny_unknown(query, json), echo,
        path_error = 404, validate = check, error = Teapot, duplicates = "first", max_params = 9,
        accept = ["text/json"], content_type = "optional", source = query)]
    #[route(PUT "/a/{id}/{y:\\d{4}}-{m}/{*rest}", answer = Status<201, Vec<u8>>, status = [200, 201])]
    pub struct All<T: Clone> where T: Send {
        #[param("id", raw, min = 1, max = 9, multiple_of = 3)] id: u32,
        #[param(scope, validate = odd)] y: Option<u8>,
        #[param(default = 3)] m: u8,
        #[param] rest: String,
        #[query(csv, max_items = 3, min_items = 1, alias = "b", empty = "none", with = hex)] list: Vec<u8>,
        #[query(flag)] flag: bool,
        #[query(nested = "dots", depth = 4, max_items = 3, limit = "1KiB")] tree: Option<Tree>,
        #[query(rest)] others: Vec<(String, String)>,
        #[header("x-a", typed)] typed: Option<Range>,
        #[header(redact, duplicates = "last", pattern = r"^\d+$")] tag: Vec<String>,
        #[cookie("sid", raw, min_length = 3, max_length = 9)] sid: Option<String>,
        #[json("a\"b", default, skip_if = Option::is_none)] #[serde(with = "module")] text: Option<T>,
        #[json] #[serde(rename = "x", alias = "y", skip_serializing_if = "f")] r#type: Vec<Option<T>>,
        #[flatten(prefix = "p.")] inner: Inner,
        #[extension] log: Log,
        #[state] state: App,
        #[request] method: Method,
        #[from] user: User,
        #[skip] count: u8,
        bare: bool,
    }"##,
    r##"struct Parts {
        #[form(query, bool = "lenient")] yes: bool,
        #[form(nested)] tree: Tree,
        #[form(rest)] rest: BTreeMap<String, Vec<String>>,
        #[part(json)] meta: Meta,
        #[part(limit = 4)] raw: Option<Bytes>,
        #[part] file: Vec<Upload>,
        #[part(serde)] kind: Kind,
        #[flatten(body)] more: More,
    }"##,
    r##"struct Body<'r> { #[body(json, form, multipart, text, limit = 9)] body: Option<Cow<'r, str>>,
        #[body(bytes)] raw: &'r [u8], #[header] name: &'r str }"##,
    r##"struct Stream { #[body(stream)] body: axum_core::body::Body, #[body(multipart)] parts: Multipart }"##,
    r##"struct Whole { #[query(all)] query: Filter, #[body(form)] body: Filter }"##,
    r##"#[text(rename_all = "kebab-case", ignore_case)] enum Word { #[text("a", alias = "b")] One, #[text] Two }"##,
    r##"struct Newtype(u8);"##,
    r##"#[extract(validate(garde))] struct Checked {
        #[query] #[garde(range(min = 1, max = 9), length(chars, min = 2), pattern("^a"))] a: u8,
        #[query] #[validate(length(equal = 3), range(min = 18))] b: String, }"##,
];

/// Words that mean something somewhere, and texts that are unusual anywhere.
const WORDS: [&str; 44] = [
    "param",
    "query",
    "header",
    "cookie",
    "form",
    "json",
    "part",
    "body",
    "flatten",
    "extension",
    "state",
    "request",
    "from",
    "skip",
    "route",
    "extract",
    "serde",
    "text",
    "garde",
    "validate",
    "default",
    "alias",
    "nested",
    "rest",
    "all",
    "typed",
    "csv",
    "flag",
    "limit",
    "depth",
    "max_items",
    "pattern",
    "bytes",
    "stream",
    "multipart",
    "GET",
    "answer",
    "status",
    "Option",
    "Vec",
    "Self",
    "self",
    "crate",
    "_",
];

const LITERALS: [&str; 26] = [
    "0",
    "1",
    "-1",
    "404",
    "201",
    "99999999999999999999999999999999999999999",
    "1e400",
    "0x10",
    "1_0u8",
    "true",
    "\"\"",
    "\"a\"",
    "\"/\"",
    "\"/{\"",
    "\"/{a}{b}\"",
    "\"/{a:[}\"",
    "\"x y\"",
    "\"[\"",
    "\"(\"",
    "\"\\n\\0\"",
    "\"\u{202e}é𝄞\"",
    "\"9EiB\"",
    "\"99999999999999999999GiB\"",
    "'a'",
    "b\"a\"",
    "\"fn\"",
];

fn word(random: &mut Random) -> TokenTree {
    Ident::new(WORDS[random.below(WORDS.len())], Span::call_site()).into()
}

fn token(random: &mut Random, depth: usize) -> TokenTree {
    match random.below(6) {
        0 => word(random),
        1 => match LITERALS[random.below(LITERALS.len())].parse::<TokenStream>() {
            Ok(tokens) => tokens.into_iter().last().unwrap_or_else(|| word(random)),
            Err(_) => Literal::string("\u{0}").into(),
        },
        2 if depth < 3 => {
            let tokens = (0..random.below(4)).map(|_| token(random, depth + 1)).collect();
            let delimiters = [Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::Brace, Delimiter::None];
            Group::new(delimiters[random.below(4)], tokens).into()
        }
        3 => {
            let letters = ['=', ',', '#', '<', '>', ':', '&', '!', '-', '?', ';', '.', '|', '\''];
            // A quote alone is no token.
            match letters[random.below(letters.len())] {
                '\'' => word(random),
                letter => Punct::new(letter, Spacing::Alone).into(),
            }
        }
        _ => word(random),
    }
}

/// Returns the tokens with few changes, at any depth.
fn changed(tokens: TokenStream, random: &mut Random, rate: usize) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    for tree in tokens {
        let tree = match tree {
            TokenTree::Group(group) => {
                Group::new(group.delimiter(), changed(group.stream(), random, rate)).into()
            }
            tree => tree,
        };
        match random.below(rate) {
            0 => {}
            1 => out.extend([tree.clone(), tree]),
            2 => out.push(token(random, 0)),
            3 => out.extend([tree, token(random, 0)]),
            4 => {
                let at = random.below(out.len());
                out.insert(at, tree);
            }
            _ => out.push(tree),
        }
    }
    out.into_iter().collect()
}

/// Runs every macro; returns how many have accepted the tokens. Each error has a message.
fn run(tokens: &TokenStream) -> usize {
    let mut results = Vec::new();
    for is_extract in [true, false] {
        let Ok(input) = syn::parse2::<DeriveInput>(tokens.clone()) else { continue };
        // The compiler rejects a field of this name before any macro sees it.
        if matches!(&input.data, Data::Struct(data) if data.fields.members().any(|name| matches!(name, Member::Named(name) if name == "_")))
        {
            continue;
        }
        let docs = openapi::DocComments::of(&input);
        results.push(text::write(&input));
        results.push(match is_extract {
            true => Model::read(input, true).map(|model| extract::slots::write(&model, &docs)),
            false => Model::read(input, false)
                .and_then(|model| into_request::check(&model).map(|()| into_request::write(&model))),
        });
    }
    if let Ok(block) = syn::parse2::<ItemImpl>(tokens.clone()) {
        results.push(routes::write(&routes::Options::default(), &block));
    }
    let options = syn::parse2::<routes::Options>(tokens.clone());
    assert!(options.is_ok() || !options.err().is_none_or(|error| error.to_string().is_empty()));
    let mut accepted = 0;
    for result in results {
        match result {
            Ok(written) => {
                accepted += 1;
                let parsed = syn::parse2::<File>(written.clone());
                assert!(parsed.is_ok(), "{tokens}\n\nwas written as\n\n{written}\n\n{:?}", parsed.err());
            }
            Err(error) => {
                let messages: Vec<_> = error.into_iter().map(|error| error.to_string()).collect();
                assert!(
                    !messages.is_empty() && messages.iter().all(|message| !message.is_empty()),
                    "{tokens}"
                );
            }
        }
    }
    accepted
}

/// Returns the tokens; every text here is one of Rust.
fn tokens_of(text: &str) -> TokenStream {
    let tokens = text.parse();
    assert!(tokens.is_ok(), "{text}");
    tokens.unwrap_or_default()
}

#[test]
fn changed_structs_are_read_or_rejected() {
    let mut accepted = 0;
    for (at, text) in STRUCTS.iter().enumerate() {
        let tokens = tokens_of(text);
        run(&tokens);
        for seed in 0..600 {
            let mut random = Random(seed * 8 + at as u64);
            let rate = [20, 100, 400][random.below(3)];
            accepted += run(&changed(tokens.clone(), &mut random, rate));
        }
    }
    assert!(accepted > 200, "{accepted} of the structs are accepted: the changes are too many");
}

#[test]
fn unusual_options_are_read_or_rejected() {
    let sources = ["param", "query", "header", "cookie", "form", "json", "part", "body", "flatten", "skip"];
    let options = [
        "default",
        "alias",
        "nested",
        "depth",
        "max_items",
        "min_items",
        "limit",
        "min",
        "max",
        "multiple_of",
        "min_length",
        "max_length",
        "pattern",
        "empty",
        "duplicates",
        "with",
        "bool",
        "skip_if",
        "validate",
        "prefix",
    ];
    let mut accepted = 0;
    for source in sources {
        for option in options {
            for literal in LITERALS {
                let text = format!(
                    "struct A {{ #[{source}({option} = {literal})] a: Vec<u8>, #[{source}({literal})] b: u8 }}"
                );
                accepted += run(&tokens_of(&text));
            }
        }
    }
    for option in [
        "rename_all",
        "limit",
        "max_items",
        "max_params",
        "duplicates",
        "deny_unknown",
        "path_error",
        "validate",
        "error",
        "source",
        "accept",
        "content_type",
    ] {
        for literal in LITERALS {
            let text = format!("#[extract({option} = {literal})] struct A {{ #[json] a: u8 }}");
            accepted += run(&tokens_of(&text));
        }
    }
    for literal in LITERALS {
        let text =
            format!("#[route(GET {literal}, status = {literal}, answer = [u8; {literal}])] struct A {{}}");
        accepted += run(&tokens_of(&text));
    }
    assert!(accepted > 100, "{accepted}");
}

/// Items that are no struct of named fields, names that are keywords, and depths that would overflow a stack if a
/// function called itself for each of them.
#[test]
fn unusual_items_are_read_or_rejected() {
    let deep = |open: &str, close: &str| format!("{}u8{}", open.repeat(30), close.repeat(30));
    let texts = [
        "struct A;".to_owned(),
        "struct A {}".into(),
        "struct A();".into(),
        "enum A {}".into(),
        "union A { a: u8 }".into(),
        "struct A<'a, 'b, T, const N: usize> { #[query] a: [T; N] }".into(),
        "struct r#fn { #[query] r#type: u8, #[json] r#match: u8, #[param] r#async: u8, #[from] r#in: X }".into(),
        "struct A { #[query] é: u8, #[header] naïve: u8, #[cookie] 名: u8 }".into(),
        format!("struct A {{ #[query] a: {}, #[json] b: {} }}", deep("Option<", ">"), deep("(", ",)")),
        format!("struct A {{ #[body] a: {} }}", deep("&'static ", "")),
        format!("#[route(GET \"/\", answer = {})] struct A {{}}", deep("Result<", ", E>")),
        format!("struct A {{ {} }}", (0..2000).map(|n| format!("#[query] a{n}: u8,")).collect::<String>()),
        format!("struct A {{ #[query({})] a: u8 }}", "alias = \"b\", ".repeat(500)),
        format!("#[route(GET \"/{}\")] struct A {{}}", "{a}/".repeat(500)),
        "impl A { pub async fn a(&self, r: R) {} pub fn b() {} async fn c(self) {} pub async fn d(&mut self, r: R) -> impl X {} }".into(),
        "impl X for A {}".into(),
        "impl<T> A<T> { pub async fn a<U>(self: Box<Self>, (a, b): (R, R)) {} }".into(),
    ];
    let accepted: usize = texts.iter().map(|text| run(&tokens_of(text))).sum();
    assert!(accepted > 5, "{accepted}");
    run(&quote!());
}
