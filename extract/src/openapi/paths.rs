//! Path: the OpenAPI path of a route template.

use serde_json::{Value, json};
use waylay_template::{Scanner, Token};

/// A variable of a path.
#[derive(Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// The regex for the whole value.
    pub(crate) pattern: Option<String>,
    pub(crate) tail: bool,
    pub(crate) optional: bool,
}

/// A path with its variables.
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
    /// Returns the paths with and without the optional variable.
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
    /// Adds the regex of the template to a parameter, or returns a new one if no field describes it.
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
