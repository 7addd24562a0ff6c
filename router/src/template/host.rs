//! HostPattern: a compiled host template.

use std::sync::Arc;

use waylay_template::{Node, Syntax, Template, TemplateErrorKind, TemplateKind, Wildcard};

use crate::template::captures::Span;
use crate::template::constraint::{self, Regexes, may_span};
use crate::template::decoded::DecodedValues;
use crate::template::encoding::Encoding;
use crate::template::path::Edge;
use crate::template::segment::SegmentPattern;

/// A compiled host template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct HostPattern {
    template: Template,
    labels: Box<[Label]>,
    whole: Option<SegmentPattern>,
    exact: Option<Box<str>>,
    port: Option<u16>,
    with_port: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Label {
    Text(Box<str>),
    Variable(SegmentPattern),
    /// Any label.
    One,
    /// One label or more; always the first.
    Rest(Option<SegmentPattern>),
}

impl HostPattern {
    /// Compiles a template: removes the port, then splits it at the dots.
    pub(crate) fn compile(template: &Template, regexes: &Regexes) -> Result<Self, TemplateErrorKind> {
        let syntax = regexes.syntax;
        let of = |labels, whole, exact: Option<&str>, port, with_port| {
            let (template, exact) = (template.clone(), exact.map(Into::into));
            Ok(Self { template, labels, whole, exact, port, with_port })
        };
        let mut nodes = template.nodes.clone();
        let mut port = None;
        // gorilla/mux searches the compiled regex for a colon, so `(?:` makes the port matter by accident.
        let named = |node: &Node| matches!(node, Node::Text(text) if text.contains(':'));
        let with_port = syntax == Syntax::Gorilla && nodes.iter().any(named);
        if syntax == Syntax::Native
            && let Some(Node::Text(last)) = nodes.last_mut()
            && let Some(colon) = last.rfind(':').filter(|&colon| !last[colon..].contains(']'))
        {
            port = Some(last[colon + 1..].parse().map_err(|_| TemplateErrorKind::BadPort)?);
            last.truncate(colon);
        }
        let literal = match nodes.as_slice() {
            [Node::Text(text)] => Some(text.clone()),
            [Node::Wildcard(Wildcard::Regex(pattern))] => {
                let regex = Arc::new(constraint::whole(pattern, syntax, true)?);
                return of([].into(), Some(SegmentPattern::Many { regex, groups: 0 }), None, None, false);
            }
            _ => None,
        };
        if let Some(text) = literal {
            let text = if syntax == Syntax::Native { text.to_ascii_lowercase() } else { text };
            let exact =
                if syntax == Syntax::Native { text.strip_suffix('.').unwrap_or(&text) } else { &text };
            return of([].into(), None, Some(exact), port, with_port);
        }
        let spans =
            |node: &Node| matches!(node, Node::Variable(var) if may_span(&var.kind, Some(b'.'), syntax));
        let gorilla_spans = syntax == Syntax::Gorilla && nodes.iter().any(spans);
        let (labels, whole) = if gorilla_spans || with_port {
            (
                [].into(),
                Some(SegmentPattern::compile(&nodes, TemplateKind::Host, regexes, Encoding::Plain, false)?),
            )
        } else {
            (divide(&nodes, regexes)?, None)
        };
        of(labels, whole, None, port, with_port)
    }

    /// Returns the template that the pattern was compiled from.
    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    /// Returns the host, if only one matches (on any port, unless the template has one).
    pub(crate) fn exact(&self) -> Option<&str> {
        self.exact.as_deref()
    }

    /// Tests whether the labels decide alone: no port, and no variable with a pattern or of several labels.
    pub(crate) fn is_plain(&self) -> bool {
        let is_plain = |label: &Label| match label {
            Label::Text(_) | Label::One => true,
            Label::Variable(pattern) => pattern.is_plain(),
            Label::Rest(_) => false,
        };
        let labels_decide = !self.labels.is_empty() && self.labels.iter().all(is_plain);
        !self.has_port() && (self.exact.is_some() || labels_decide)
    }

    /// Returns the range of a variable in a host that matches, if the template [is plain](Self::is_plain).
    pub(crate) fn span(&self, variable: usize, host: &str) -> Option<Span> {
        let mut variables = (0..).zip(&self.labels).filter(|(_, label)| matches!(label, Label::Variable(_)));
        let (place, _) = variables.nth(variable)?;
        let start: usize = host.split('.').take(place).map(|label| label.len() + 1).sum();
        let length = host.get(start..)?.split('.').next()?.len();
        Some((u16::try_from(start).ok()?, u16::try_from(start + length).ok()?))
    }

    /// Returns the port of the template.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Tests whether the template has a port.
    pub(crate) fn has_port(&self) -> bool {
        self.port.is_some() || self.with_port
    }

    /// Tests whether the template is a regex over the whole host, without labels.
    pub(crate) fn is_regex(&self) -> bool {
        self.whole.is_some()
    }

