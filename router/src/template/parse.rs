//! Template text to its AST, errors with spans.

use crate::template::ast::{
    Grammar, Kind, MAX_SEGMENTS, MAX_TEMPLATE_BYTES, MAX_VARIABLES, Piece, Place, Template, TemplateError,
    TemplateErrorKind as Fault, Var, Wild,
};
use crate::template::constraint::Constraint;

/// Reads `text`; the first fault ends the reading.
pub(crate) fn parse(text: &str, place: Place, grammar: Grammar) -> Result<Template, TemplateError> {
    let mut reader = Reader { text, grammar, at: 0, pieces: Vec::new(), run: String::new() };
    if place == Place::Host && grammar == Grammar::Native {
        reader.wildcard();
    }
    reader.pieces()?;
    reader.pieces.shrink_to_fit();
    let template = Template { text: text.to_owned(), place, pieces: reader.pieces };
    check(&template, grammar)?;
    Ok(template)
}

fn fault(text: &str, kind: Fault, span: (usize, usize)) -> TemplateError {
    TemplateError { kind, text: text.to_owned(), span: span.0..span.1 }
}

struct Reader<'t> {
    text: &'t str,
    grammar: Grammar,
    at: usize,
    pieces: Vec<Piece>,
    run: String,
}

impl Reader<'_> {
    fn pieces(&mut self) -> Result<(), TemplateError> {
        while let Some(c) = self.text[self.at..].chars().next() {
            let doubled =
                self.grammar == Grammar::Native && self.text[self.at + c.len_utf8()..].starts_with(c);
            match c {
                '{' | '}' if doubled => {
                    self.run.push(c);
                    self.at += 2;
                }
                '{' => self.variable()?,
                '}' => return Err(fault(self.text, Fault::Unopened, (self.at, self.at + 1))),
                _ => {
                    self.run.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        self.flush();
        Ok(())
    }

    /// `*` or `**` as the first label of a host.
    fn wildcard(&mut self) {
        for (mark, wild) in [("**", Wild::Many), ("*", Wild::One)] {
            let Some(after) = self.text.strip_prefix(mark) else { continue };
            if after.is_empty() || after.starts_with(['.', ':']) {
                self.pieces.push(Piece::Wild(wild));
                self.at = mark.len();
            }
            return;
        }
    }

    fn flush(&mut self) {
        if !self.run.is_empty() {
            self.pieces.push(Piece::Text(std::mem::take(&mut self.run)));
        }
    }

    fn variable(&mut self) -> Result<(), TemplateError> {
        self.flush();
        let start = self.at;
        let end = self.closing(start)?;
        let inner = &self.text[start + 1..end];
        let (name, pattern) = match inner.split_once(':') {
            Some((name, pattern)) => (name, Some(pattern)),
            None => (inner, None),
        };
        let native = self.grammar == Grammar::Native;
        let tail = native && name.starts_with('*');
        let bare = if tail { &name[1..] } else { name };
        let optional = native && !tail && bare.ends_with('?');
        let bare = if optional { &bare[..bare.len() - 1] } else { bare };
        if bare.is_empty() || (pattern == Some("")) {
            return Err(fault(self.text, Fault::EmptyName, (start, end + 1)));
        }
        if native
            && let Some(c) = bare.chars().find(|c| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
        {
            let at = start + 1 + inner.find(c).unwrap_or(0);
            return Err(fault(self.text, Fault::BadName(c), (at, at + c.len_utf8())));
        }
        let kind = match (tail, pattern) {
            (true, None) => Kind::Tail,
            (true, Some(_)) => {
                return Err(fault(self.text, Fault::BadName('*'), (start + 1, start + 2)));
            }
            (false, None) => Kind::Plain,
            (false, Some(pattern)) => Kind::Pattern(pattern.to_owned()),
        };
        self.pieces.push(Piece::Var(Var { name: bare.to_owned(), kind, optional, span: (start, end + 1) }));
        self.at = end + 1;
        Ok(())
    }

    /// The place of the brace that closes the one at `start`; a regex may hold
    /// balanced braces (`{2,3}`) and, in our own grammar, escaped ones.
    fn closing(&self, start: usize) -> Result<usize, TemplateError> {
        let mut depth = 0usize;
        let mut bytes = self.text.bytes().enumerate().skip(start);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\\' if self.grammar == Grammar::Native => {
                    bytes.next();
                }
                b'{' => depth += 1,
                b'}' if depth == 1 => return Ok(at),
                b'}' => depth -= 1,
                _ => {}
            }
        }
        Err(fault(self.text, Fault::Unclosed, (start, self.text.len())))
    }
}

/// The rules that need the whole template.
fn check(template: &Template, grammar: Grammar) -> Result<(), TemplateError> {
    let text = &template.text;
    let whole = (0, text.len());
    if text.len() > MAX_TEMPLATE_BYTES {
        return Err(fault(text, Fault::TooLong, whole));
    }
    let vars: Vec<&Var> = template.vars().collect();
    for (i, var) in vars.iter().enumerate() {
        if let Kind::Pattern(pattern) = &var.kind {
            Constraint::compile(pattern, template.place, grammar)
                .map_err(|kind| fault(text, kind, var.span))?;
        }
        if grammar == Grammar::Native && vars[..i].iter().any(|other| other.name == var.name) {
            return Err(fault(text, Fault::Duplicate(var.name.clone()), var.span));
        }
        if var.optional && template.place != Place::Path {
            return Err(fault(text, Fault::OptionalNotLast, var.span));
        }
    }
    if vars.len() > MAX_VARIABLES {
        return Err(fault(text, Fault::TooManyVariables, whole));
    }
    match template.place {
        Place::Path => check_path(template, grammar),
        Place::Host => check_host(template, grammar),
        Place::Query => check_query(template, grammar),
    }
}

