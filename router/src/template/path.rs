//! Compiled path template: trie edges and captures.

use waylay_template::{Node, Syntax, Template, TemplateErrorKind as Fault, TemplateKind};

use crate::template::captures::{ABSENT, Span};
use crate::template::constraint::may_span;
use crate::template::encoding::{Coding, escape};
use crate::template::segment::Slot;

/// One step from the root of a trie towards a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edge {
    /// These bytes.
    Text(Vec<u8>),
    /// One or more bytes up to the next separator.
    Segment,
    /// All bytes that are left, none included.
    Tail,
}

/// How a template ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Ending {
    /// The whole path is described.
    #[default]
    Exact,
    /// Whole segments may follow.
    Segments,
    /// Any bytes may follow.
    Raw,
}

/// A compiled path template.
#[derive(Debug, Clone)]
pub(crate) struct PathPattern {
    edges: Vec<Edge>,
    /// The edges without the optional segment.
    short: Option<Box<[Edge]>>,
    slots: Vec<Slot>,
    ending: Ending,
    coding: Coding,
}

impl PathPattern {
    /// Every path.
    pub(crate) fn any() -> Self {
        let (edges, slots) = (vec![Edge::Tail], vec![Slot::Rest]);
        Self { edges, short: None, slots, ending: Ending::Exact, coding: Coding::Path }
    }

    /// Lays a template out along the trie.
    pub(crate) fn compile(
        template: &Template,
        ending: Ending,
        syntax: Syntax,
        coding: Coding,
    ) -> Result<Self, Fault> {
        let lay = |template: &Template| {
            let mut layout =
                Layout { syntax, coding, text: String::new(), edges: Vec::new(), slots: Vec::new() };
            layout.lay(&template.nodes, ending)?;
            layout.edges.shrink_to_fit();
            layout.slots.shrink_to_fit();
            Ok((layout.edges, layout.slots))
        };
        let (edges, slots) = lay(template)?;
        let short = template.without_optional().as_ref().map(lay).transpose()?;
        Ok(Self { edges, short: short.map(|(edges, _)| edges.into()), slots, ending, coding })
    }

    /// The edge lists under which the pattern stands in the trie.
    pub(crate) fn ways(&self) -> Vec<Vec<Edge>> {
        let below = |more: &[Edge]| [&self.edges, more].concat();
        match self.ending {
            Ending::Exact | Ending::Raw => {
                let short = self.short.as_deref().map(<[Edge]>::to_vec);
                std::iter::once(self.edges.clone()).chain(short).collect()
            }
            Ending::Segments => vec![self.edges.clone(), below(&[Edge::Text(b"/".to_vec()), Edge::Tail])],
        }
    }

    /// Whether the trie alone decides, and its ranges are the captures.
    pub(crate) fn is_plain(&self) -> bool {
        self.slots.iter().all(Slot::is_plain)
    }

    /// Whether a tail edge must find something, which the trie does not see to.
    pub(crate) fn tail_is_some(&self) -> bool {
        self.edges.last() == Some(&Edge::Tail) && self.slots.last().is_some_and(Slot::is_some)
    }

    /// Tests the holes that a walk through the trie found.
    pub(crate) fn read(&self, path: &str, holes: &[Span], found: &mut impl FnMut(Span)) -> bool {
        let holds =
            self.slots.iter().zip(holes).all(|(slot, &hole)| slot.read(path, hole, self.coding, found));
        if holds && holes.len() < self.slots.len() {
            found(ABSENT);
        }
        holds
    }

    /// The same answer without a trie.
    pub(crate) fn matches(&self, path: &str, found: &mut impl FnMut(Span)) -> bool {
        let holes = self.holes(&self.edges, path);
        let holes = holes.or_else(|| self.holes(self.short.as_deref()?, path));
        holes.is_some_and(|holes| self.read(path, &holes, found))
    }

    fn holes(&self, edges: &[Edge], path: &str) -> Option<Vec<Span>> {
        let bytes = path.as_bytes();
        let length = u16::try_from(bytes.len()).ok()?;
        let mut at = 0u16;
        let mut holes = Vec::new();
        for edge in edges {
            let rest = &bytes[usize::from(at)..];
            let step = match edge {
                Edge::Text(text) if rest.starts_with(text) => text.len(),
                Edge::Text(_) => return None,
                Edge::Segment => rest.iter().position(|&b| b == b'/').unwrap_or(rest.len()),
                Edge::Tail => rest.len(),
            };
            let end = at + u16::try_from(step).unwrap_or(0);
            match edge {
                Edge::Segment if step == 0 => return None,
                Edge::Segment | Edge::Tail => holes.push((at, end)),
                Edge::Text(_) => {}
            }
            at = end;
        }
        let ended = at == length || (self.ending == Ending::Segments && bytes[usize::from(at)] == b'/');
        ended.then_some(holes)
    }
}

struct Layout {
    syntax: Syntax,
    coding: Coding,
    text: String,
    edges: Vec<Edge>,
    slots: Vec<Slot>,
}

impl Layout {
    fn lay(&mut self, nodes: &[Node], ending: Ending) -> Result<(), Fault> {
        let mut rest: Vec<Node> = nodes.to_vec();
        while !rest.is_empty() {
            if let Node::Text(text) = &rest[0] {
                self.text.push_str(text);
                rest.remove(0);
                continue;
            }
            let (hole, after) = cut(&rest);
            let spans = hole.iter().any(|node| match node {
                Node::Text(_) | Node::Wildcard(_) => false,
                Node::Variable(var) => may_span(&var.kind, Some(b'/'), self.syntax),
            });
            let open = ending == Ending::Raw && after.is_empty();
            self.flush(false);
            if spans || open {
                self.edges.push(Edge::Tail);
                let open = ending == Ending::Raw;
                self.slots.push(Slot::compile(&rest, TemplateKind::Path, self.syntax, self.coding, open)?);
                return Ok(());
            }
            self.edges.push(Edge::Segment);
            self.slots.push(Slot::compile(&hole, TemplateKind::Path, self.syntax, self.coding, false)?);
            rest = after;
        }
        self.flush(ending == Ending::Segments);
        if ending == Ending::Raw {
            self.edges.push(Edge::Tail);
            self.slots.push(Slot::Rest);
        }
        Ok(())
    }

    /// A prefix by segments ends before its last `/`: `/a/` is `/a`.
    fn flush(&mut self, prefix: bool) {
        if prefix {
            self.text.truncate(self.text.trim_end_matches('/').len());
        }
        if !self.text.is_empty() {
            let text = match self.coding {
                Coding::Path => escape(&self.text).into_bytes(),
                Coding::Form | Coding::Plain => self.text.clone().into_bytes(),
            };
            self.edges.push(Edge::Text(text));
            self.text.clear();
        }
    }
}

/// Divides nodes at the first `/` in their text.
fn cut(nodes: &[Node]) -> (Vec<Node>, Vec<Node>) {
    let mut hole = Vec::new();
    for (i, node) in nodes.iter().enumerate() {
        if let Node::Text(text) = node
            && let Some(slash) = text.find('/')
        {
            if slash > 0 {
                hole.push(Node::Text(text[..slash].to_owned()));
            }
            let after =
                std::iter::once(Node::Text(text[slash..].to_owned())).chain(nodes[i + 1..].iter().cloned());
            return (hole, after.collect());
        }
        hole.push(node.clone());
    }
    (hole, Vec::new())
}
