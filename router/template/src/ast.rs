//! Template: the syntax tree of a path, host or query template.

use std::ops::Range;

/// The most variables that one template may have.
pub const MAX_VARIABLES: usize = 32;

/// The most bytes that one template may have.
pub const MAX_TEMPLATE_BYTES: usize = 1024;

/// The most segments that one path template may have.
pub const MAX_SEGMENTS: usize = 64;

/// The most bytes that the compiled regex of one variable may take.
pub const MAX_REGEX_BYTES: usize = 1024 * 1024;

/// What a template describes; decides the separator and which text is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TemplateKind {
    /// A request path: segments separated by `/`.
    Path,
    /// A host name: labels separated by `.`.
    Host,
    /// The value of one query key, without a separator.
    Query,
}

impl TemplateKind {
    /// Returns the byte that a plain variable never matches.
    pub fn separator(self) -> Option<u8> {
        match self {
            Self::Path => Some(b'/'),
            Self::Host => Some(b'.'),
            Self::Query => None,
        }
    }
}

/// The syntax of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Syntax {
    /// waylay's own: tails, optional segments, wildcards, doubled braces, no capturing groups.
    #[default]
    Native,
    /// gorilla/mux's: none of these, and a regex may match separators anywhere.
    Gorilla,
}

/// A parsed path, host or query template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template {
    /// The source text.
    pub text: String,
    /// What the template describes.
    pub kind: TemplateKind,
    /// Its parts in order; text nodes are neither empty nor adjacent.
    pub nodes: Vec<Node>,
}

/// One part of a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    /// Literal text, decoded, with single braces.
    Text(String),
    /// A variable.
    Variable(Variable),
    /// Part of a host that is matched and not captured.
    Wildcard(Wildcard),
}

/// A variable of a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Variable {
    /// The name.
    pub name: String,
    /// What the variable accepts.
    pub kind: VariableKind,
    /// `{name?}`: the segment may be missing.
    pub optional: bool,
    /// Its byte range in the source text, braces included.
    pub span: Range<usize>,
}

/// What a variable accepts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VariableKind {
    /// One non-empty part between separators.
    Plain,
    /// What the regex matches as a whole.
    Regex(String),
    /// `{*name}`: the rest of the text, at least one byte.
    Tail,
}

/// What an unnamed part of a host accepts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wildcard {
    /// `*`: one label.
    One,
    /// `**`: one label or more.
    Many,
    /// A whole host that the regex matches ([`Template::host_regex`]).
    Regex(String),
}

impl Template {
    /// Returns the variables in order.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Variable(variable) => Some(variable),
            Node::Text(_) | Node::Wildcard(_) => None,
        })
    }

    /// Returns the text, if there is no variable and no wildcard.
    pub fn literal(&self) -> Option<&str> {
        match self.nodes.as_slice() {
            [] => Some(""),
            [Node::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns a host template that consists of one regex; its text is `~regex`.
    pub fn host_regex(regex: &str) -> Self {
        let nodes = vec![Node::Wildcard(Wildcard::Regex(regex.to_owned()))];
        Self { text: format!("~{regex}"), kind: TemplateKind::Host, nodes }
    }

    /// Returns the path without its optional segment, if it has one. The source text stays.
    ///
    /// ```
    /// # use waylay_template::{Template, TemplateKind};
    /// let template = Template::parse("/pages/{page?}", TemplateKind::Path)?;
    /// assert_eq!(template.without_optional().unwrap().literal(), Some("/pages"));
    /// # Ok::<(), waylay_template::TemplateError>(())
    /// ```
    pub fn without_optional(&self) -> Option<Self> {
        let is_optional = |node: &Node| matches!(node, Node::Variable(variable) if variable.optional);
        let at = self.nodes.iter().position(is_optional)?;
        let mut short = Self { nodes: self.nodes[..at].to_vec(), ..self.clone() };
        short.trim_final_slashes();
        let after = match &self.nodes[at + 1..] {
            [Node::Text(text)] => text.as_str(),
            _ => "",
        };
        let after = if short.nodes.is_empty() { "/" } else { after };
        if let Some(Node::Text(text)) = short.nodes.last_mut() {
            text.push_str(after);
        } else if !after.is_empty() {
            short.nodes.push(Node::Text(after.to_owned()));
        }
        Some(short)
    }

    /// Returns the path with the final slash added or removed; `None` for `/` and after a tail.
    pub fn with_other_slash(&self) -> Option<Self> {
        let mut other = self.clone();
        match other.nodes.last_mut()? {
            Node::Text(text) if self.nodes.len() == 1 && text == "/" => return None,
            Node::Text(text) if text.ends_with('/') => {
                text.pop();
                other.text.pop();
                if text.is_empty() {
                    other.nodes.pop();
                }
                return Some(other);
            }
            Node::Text(text) => text.push('/'),
            Node::Variable(variable) if variable.kind == VariableKind::Tail => return None,
            Node::Variable(_) | Node::Wildcard(_) => other.nodes.push(Node::Text("/".to_owned())),
        }
        other.text.push('/');
        Some(other)
    }

    /// Returns this prefix without its final slashes, followed by `child`.
    pub fn join(&self, child: &Self) -> Self {
        let mut joined = self.clone();
        joined.trim_final_slashes();
        let mut nodes = joined.nodes;
        for node in &child.nodes {
            match (nodes.last_mut(), node) {
                (Some(Node::Text(before)), Node::Text(text)) => before.push_str(text),
                _ => nodes.push(node.clone()),
            }
        }
        let text = format!("{}{}", self.text.trim_end_matches('/'), child.text);
        Self { text, kind: self.kind, nodes }
    }

    /// Returns the number of path segments, without an empty last one.
    pub fn segment_count(&self) -> usize {
        let last = match self.nodes.last() {
            Some(Node::Text(text)) => text.len() - text.trim_end_matches('/').len(),
            _ => 0,
        };
        self.slash_count() - last
    }

    /// The number of slashes in the text nodes.
    pub(crate) fn slash_count(&self) -> usize {
        let slashes = |node: &Node| match node {
            Node::Text(text) => text.bytes().filter(|&byte| byte == b'/').count(),
            Node::Variable(_) | Node::Wildcard(_) => 0,
        };
        self.nodes.iter().map(slashes).sum()
    }

    fn trim_final_slashes(&mut self) {
        if let Some(Node::Text(text)) = self.nodes.last_mut() {
            text.truncate(text.trim_end_matches('/').len());
            if text.is_empty() {
                self.nodes.pop();
            }
        }
    }
}