    /// Returns the edges of the labels in reverse order (`a.b.c` is `c.b.a`).
    pub(crate) fn edges(&self) -> Vec<Edge> {
        if self.labels.is_empty() {
            return vec![Edge::Tail];
        }
        let mut edges: Vec<Edge> = Vec::new();
        let mut text = Vec::new();
        for (i, label) in self.labels.iter().rev().enumerate() {
            if i > 0 {
                text.push(b'.');
            }
            match label {
                Label::Text(label) => text.extend(label.bytes()),
                Label::Variable(_) | Label::One | Label::Rest(_) => {
                    if !text.is_empty() {
                        edges.push(Edge::Text(std::mem::take(&mut text)));
                    }
                    let many = matches!(label, Label::Rest(_));
                    edges.push(if many { Edge::Tail } else { Edge::Segment });
                }
            }
        }
        if !text.is_empty() {
            edges.push(Edge::Text(text));
        }
        edges
    }

    /// Tests an effective host, and passes the range of each variable to `found`.
    pub(crate) fn matches(&self, host: &str, port: Option<u16>, found: &mut impl FnMut(Span)) -> bool {
        if self.port.is_some() && self.port != port {
            return false;
        }
        let joined;
        let host = match (self.with_port, port) {
            (true, Some(port)) => {
                joined = format!("{host}:{port}");
                joined.as_str()
            }
            _ => host,
        };
        let Ok(length) = u16::try_from(host.len()) else {
            return false;
        };
        if let Some(exact) = &self.exact {
            return **exact == *host;
        }
        if let Some(pattern) = &self.whole {
            let plain = (Encoding::Plain, &DecodedValues::default());
            return pattern.read(host, (0, length), plain, found);
        }
        self.matches_labels(host, found)
    }

    fn matches_labels(&self, host: &str, found: &mut impl FnMut(Span)) -> bool {
        let [Label::Rest(pattern), after @ ..] = &*self.labels else {
            return matches_each(&self.labels, host, 0, found);
        };
        let Some(end) = end_of_rest(host, after.len()) else {
            return false;
        };
        let plain = (Encoding::Plain, &DecodedValues::default());
        pattern.as_ref().is_none_or(|pattern| pattern.read(host, (0, end), plain, found))
            && (after.is_empty() || matches_each(after, host, end + 1, found))
    }
}

/// Tests the labels of a host from an offset on, one by one.
fn matches_each(labels: &[Label], host: &str, mut at: u16, found: &mut impl FnMut(Span)) -> bool {
    let mut parts = host[usize::from(at)..].split('.');
    let plain = (Encoding::Plain, &DecodedValues::default());
    for label in labels {
        let Some(part) = parts.next() else {
            return false;
        };
        let end = at + u16::try_from(part.len()).unwrap_or(0);
        let holds = match label {
            Label::Text(text) => **text == *part,
            Label::Variable(pattern) => pattern.read(host, (at, end), plain, found),
            Label::One => !part.is_empty(),
            // Always the first label.
            Label::Rest(_) => false,
        };
        if !holds {
            return false;
        }
        at = end.saturating_add(1);
    }
    parts.next().is_none()
}

/// Returns the end of the labels before the last `last` ones.
fn end_of_rest(host: &str, last: usize) -> Option<u16> {
    let end = match last.checked_sub(1) {
        None => host.len(),
        Some(nth) => host.rmatch_indices('.').nth(nth)?.0,
    };
    u16::try_from(end).ok().filter(|end| *end > 0)
}

/// Compiles nodes label by label.
fn divide(nodes: &[Node], regexes: &Regexes) -> Result<Box<[Label]>, TemplateErrorKind> {
    let mut labels = split_labels(nodes);
    // The final dot of a full name starts no label.
    if regexes.syntax == Syntax::Native && labels.last().is_some_and(Vec::is_empty) {
        labels.pop();
    }
    labels.iter().map(|label| compile_label(label, regexes)).collect()
}

/// Splits nodes at the dots of their text.
fn split_labels(nodes: &[Node]) -> Vec<Vec<Node>> {
    let mut labels: Vec<Vec<Node>> = vec![Vec::new()];
    for node in nodes {
        let Node::Text(text) = node else {
            labels.last_mut().into_iter().for_each(|label| label.push(node.clone()));
            continue;
        };
        for (i, part) in text.split('.').enumerate() {
            if i > 0 {
                labels.push(Vec::new());
            }
            if let Some(label) = labels.last_mut().filter(|_| !part.is_empty()) {
                label.push(Node::Text(part.to_owned()));
            }
        }
    }
    labels
}

fn compile_label(label: &[Node], regexes: &Regexes) -> Result<Label, TemplateErrorKind> {
    let syntax = regexes.syntax;
    let pattern = || SegmentPattern::compile(label, TemplateKind::Host, regexes, Encoding::Plain, false);
    Ok(match label {
        [] => Label::Text("".into()),
        [Node::Text(text)] => Label::Text(match syntax {
            Syntax::Native => text.to_ascii_lowercase().into(),
            Syntax::Gorilla => text.as_str().into(),
        }),
        [Node::Wildcard(Wildcard::Many)] => Label::Rest(None),
        [Node::Wildcard(_)] => Label::One,
        [Node::Variable(var)] if may_span(&var.kind, Some(b'.'), syntax) => Label::Rest(Some(pattern()?)),
        _ => Label::Variable(pattern()?),
    })
}