fn check_path(template: &Template, grammar: Grammar) -> Result<(), TemplateError> {
    let text = &template.text;
    if !text.is_empty() && !text.starts_with('/') {
        return Err(fault(text, Fault::NoLeadingSlash, (0, text.chars().next().map_or(0, char::len_utf8))));
    }
    if grammar == Grammar::Gorilla {
        return Ok(());
    }
    for (i, piece) in template.pieces.iter().enumerate() {
        match piece {
            Piece::Text(literal) => check_literal(text, literal)?,
            Piece::Var(var) => {
                if matches!(template.pieces.get(i + 1), Some(Piece::Var(_))) {
                    return Err(fault(text, Fault::Adjacent, var.span));
                }
                let alone = i + 1 == template.pieces.len()
                    && matches!(template.pieces.get(i.wrapping_sub(1)), Some(Piece::Text(before)) if before.ends_with('/'));
                if var.kind.spans(Some(b'/'), grammar) && !alone {
                    return Err(fault(text, Fault::TailNotLast, var.span));
                }
                if var.optional && (!alone || var.kind.spans(Some(b'/'), grammar)) {
                    return Err(fault(text, Fault::OptionalNotLast, var.span));
                }
            }
            Piece::Wild(_) => {}
        }
    }
    check_whole(template).map_err(|kind| fault(text, kind, (0, text.len())))
}

fn check_literal(text: &str, literal: &str) -> Result<(), TemplateError> {
    let at = |needle: &str| {
        let start = text.find(needle).unwrap_or(0);
        (start, start + needle.len())
    };
    if let Some(c) = literal.chars().find(|c| c.is_control()) {
        return Err(fault(text, Fault::Control, at(c.encode_utf8(&mut [0; 4]))));
    }
    let bytes = literal.as_bytes();
    let escape =
        bytes.windows(3).position(|w| w[0] == b'%' && w[1].is_ascii_hexdigit() && w[2].is_ascii_hexdigit());
    if let Some(start) = escape {
        return Err(fault(text, Fault::Escape, at(&literal[start..start + 3])));
    }
    Ok(())
}

fn check_host(template: &Template, grammar: Grammar) -> Result<(), TemplateError> {
    if grammar == Grammar::Gorilla {
        return Ok(());
    }
    let text = &template.text;
    for (i, piece) in template.pieces.iter().enumerate() {
        match piece {
            Piece::Text(literal) => {
                // A port is a number: it ends the template.
                if i + 1 < template.pieces.len() && literal.contains(':') {
                    let start = text.find(':').unwrap_or(0);
                    return Err(fault(text, Fault::BadPort, (start, text.len())));
                }
                if let Some(c) =
                    literal.chars().find(|&c| !(c.is_ascii_alphanumeric() || "-_.:[]".contains(c)))
                {
                    let start = text.find(c).unwrap_or(0);
                    return Err(fault(text, Fault::BadHost(c), (start, start + c.len_utf8())));
                }
            }
            Piece::Var(var) => {
                if matches!(template.pieces.get(i + 1), Some(Piece::Var(_))) {
                    return Err(fault(text, Fault::Adjacent, var.span));
                }
                let alone = match template.pieces.get(i + 1) {
                    None => true,
                    Some(Piece::Text(after)) => after.starts_with(['.', ':']),
                    Some(_) => false,
                };
                if var.kind.spans(Some(b'.'), grammar) && !(i == 0 && alone) {
                    return Err(fault(text, Fault::TailNotFirst, var.span));
                }
            }
            Piece::Wild(_) => {}
        }
    }
    Ok(())
}

fn check_query(template: &Template, grammar: Grammar) -> Result<(), TemplateError> {
    for (i, piece) in template.pieces.iter().enumerate() {
        if let Piece::Var(var) = piece
            && grammar == Grammar::Native
            && matches!(template.pieces.get(i + 1), Some(Piece::Var(_)))
        {
            return Err(fault(&template.text, Fault::Adjacent, var.span));
        }
    }
    Ok(())
}

/// The rules that hold for a path as a whole, its scopes' prefixes included.
pub(crate) fn check_whole(template: &Template) -> Result<(), Fault> {
    if template.text.len() > MAX_TEMPLATE_BYTES {
        return Err(Fault::TooLong);
    }
    if segments(template) > MAX_SEGMENTS {
        return Err(Fault::TooManySegments);
    }
    let last = template.pieces.len().saturating_sub(1);
    for (i, piece) in template.pieces.iter().enumerate() {
        let Piece::Text(text) = piece else { continue };
        let parts: Vec<&str> = text.split('/').collect();
        // What touches a variable is no segment of its own.
        let to = if i == last { parts.len() } else { parts.len() - 1 };
        if parts[..to].iter().skip(1).any(|part| matches!(*part, "." | "..")) {
            return Err(Fault::DotSegment);
        }
    }
    Ok(())
}

/// How many segments the template's own text makes.
fn segments(template: &Template) -> usize {
    let slashes = |text: &String| text.bytes().filter(|&b| b == b'/').count();
    template
        .pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => slashes(text),
            Piece::Var(_) | Piece::Wild(_) => 0,
        })
        .sum()
}
