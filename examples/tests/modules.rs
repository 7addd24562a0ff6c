//! Import order of modules: each crate lists its modules in `src/lib.rs`, and imports point downwards only.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of the wrong expectation")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Number of modules of a published crate.
const MODULES: RangeInclusive<usize> = 5..=10;

#[test]
fn router() {
    assert_order("router", MODULES);
}

#[test]
fn fault() {
    assert_order("fault", MODULES);
}

#[test]
fn fault_admin() {
    assert_order("fault/admin", MODULES);
}

#[test]
fn fault_nats() {
    assert_order("fault/nats", MODULES);
}

#[test]
fn extract() {
    assert_order("extract", MODULES);
}

#[test]
fn extract_derive() {
    assert_order("extract/derive", MODULES);
}

#[test]
fn router_template() {
    if root().join("router/template/src").exists() {
        assert_order("router/template", 0..=usize::MAX);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[track_caller]
fn assert_order(folder: &str, modules: RangeInclusive<usize>) {
    let src = root().join(folder).join("src");
    let mut files = Files::new();
    read(&src, &src, &mut files);
    let errors = check(&format!("{folder}/src"), &files, modules);
    assert!(errors.is_empty(), "{} errors:\n{}\n", errors.len(), errors.join("\n"));
}

/// Sources by path inside `src/`, with `/` as separator.
type Files = BTreeMap<String, String>;

fn read(src: &Path, folder: &Path, files: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(src, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let parts = path.strip_prefix(src).unwrap().iter().map(|part| part.to_str().unwrap());
            let name = parts.collect::<Vec<_>>().join("/");
            files.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// Returns all violations of the import order in a crate.
fn check(folder: &str, files: &Files, limits: RangeInclusive<usize>) -> Vec<String> {
    let lib = files.get("lib.rs").map_or("", String::as_str);
    let existing: BTreeSet<&str> = files
        .keys()
        .filter(|file| *file != "lib.rs" && *file != "main.rs")
        .map(|file| file.split('/').next().unwrap_or(file).trim_end_matches(".rs"))
        .collect();
    let order = match order(lib) {
        Some(order) => order,
        None => return vec![format!("{folder}/lib.rs: no list of modules: `// {HEADING} ...`")],
    };

    let mut errors = Vec::new();
    for module in existing.iter().filter(|module| !order.contains_key(**module)) {
        errors.push(format!("{folder}/lib.rs: module `{module}` is missing in the list of modules"));
    }
    for module in order.keys().filter(|module| !existing.contains(module.as_str())) {
        errors.push(format!("{folder}/lib.rs: listed module `{module}` does not exist"));
    }
    if !limits.contains(&existing.len()) {
        let (least, most) = (limits.start(), limits.end());
        errors.push(format!("{folder}: {} modules instead of {least} to {most}", existing.len()));
    }

    let exports = exports(lib, &existing);
    let mut imports: BTreeSet<(String, String)> = BTreeSet::new();
    for (file, text) in files.iter().filter(|(file, _)| *file != "lib.rs") {
        let own = module_path(file);
        let module = own[0].clone();
        for Import { line, path } in parse_imports(text, &own) {
            let Some(first) = path.first() else {
                errors
                    .push(format!("{folder}/{file}:{line}: module `{module}` imports the whole crate root"));
                continue;
            };
            let Some(target) = existing.get(first.as_str()).copied().or(exports.get(first).copied()) else {
                continue;
            };
            if target == module {
                continue;
            }
            imports.insert((module.clone(), target.to_owned()));
            let (Some(from), Some(to)) = (order.get(&module), order.get(target)) else { continue };
            if to <= from {
                let place = if to == from { "on the same level" } else { "above it" };
                errors.push(format!(
                    "{folder}/{file}:{line}: module `{module}` imports from `{target}`, which is {place}"
                ));
            }
        }
    }
    // One import may name several items of a module.
    errors.dedup();
    for (from, to) in &imports {
        if from < to && imports.contains(&(to.clone(), from.clone())) {
            errors.push(format!("{folder}: modules `{from}` and `{to}` import each other"));
        }
    }
    errors
}

const HEADING: &str = "Modules, top to bottom.";

/// Parses the list of modules: the level of each, 0 at the top. Modules on one line are separated by commas.
fn order(lib: &str) -> Option<BTreeMap<String, usize>> {
    let comment = |line: &'_ str| {
        let text = line.strip_prefix("//").filter(|text| !text.starts_with(['/', '!']))?;
        Some(text.trim().to_owned())
    };
    let block = lib.lines().skip_while(|line| !comment(line).is_some_and(|text| text.starts_with(HEADING)));
    let list = block.map_while(comment).skip_while(|text| !text.is_empty()).skip(1);
    let mut order = BTreeMap::new();
    for (level, text) in list.enumerate() {
        for word in text.split_whitespace() {
            let name = word.trim_end_matches([',', '/']);
            order.insert(name.to_owned(), level);
            if !word.ends_with(',') {
                break;
            }
        }
    }
    Some(order).filter(|order| !order.is_empty())
}

/// Returns the module that each name of the crate root is re-exported from.
fn exports<'m>(lib: &str, modules: &BTreeSet<&'m str>) -> BTreeMap<String, &'m str> {
    let tokens = tokens(lib);
    let mut exports = BTreeMap::new();
    for at in (0..tokens.len()).filter(|at| tokens[*at].text == "use") {
        let mut leaves = Vec::new();
        use_tree(&tokens, at + 1, &[], &mut leaves);
        for Leaf { path, name, .. } in leaves {
            let first = path.iter().find(|part| *part != "crate" && *part != "self");
            if let Some(module) = first.and_then(|first| modules.get(first.as_str())) {
                exports.insert(name, *module);
            }
        }
    }
    exports
}

/// Returns the module path of a file: `a/mod.rs` is `a`, `a/b.rs` is `a::b`.
fn module_path(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// A path into the crate, outside of tests.
#[derive(Debug, PartialEq, Eq)]
struct Import {
    line: usize,
    /// Path from the crate root; empty for a glob import of the root.
    path: Vec<String>,
}

/// Returns all paths that start with `crate`, `self` or `super`, in imports and elsewhere.
fn parse_imports(text: &str, module: &[String]) -> Vec<Import> {
    let tokens = tokens(text);
    let text_at = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut imports = Vec::new();
    // Inline modules around the current token, with their brace depth.
    let mut inline: Vec<(usize, String)> = Vec::new();
    let (mut depth, mut at) = (0, 0);
    while at < tokens.len() {
        match text_at(at) {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inline.pop_if(|(outer, _)| *outer == depth);
            }
            "mod" if text_at(at + 2) == "{" => inline.push((depth, text_at(at + 1).to_owned())),
            "#" if is_test_attribute(&tokens, at) => {
                at = end_of_item(&tokens, at);
                continue;
            }
            first @ ("crate" | "self" | "super")
                if text_at(at + 1) == "::"
                    && at.checked_sub(1).is_none_or(|before| text_at(before) != "::") =>
            {
                let mut base: Vec<String> = if first == "crate" { Vec::new() } else { module.to_vec() };
                if first != "crate" {
                    base.extend(inline.iter().map(|(_, name)| name.clone()));
                }
                let mut next = at;
                while matches!(text_at(next), "crate" | "self" | "super") && text_at(next + 1) == "::" {
                    if text_at(next) == "super" {
                        base.pop();
                    }
                    next += 2;
                }
                let mut leaves = Vec::new();
                at = use_tree(&tokens, next, &base, &mut leaves);
                imports.extend(leaves.into_iter().map(|Leaf { line, path, .. }| Import { line, path }));
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    imports
}

/// One name of a use tree.
struct Leaf {
    line: usize,
    path: Vec<String>,
    /// The name in the importing module.
    name: String,
}

/// Parses a path or use tree at a token; returns the index of the token after it.
fn use_tree(tokens: &[Token<'_>], mut at: usize, prefix: &[String], leaves: &mut Vec<Leaf>) -> usize {
    let text_at = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut path = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    if text_at(at) == "::" {
        at += 1;
    }
    loop {
        match text_at(at) {
            "{" => {
                at += 1;
                while !matches!(text_at(at), "}" | "") {
                    let next = use_tree(tokens, at, &path, leaves);
                    // A comma follows, or a token that is not part of a use tree.
                    at = if next == at || text_at(next) == "," { next + 1 } else { next };
                }
                return at + 1;
            }
            "*" => {
                at += 1;
                break;
            }
            "self" => at += 1,
            word if word.starts_with(is_identifier) => {
                path.push(word.to_owned());
                at += 1;
            }
            _ => break,
        }
        let continues =
            text_at(at + 1) == "{" || text_at(at + 1) == "*" || text_at(at + 1).starts_with(is_identifier);
        if text_at(at) == "::" && continues {
            at += 1;
        } else {
            break;
        }
    }
    let mut name = path.last().cloned().unwrap_or_default();
    if text_at(at) == "as" {
        name = text_at(at + 1).to_owned();
        at += 2;
    }
    leaves.push(Leaf { line, path, name });
    at
}

fn is_identifier(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Tests for `#[cfg(test)]`, also inside `all(...)`.
fn is_test_attribute(tokens: &[Token<'_>], at: usize) -> bool {
    let attribute = tokens[at..].iter().map(|token| token.text).take_while(|text| *text != "]");
    let words: Vec<&str> = attribute.collect();
    words.get(1) == Some(&"[")
        && words.get(2) == Some(&"cfg")
        && words.contains(&"test")
        && !words.contains(&"not")
        && !words.contains(&"any")
}

/// Returns the index after the item with an attribute: after its `;` or its closing brace.
fn end_of_item(tokens: &[Token<'_>], attribute: usize) -> usize {
    let mut depth = 0;
    let mut at = attribute;
    while at < tokens.len() {
        match tokens[at].text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth -= 1;
                if depth == 0
                    && tokens[at].text == "}"
                    && !matches!(tokens.get(at + 1), Some(next) if next.text == ";")
                {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

#[derive(Debug, Clone, Copy)]
struct Token<'t> {
    text: &'t str,
    line: usize,
}

/// Splits a source into words, `::` and other characters; comments and literals are left out.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let line = source[..source.len() - rest.len()].matches('\n').count() + 1;
        let word = rest.find(|character| !is_identifier(character)).unwrap_or(rest.len());
        let (length, is_token) = if let Some(length) = comment(rest).or_else(|| literal(rest)) {
            (length, false)
        } else if word > 0 {
            (word, true)
        } else if rest.starts_with("::") {
            (2, true)
        } else {
            (first.len_utf8(), !first.is_whitespace())
        };
        if is_token {
            tokens.push(Token { text: &rest[..length], line });
        }
        rest = &rest[length..];
    }
    tokens
}

/// Returns the length of a comment at the start of a text.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let (step, change) = match text.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        at += step;
        depth += change;
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// Returns the length of a text or character literal at the start of a text; a lifetime is not a literal.
fn literal(text: &str) -> Option<usize> {
    let body = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - body.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = body.strip_prefix('r') {
        let inner = raw.trim_start_matches('#');
        let hashes = raw.len() - inner.len();
        let content = inner.strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let close = content.find(&end).map_or(content.len(), |at| at + end.len());
        return Some(prefix + 1 + hashes + 1 + close);
    }
    let quote = body.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let mut escaped = false;
    for (at, character) in body.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return Some(prefix + at + 1),
            // `'a'` is a character, `'a` is a lifetime.
            _ if quote == '\''
                && !body[at + character.len_utf8()..].starts_with('\'')
                && !body[1..at].starts_with('\\') =>
            {
                return Some(prefix + 1);
            }
            _ => {}
        }
    }
    Some(text.len())
}

mod parser {
    //! The check itself: sources that pass, and sources that fail.

    use super::*;

    const ORDER: &str = "\
//! A crate.

// Modules, top to bottom. A module imports only from modules below it (checked by `examples/tests/modules.rs`);
// modules on one line are independent of each other.
//
// top        The face
// left, right    Two independent modules
// bottom     The base
mod bottom;
pub use left::{Left, inner::{self, Deep as Shallow}};
";

    /// Checks a crate of four modules, with one text in place of an empty module.
    fn errors(file: &str, text: &str) -> Vec<String> {
        let mut files: Files = ["top.rs", "left/mod.rs", "right.rs", "bottom.rs"]
            .map(|file| (file.to_owned(), String::new()))
            .into_iter()
            .collect();
        files.insert("lib.rs".to_owned(), ORDER.to_owned());
        files.insert(file.to_owned(), text.to_owned());
        check("x/src", &files, 4..=4)
    }

    #[test]
    fn downward_imports_pass() {
        for (file, text) in [
            ("top.rs", "use crate::{left::Left, right::{self, Right}};\nuse super::bottom::*;"),
            ("left/mod.rs", "use crate::bottom::Bottom as Base;\nfn f() { crate::bottom::g::<u8>() }"),
            (
                "left/inner.rs",
                "use super::Left;\nuse super::super::bottom;\nuse self::deep::X; mod deep { use super::super::super::bottom::Y; }",
            ),
            ("left/inner.rs", "use crate::left::Left; use crate::Left as Again; use std::{fmt, io};"),
            (
                "bottom.rs",
                "// use crate::top;\n/* use crate::top; /* */ crate::top */\n/// [`crate::top::Top`]\nfn f() {}",
            ),
            (
                "bottom.rs",
                r####"const A: &str = "crate::top \" crate::top"; const B: &str = r#"crate::top " crate::top"#;"####,
            ),
            (
                "bottom.rs",
                r#"const C: [char; 3] = ['"', '\'', '{']; fn f<'a>(x: &'a str) {} const D: &[u8] = b"crate::top";"#,
            ),
            ("bottom.rs", "#[cfg(test)]\nmod tests { use crate::top::Top; fn f() { {} } }\nuse std::fmt;"),
            ("bottom.rs", "#[cfg(all(test, feature = \"x\"))] use crate::top::Top;"),
            ("bottom.rs", "pub(in crate::bottom) fn f() {} pub(crate) fn g() { unknown::crate_fn() }"),
        ] {
            assert_eq!(errors(file, text), [""; 0], "{file}: {text}");
        }
    }

    #[test]
    fn upward_imports_fail() {
        for (file, text, line, target) in [
            ("bottom.rs", "\nuse crate::top::Top;", 2, "`top`, which is above it"),
            (
                "bottom.rs",
                "use crate::{\n    bottom::X,\n    left::{A, B},\n};",
                3,
                "`left`, which is above it",
            ),
            (
                "bottom.rs",
                "use std::fmt;\nfn f() -> crate::top::Top { loop {} }",
                2,
                "`top`, which is above it",
            ),
            ("bottom.rs", "use super::right;", 1, "`right`, which is above it"),
            ("bottom.rs", "macro_rules! m { () => { $crate::top::f() } }", 1, "`top`, which is above it"),
            ("bottom.rs", "use crate::Left;", 1, "`left`, which is above it"),
            ("bottom.rs", "use crate::Shallow;", 1, "`left`, which is above it"),
            ("bottom.rs", "mod inner { use super::super::top; }", 1, "`top`, which is above it"),
            (
                "bottom.rs",
                "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::top;",
                3,
                "`top`, which is above it",
            ),
            ("bottom.rs", "#[cfg(not(test))]\nuse crate::top;", 2, "`top`, which is above it"),
            (
                "bottom.rs",
                "const A: char = '\"'; use crate::top; const B: char = '\"';",
                1,
                "`top`, which is above it",
            ),
            ("left/inner.rs", "use crate::top;", 1, "`top`, which is above it"),
            ("left/inner.rs", "use super::super::right::R;", 1, "`right`, which is on the same level"),
        ] {
            let module = file.split(['/', '.']).next().unwrap();
            let found = errors(file, text);
            let expected = format!("x/src/{file}:{line}: module `{module}` imports from {target}");
            assert!(!found.is_empty() && found.iter().all(|error| *error == expected), "{text}: {found:#?}");
        }
        assert_eq!(
            errors("bottom.rs", "use super::*;"),
            ["x/src/bottom.rs:1: module `bottom` imports the whole crate root"]
        );
    }

    #[test]
    fn cycles_fail() {
        let mut files: Files = [("a.rs", "use crate::b::B;"), ("b.rs", "use crate::a::A;")]
            .map(|(file, text)| (file.to_owned(), text.to_owned()))
            .into_iter()
            .collect();
        files.insert("lib.rs".to_owned(), format!("// {HEADING}\n//\n// a  Top\n// b  Bottom\nmod a;\n"));
        assert_eq!(
            check("x/src", &files, 0..=9),
            [
                "x/src/b.rs:1: module `b` imports from `a`, which is above it",
                "x/src: modules `a` and `b` import each other",
            ]
        );
    }

    #[test]
    fn wrong_lists_fail() {
        assert_eq!(
            errors("extra.rs", ""),
            [
                "x/src/lib.rs: module `extra` is missing in the list of modules",
                "x/src: 5 modules instead of 4 to 4",
            ]
        );
        assert_eq!(
            errors("lib.rs", &ORDER.replace("// bottom", "// botom")),
            [
                "x/src/lib.rs: module `bottom` is missing in the list of modules",
                "x/src/lib.rs: listed module `botom` does not exist",
            ]
        );
        assert_eq!(
            errors("lib.rs", "mod top;"),
            ["x/src/lib.rs: no list of modules: `// Modules, top to bottom. ...`"]
        );
    }
}
