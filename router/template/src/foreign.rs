//! Foreign syntax: variables and wildcards of other routers, and the escapes of their characters.

use std::borrow::Cow;
use std::ops::Range;

use crate::ast::{Template, TemplateKind, Variable, VariableKind};
use crate::error::{TemplateError, TemplateErrorKind};
use crate::scanner::Scanner;

/// The characters that may be escaped, since other routers give them a meaning.
const ESCAPED: [(&str, char); 8] = [
    ("%3A", ':'),
    ("%2A", '*'),
    ("%3C", '<'),
    ("%3E", '>'),
    ("%3F", '?'),
    ("%23", '#'),
    ("%5B", '['),
    ("%28", '('),
];

/// What follows the parenthesis of a regex; literal ones have other text.
const REGEX_STARTS: [char; 3] = ['.', '[', '\\'];

/// Decodes the escapes that literal text of a path may have.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let decoded = ESCAPED.iter().fold(text.to_owned(), |text, (escape, c)| {
        text.replace(escape, c.encode_utf8(&mut [0; 4]))
            .replace(&escape.to_ascii_lowercase(), c.encode_utf8(&mut [0; 4]))
    });
    Cow::Owned(decoded)
}

/// Escapes the characters of literal text that other routers give a meaning, so that they stand for themselves.
///
/// ```
/// use waylay_template::{Template, TemplateKind, escape_literal};
/// let text = escape_literal("/files/*");
/// assert_eq!(text, "/files/%2A");
/// assert_eq!(Template::parse(&text, TemplateKind::Path)?.literal(), Some("/files/*"));
/// # Ok::<(), waylay_template::TemplateError>(())
/// ```
pub fn escape_literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = '/';
    for (at, c) in text.char_indices() {
        let has_meaning = match c {
            // Within a segment a colon has none elsewhere.
            ':' => before == '/',
            '(' => text[at + 1..].starts_with(REGEX_STARTS),
            _ => true,
        };
        match ESCAPED.iter().find(|(_, own)| *own == c) {
            Some((escape, _)) if has_meaning => out.push_str(escape),
            _ => out.push(c),
        }
        before = c;
    }
    out
}

/// Returns the variable that a whole text is in another router (`:id`, `*rest`, `<id>`, `<int:id>`), in the native
/// spelling. A `*` alone has no name.
///
/// ```
/// use waylay_template::foreign_variable;
/// let written = [":id", "<int:page>", "*rest", "*", "a:b"].map(foreign_variable);
/// let native = [Some("{id}"), Some("{page:[0-9]+}"), Some("{rest}"), Some("{name}"), None];
/// assert_eq!(written, native.map(|text| text.map(str::to_owned)));
/// ```
pub fn foreign_variable(text: &str) -> Option<String> {
    let is_name = |name: &str| !name.is_empty() && leading_name(name).len() == name.len();
    if let Some(name) = text.strip_prefix(':').filter(|name| is_name(name)) {
        return Some(format!("{{{name}}}"));
    }
    if let Some(inner) = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')) {
        let (kind, name) = inner.split_once(':').unwrap_or(("", inner));
        let is_kind = kind.is_empty() || is_name(kind);
        return (is_kind && is_name(name)).then(|| match known_regex(kind) {
            Some(regex) => format!("{{{name}:{regex}}}"),
            None => format!("{{{name}}}"),
        });
    }
    match text.trim_start_matches('*') {
        name if name.len() == text.len() => None,
        "" => Some("{name}".to_owned()),
        name => is_name(name).then(|| format!("{{{name}}}")),
    }
}

/// Returns the first text that is a variable or wildcard of another router, and its position.
pub(crate) fn find(template: &Template) -> Option<(TemplateErrorKind, Range<usize>)> {
    for variable in template.variables() {
        if let Some(write) = foreign_constraint(variable, template.kind) {
            let literal = match &variable.kind {
                VariableKind::Regex(regex) => {
                    let mark = if variable.optional { "?" } else { "" };
                    format!("{{{}{mark}:(?:{})}}", variable.name, regex.replace('(', "(?:"))
                }
                VariableKind::Plain | VariableKind::Tail => format!("{{{{{}}}}}", variable.name),
            };
            return Some((TemplateErrorKind::Foreign { write, literal }, variable.span.clone()));
        }
    }
    match template.kind {
        TemplateKind::Path => {}
        TemplateKind::Host => return find_in_host(&template.text),
        TemplateKind::Query => return None,
    }
    let text = &template.text;
    // Each foreign syntax has one of these.
    if !text.contains([':', '<', '[', '(', '*', '?', '#']) {
        return None;
    }
    let mut masked = text.clone().into_bytes();
    for variable in template.variables() {
        masked[variable.span.clone()].fill(MASK);
    }
    // Variables are masked as a whole, so the rest is still UTF-8.
    let masked = String::from_utf8_lossy(&masked);
    let mut start = 0;
    for segment in masked.split('/') {
        let is_last = start + segment.len() == masked.len();
        if let Some((span, kind)) = foreign_segment(segment, &text[start..start + segment.len()], is_last) {
            return Some((kind, start + span.start..start + span.end));
        }
        start += segment.len() + 1;
    }
    None
}

