//! Route templates to OpenAPI paths.

use serde_json::{Value, json};

/// One variable of a path.
pub(crate) struct Variable {
    pub(crate) name: String,
    /// The regex that the whole value matches.
    pub(crate) pattern: Option<String>,
    pub(crate) tail: bool,
    pub(crate) optional: bool,
}

/// A path, and what its variables accept.
pub(crate) struct Path {
    pub(crate) text: String,
    pub(crate) variables: Vec<Variable>,
}

/// The path of a template, or nothing for what OpenAPI cannot say: a prefix.
pub(crate) fn path(template: &str) -> Option<Path> {
    if !template.starts_with('/') || template.ends_with('…') {
        return None;
    }
    let mut path = Path { text: String::new(), variables: Vec::new() };
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        path.text.push_str(&rest[..at]);
        let brace = &rest[at..at + 1];
        if rest[at + 1..].starts_with(brace) {
            // Braces of OpenAPI are variables and cannot be escaped.
            path.text.push_str(if brace == "{" { "%7B" } else { "%7D" });
            rest = &rest[at + 2..];
            continue;
        }
        let close = closing(&rest[at..])?;
        let variable = variable(&rest[at + 1..at + close]);
        path.text.push_str(&format!("{{{}}}", variable.name));
        path.variables.push(variable);
        rest = &rest[at + close + 1..];
    }
    path.text.push_str(rest);
    Some(path)
}

fn variable(inner: &str) -> Variable {
    let (name, pattern) = match inner.split_once(':') {
        Some((name, pattern)) => (name, Some(pattern.to_owned())),
        None => (inner, None),
    };
    let (name, tail) = name.strip_prefix('*').map_or((name, false), |name| (name, true));
    let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
    Variable { name: name.to_owned(), pattern, tail, optional }
}

/// The brace that closes the first one: a regex may hold balanced and escaped ones.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => _ = bytes.next(),
            b'{' => depth += 1,
            b'}' if depth <= 1 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

impl Path {
    /// The paths with and without the last variable, if it may be missing.
    pub(crate) fn spellings(self) -> Vec<Self> {
        let Some(last) = self.variables.last().filter(|last| last.optional) else {
            return vec![self];
        };
        let end = format!("/{{{}}}", last.name);
        let Some(short) = self.text.strip_suffix(&end) else {
            return vec![self];
        };
        let text = if short.is_empty() { "/" } else { short }.to_owned();
        let copy = |variable: &Variable| Variable {
            name: variable.name.clone(),
            pattern: variable.pattern.clone(),
            tail: variable.tail,
            optional: variable.optional,
        };
        let variables = self.variables[..self.variables.len() - 1].iter().map(copy).collect();
        vec![Self { text, variables }, self]
    }
}

impl Variable {
    /// Adds what the template says to a parameter, made anew if no field describes it.
    pub(crate) fn refine(&self, parameter: Option<Value>) -> Value {
        let mut parameter = parameter.unwrap_or_else(
            || json!({"name": self.name, "in": "path", "required": true, "schema": {"type": "string"}}),
        );
        if let (Some(pattern), true) = (&self.pattern, parameter["schema"]["type"] == "string") {
            parameter["schema"]["pattern"] = format!("^(?:{pattern})$").into();
        }
        if self.tail && parameter.get("description").is_none() {
            parameter["description"] = "The rest of the path, slashes included.".into();
        }
        parameter
    }
}
