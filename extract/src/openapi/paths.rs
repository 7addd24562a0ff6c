//! Route templates to OpenAPI paths.

use serde_json::{Value, json};
use waylay_template::{Scanner, Token};

/// One variable of a path.
#[derive(Clone)]
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

/// Returns the path of a template; `None` for what OpenAPI cannot express: a prefix.
pub(crate) fn path(template: &str) -> Option<Path> {
    if !template.starts_with('/') || template.ends_with('…') {
        return None;
    }
    let mut path = Path { text: String::new(), variables: Vec::new() };
    for token in Scanner::new(template) {
        match token.ok()? {
            // Braces of OpenAPI are variables and cannot be escaped.
            Token::Text("{") => path.text.push_str("%7B"),
            Token::Text("}") => path.text.push_str("%7D"),
            Token::Text(text) => path.text.push_str(text),
            Token::Variable(variable) => {
                path.text.push_str(&format!("{{{}}}", variable.name));
                path.variables.push(Variable {
                    name: variable.name.to_owned(),
                    pattern: variable.regex.map(str::to_owned),
                    tail: variable.is_tail,
                    optional: variable.is_optional,
                });
            }
        }
    }
    Some(path)
}

impl Path {
    /// The paths with and without the last variable, if it may be missing.
    pub(crate) fn variants(self) -> Vec<Self> {
        let Some(last) = self.variables.last().filter(|last| last.optional) else {
            return vec![self];
        };
        let end = format!("/{{{}}}", last.name);
        let Some(short) = self.text.strip_suffix(&end) else {
            return vec![self];
        };
        let text = if short.is_empty() { "/" } else { short }.to_owned();
        let variables = self.variables[..self.variables.len() - 1].to_vec();
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