/// Returns the first label that is a variable of another router. No host has these characters, so they need no escape.
fn find_in_host(text: &str) -> Option<(TemplateErrorKind, Range<usize>)> {
    let mut start = 0;
    for label in text.split('.') {
        let name = label.strip_prefix(':').map(leading_name).filter(|name| !name.is_empty());
        let colon = name.map(|name| (0..1 + name.len(), foreign_variable(&label[..1 + name.len()])));
        let angle = pair(label, '<', '>')
            .map(|(open, close)| (open..close + 1, foreign_variable(&label[open..=close])));
        if let Some((span, Some(write))) = colon.or(angle) {
            let span = start + span.start..start + span.end;
            return Some((TemplateErrorKind::ForeignHost { write }, span));
        }
        start += label.len() + 1;
    }
    None
}

/// The byte in place of a variable.
const MASK: u8 = 1;

/// Returns the error of a token with the native spelling, if the token is a variable of another router.
pub(crate) fn explain(error: TemplateError, kind: TemplateKind) -> TemplateError {
    let explained = || {
        if !matches!(error.kind, TemplateErrorKind::BadName(_)) {
            return None;
        }
        // Characters of a name precede the one that is marked.
        let open = error.text.get(..error.span.start)?.rfind('{')?;
        let close = Scanner::new(&error.text).closing(open).ok()?;
        let inner = &error.text[open + 1..close];
        let path_error = match inner.as_bytes() {
            b"$" => Some(TemplateErrorKind::EndMarker),
            [b'?' | b'&', ..] => Some(TemplateErrorKind::QueryInPath),
            [b'#', ..] => Some(TemplateErrorKind::FragmentInPath),
            _ => None,
        };
        let found = match path_error {
            Some(error) => (kind == TemplateKind::Path).then_some(error)?,
            None => {
                let write = braced_variable(inner, kind)?;
                match kind {
                    TemplateKind::Host => TemplateErrorKind::ForeignHost { write },
                    TemplateKind::Path | TemplateKind::Query => {
                        let literal = inner.replace('{', "{{").replace('}', "}}");
                        let literal = format!("{{{{{}}}}}", escape_literal(&literal));
                        TemplateErrorKind::Foreign { write, literal }
                    }
                }
            }
        };
        Some((found, open..close + 1))
    };
    match explained() {
        Some((kind, span)) => TemplateError { kind, text: error.text, span },
        None => error,
    }
}

/// Returns the native spelling of what another router writes in braces: `+name` (RFC 6570), `**name` (ASP.NET), `name+` (API
/// gateways), `/:name` (Express 5), `name=default` (ASP.NET).
fn braced_variable(inner: &str, kind: TemplateKind) -> Option<String> {
    let is_name = |name: &str| !name.is_empty() && leading_name(name).len() == name.len();
    let (name, regex) = match inner.split_once(':') {
        Some((name, regex)) if name != "/" => (name, Some(regex)),
        _ => (inner, None),
    };
    if let Some(name) = name.strip_prefix('/').filter(|_| kind == TemplateKind::Path) {
        let name = name.strip_prefix(':').unwrap_or(name);
        return is_name(name).then(|| format!("/{{{name}?}}"));
    }
    if let Some((name, _)) = inner.split_once('=') {
        return (is_name(name) && kind == TemplateKind::Path).then(|| format!("{{{name}?}}"));
    }
    let tail = name.trim_start_matches(['*', '+']).trim_end_matches(['*', '+']);
    if !is_name(tail) {
        return None;
    }
    // The name of a constraint of a tail has no regex here.
    match regex.filter(|regex| regex.contains(|c: char| !c.is_ascii_alphabetic())) {
        Some(regex) => Some(format!("{{{tail}:{regex}}}")),
        None => Some(format!("{{*{tail}}}")),
    }
}

/// Returns the position of a method before a path, as in `GET /a` (Go), with the space.
pub(crate) fn method(text: &str) -> Option<Range<usize>> {
    let (method, path) = text.split_once(' ')?;
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_method && path.starts_with('/')).then_some(0..method.len() + 1)
}

/// Returns the native spelling of `{name...}` (Go), and of `{id:int}`, `{id:int?}` or `{rest:path}` (Starlette, ASP.NET).
fn foreign_constraint(variable: &Variable, kind: TemplateKind) -> Option<String> {
    let name = &variable.name;
    if let Some(name) = name.strip_suffix("...").filter(|_| kind == TemplateKind::Path) {
        return Some(format!("{{*{name}}}"));
    }
    let VariableKind::Regex(regex) = &variable.kind else { return None };
    // An optional segment, or one with a default.
    let optional = regex.strip_suffix('?').or_else(|| Some(regex.split_once('=')?.0));
    let constraint = optional.filter(|_| kind == TemplateKind::Path).unwrap_or(regex);
    let mark = if variable.optional || constraint.len() < regex.len() { "?" } else { "" };
    // `int:min(1)` has two of them.
    let first = constraint.split(':').next().unwrap_or(constraint);
    if let Some(regex) = known_regex(first) {
        return Some(format!("{{{name}{mark}:{regex}}}"));
    }
    match (constraint, constraint_call(constraint)) {
        (_, Some(regex)) => Some(format!("{{{name}{mark}:{regex}}}")),
        ("str" | "string", None) => Some(format!("{{{name}{mark}}}")),
        ("path", None) if kind == TemplateKind::Path => Some(format!("{{*{name}}}")),
        _ => None,
    }
}

/// Returns the regex of a constraint with arguments, as `min(1)` or `regex(^a+$)` (ASP.NET).
fn constraint_call(constraint: &str) -> Option<String> {
    let (name, arguments) = constraint.strip_suffix(')')?.split_once('(')?;
    Some(match name {
        "min" | "max" | "range" => "[0-9]+".to_owned(),
        "length" => format!("[^/]{{{arguments}}}"),
        "minlength" => format!("[^/]{{{arguments},}}"),
        "maxlength" => format!("[^/]{{1,{arguments}}}"),
        "regex" => arguments.to_owned(),
        _ => return None,
    })
}

/// Returns the regex of a type that other routers have a name for.
fn known_regex(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "int" | "integer" | "long" => "[0-9]+",
        "float" | "double" | "decimal" => "[0-9.]+",
        "uuid" | "guid" => "[0-9A-Fa-f-]{36}",
        "alpha" => "[A-Za-z]+",
        "slug" => "[a-z0-9-]+",
        "bool" => "true|false",
        _ => return None,
    })
}

/// Returns the position of foreign syntax in a segment, and its error. In `segment` the variables of `source` are masked.
fn foreign_segment(segment: &str, source: &str, is_last: bool) -> Option<(Range<usize>, TemplateErrorKind)> {
    let foreign = |span: Range<usize>, write: String| {
        let literal = escape_literal(&segment[span.clone()]);
        // A colon at the start of a segment only.
        let literal = if span.start == 0 { literal } else { literal.replacen("%3A", ":", 1) };
        Some((span, TemplateErrorKind::Foreign { write, literal }))
    };
    let variable = |name: &str| format!("{{{}}}", if name.is_empty() { "name" } else { name });
    let tail = |name: &str| format!("{{*{}}}", if name.is_empty() { "rest" } else { name });
    if let Some(after) = segment.strip_prefix(':') {
        let name = leading_name(after);
        if !name.is_empty() {
            return foreign(0..1 + name.len(), variable(name));
        }
    }
    if let Some((open, close)) = pair(segment, '<', '>') {
        let inner = &segment[open + 1..close];
        let (kind, name) = inner.rsplit_once(':').unwrap_or(("", inner));
        let is_tail = kind == "path" || name.ends_with("..");
        let name = leading_name(name.trim_start_matches('*'));
        return foreign(open..close + 1, if is_tail { tail(name) } else { variable(name) });
    }
    if let Some((0, close)) = pair(segment, '[', ']')
        && segment.trim_end_matches(']').len() == close
    {
        let inner = segment[1..close].trim_start_matches('[');
        let name = leading_name(inner.trim_start_matches('.'));
        return foreign(0..segment.len(), if inner.starts_with("...") { tail(name) } else { variable(name) });
    }
    if let Some((open, close)) = pair(segment, '(', ')')
        && segment[open + 1..].starts_with(REGEX_STARTS)
    {
        let regex = &source[open + 1..close];
        let is_tail = regex == ".*" && (open, close + 1) == (0, segment.len()) && is_last;
        let write = if is_tail { tail("") } else { format!("{{name:{regex}}}") };
        let literal = escape_literal(&source[open..=close].replace('{', "{{").replace('}', "}}"));
        return Some((open..close + 1, TemplateErrorKind::Foreign { write, literal }));
    }
    if let Some(at) = segment.find('*') {
        let stars = segment[at..].len() - segment[at..].trim_start_matches('*').len();
        let name = leading_name(&segment[at + stars..]);
        let end = at + stars + name.len();
        let is_whole = at == 0 && end == segment.len();
        return foreign(at..end, if is_whole && is_last { tail(name) } else { variable(name) });
    }
    let to_end = |at: usize| at..segment.len();
    match segment.find(['?', '#']) {
        Some(at) if segment[at..].starts_with('?') => Some((to_end(at), TemplateErrorKind::QueryInPath)),
        Some(at) => Some((to_end(at), TemplateErrorKind::FragmentInPath)),
        None => None,
    }
}

/// Returns the positions of the first opening character and of the first closing one after it.
fn pair(segment: &str, open: char, close: char) -> Option<(usize, usize)> {
    let start = segment.find(open)?;
    Some((start, start + segment[start..].find(close)?))
}

/// Returns the letters, digits and underscores at the start of a text, if the first is not a digit.
fn leading_name(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let name = &text[..text.find(|c| !is_part(c)).unwrap_or(text.len())];
    if name.starts_with(|c: char| c.is_ascii_digit()) { "" } else { name }
}
