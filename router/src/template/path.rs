//! PathPattern: a compiled path template, as trie edges and captures.

use std::borrow::Cow;

use waylay_template::{Node, Template, TemplateErrorKind, TemplateKind};

use crate::template::captures::{ABSENT, Position, Span};
use crate::template::constraint::Regexes;
use crate::template::decoded::DecodedValues;
use crate::template::encoding::{Encoding, escape, escaped_pchar};
use crate::template::scan::ScannedText;
use crate::template::segment::SegmentPattern;

/// One edge of a trie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edge {
    /// These bytes.
    Text(Vec<u8>),
    /// One or more bytes up to the next separator.
    Segment,
    /// All remaining bytes, possibly none.
    Tail,
}

/// How a template ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum PathEnd {
    /// The template matches the whole path.
    #[default]
    Exact,
    /// Whole segments may follow.
    Segments,
    /// Any bytes may follow.
    Raw,
}

/// The edges of a path template: its place in a trie.
#[derive(Debug, Clone)]
pub(crate) struct PathEdges {
    edges: Vec<Edge>,
    /// The edges without the optional segment.
    short: Option<Box<[Edge]>>,
    end: PathEnd,
}

impl PathEdges {
    /// Returns the edges of every path.
    pub(crate) fn any() -> Self {
        Self { edges: vec![Edge::Tail], short: None, end: PathEnd::Exact }
    }

    /// Returns the edge sequences in the trie.
    pub(crate) fn sequences(&self) -> Vec<Cow<'_, [Edge]>> {
        let mut sequences = vec![Cow::Borrowed(self.edges.as_slice())];
        match self.end {
            PathEnd::Exact | PathEnd::Raw => sequences.extend(self.short.as_deref().map(Cow::Borrowed)),
            PathEnd::Segments => {
                let below = [self.edges.as_slice(), &[Edge::Text(b"/".to_vec()), Edge::Tail]].concat();
                sequences.push(Cow::Owned(below));
            }
        }
        sequences
    }
}

/// A compiled path template without its literal text, which many routes may share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PathPattern {
    segments: Box<[SegmentPattern]>,
    /// Where the segments are in a path.
    positions: Box<[Position]>,
    end: PathEnd,
    encoding: Encoding,
}

impl PathPattern {
    /// Returns the pattern of every path.
    pub(crate) fn any() -> (Self, PathEdges) {
        let edges = PathEdges::any();
        let (segments, positions) = ([SegmentPattern::Rest].into(), positions(&edges.edges));
        (Self { segments, positions, end: PathEnd::Exact, encoding: Encoding::Path }, edges)
    }

    /// Compiles a template.
    pub(crate) fn compile(
        template: &Template,
        end: PathEnd,
        regexes: &Regexes,
        encoding: Encoding,
    ) -> Result<(Self, PathEdges), TemplateErrorKind> {
        let spans = |node: &Node| match node {
            Node::Text(_) | Node::Wildcard(_) => false,
            Node::Variable(var) => regexes.spans(&var.kind, Some(b'/')),
        };
        let mut has_tail = |segment: &[Node]| segment.iter().any(spans);
        let (edges, parts) = layout(&template.nodes, end, encoding, &mut has_tail);
        let compile = |part: &Part<'_>| {
            let open = part.is_tail && end == PathEnd::Raw;
            SegmentPattern::compile(&part.nodes, TemplateKind::Path, regexes, encoding, open)
        };
        let segments = parts.iter().map(compile).collect::<Result<_, _>>()?;
        let short = template.without_optional();
        let short = short.map(|short| layout(&short.nodes, end, encoding, &mut has_tail).0.into());
        let positions = positions(&edges);
        Ok((Self { segments, positions, end, encoding }, PathEdges { edges, short, end }))
    }

    /// Returns the edges of the template that the pattern was compiled from.
    pub(crate) fn edges(&self, template: &Template) -> PathEdges {
        let edges = |template: &Template| {
            let mut positions = self.positions.iter();
            let mut is_tail = |_: &[Node]| positions.next().is_some_and(|position| position.is_tail);
            layout(&template.nodes, self.end, self.encoding, &mut is_tail).0
        };
        let short = template.without_optional().map(|short| edges(&short).into());
        PathEdges { edges: edges(template), short, end: self.end }
    }

    /// Returns how the template ends.
    pub(crate) fn end(&self) -> PathEnd {
        self.end
    }

    /// Tests whether the trie decides alone, and its segments are the captures.
    pub(crate) fn is_plain(&self) -> bool {
        self.segments.iter().all(SegmentPattern::is_plain)
    }

    /// Tests whether a tail edge must not match the empty text, which the trie does not check.
    pub(crate) fn tail_is_some(&self) -> bool {
        self.positions.last().is_some_and(|last| last.is_tail)
            && self.segments.last().is_some_and(SegmentPattern::is_some)
    }

    /// Where the template captures, in the order of its variables if it [is plain](Self::is_plain).
    #[inline]
    pub(crate) fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// Tests the segments of a path that has led to a leaf of the pattern.
    pub(crate) fn read(
        &self,
        text: &ScannedText<'_>,
        (path, values): (&str, &DecodedValues),
        found: &mut impl FnMut(Span),
    ) -> bool {
        let positions = self.positions.iter();
        match text.ends() {
            Some(ends) => {
                let spans = positions.map_while(|position| position.near_span(ends, text.len()));
                self.read_spans((path, values), spans, found)
            }
            None => {
                let spans = positions.map_while(|position| position.span(text));
                self.read_spans((path, values), spans, found)
            }
        }
    }

    fn read_spans(
        &self,
        (path, values): (&str, &DecodedValues),
        mut spans: impl Iterator<Item = Span>,
        found: &mut impl FnMut(Span),
    ) -> bool {
        for segment in &self.segments {
            let Some(span) = spans.next() else {
                // The optional segment is the last one.
                found(ABSENT);
                return true;
            };
            if !segment.read(path, span, (self.encoding, values), found) {
                return false;
            }
        }
        true
    }

    /// Tests a path without a trie, by the edges of the template.
    pub(crate) fn matches(
        &self,
        edges: &PathEdges,
        (path, values): (&str, &DecodedValues),
        found: &mut impl FnMut(Span),
    ) -> bool {
        let spans = self.spans(&edges.edges, path);
        let spans = spans.or_else(|| self.spans(edges.short.as_deref()?, path));
        spans.is_some_and(|spans| self.read_spans((path, values), spans.into_iter(), found))
    }

    fn spans(&self, edges: &[Edge], path: &str) -> Option<Vec<Span>> {
        let bytes = path.as_bytes();
        let length = u16::try_from(bytes.len()).ok()?;
        let mut at = 0u16;
        let mut spans = Vec::new();
        for (i, edge) in edges.iter().enumerate() {
            let rest = &bytes[usize::from(at)..];
            let step = match edge {
                Edge::Text(text) => self.text_length(text, rest, i + 1 < edges.len())?,
                Edge::Segment => rest.iter().position(|&b| b == b'/').unwrap_or(rest.len()),
                Edge::Tail => rest.len(),
            };
            let end = at + u16::try_from(step).unwrap_or(0);
            match edge {
                Edge::Segment if step == 0 => return None,
                Edge::Segment | Edge::Tail => spans.push((at, end)),
                Edge::Text(_) => {}
            }
            at = end;
        }
        let ended = at == length || (self.end == PathEnd::Segments && bytes[usize::from(at)] == b'/');
        ended.then_some(spans)
    }
}

impl PathPattern {
    /// Returns the number of bytes of a path that a literal matches. If a variable follows, what is beside it is
    /// compared unchanged, and all other segments decoded.
    fn text_length(&self, text: &[u8], rest: &[u8], is_followed: bool) -> Option<usize> {
        let beside = match text.iter().rposition(|byte| *byte == b'/') {
            Some(slash) if is_followed => slash + 1,
            _ if is_followed => 0,
            _ => text.len(),
        };
        let mut at = 0;
        for (i, byte) in text.iter().enumerate() {
            let rest = rest.get(at..)?;
            let is_compared_decoded = self.encoding == Encoding::Path && i < beside;
            at += match escaped_pchar(rest).filter(|_| is_compared_decoded) {
                Some(escaped) if escaped == *byte => 3,
                _ if rest.first() == Some(byte) => 1,
                _ => return None,
            };
        }
        Some(at)
    }
}

/// Counts the separators and the literal bytes before each capture.
fn positions(edges: &[Edge]) -> Box<[Position]> {
    let (mut segment, mut skipped, mut positions) = (0, 0, Vec::new());
    for edge in edges {
        match edge {
            Edge::Text(text) => {
                let last = text.iter().rposition(|byte| *byte == b'/');
                segment += text.iter().filter(|byte| **byte == b'/').count() as u16;
                skipped = last.map_or(text.len(), |last| text.len() - last - 1) as u16;
            }
            Edge::Segment | Edge::Tail => {
                positions.push(Position { segment, skipped, is_tail: *edge == Edge::Tail });
            }
        }
    }
    positions.into()
}

/// A part of a path between two separators, or from one on, that has variables.
struct Part<'n> {
    nodes: Cow<'n, [Node]>,
    is_tail: bool,
}

/// Divides the nodes of a path into edges, and into the parts that are captured; `is_tail` is asked for each such segment
/// whether the rest of the path belongs to it.
fn layout<'n>(
    nodes: &'n [Node],
    end: PathEnd,
    encoding: Encoding,
    is_tail: &mut dyn FnMut(&[Node]) -> bool,
) -> (Vec<Edge>, Vec<Part<'n>>) {
    let (mut edges, mut parts, mut text) = (Vec::new(), Vec::new(), String::new());
    let (mut at, mut offset) = (0, 0);
    while let Some(node) = nodes.get(at) {
        if let Node::Text(literal) = node {
            text.push_str(&literal[offset..]);
            (at, offset) = (at + 1, 0);
            continue;
        }
        let (segment, slash) = cut(&nodes[at..]);
        let (start, behind) = (at, at + segment.len());
        // A text that is cut belongs to both sides.
        (at, offset) = if slash > 0 { (behind - 1, slash) } else { (behind, 0) };
        push_text(&mut edges, &mut text, encoding);
        if is_tail(&segment) || (end == PathEnd::Raw && at == nodes.len()) {
            edges.push(Edge::Tail);
            parts.push(Part { nodes: Cow::Borrowed(&nodes[start..]), is_tail: true });
            return (edges, parts);
        }
        edges.push(Edge::Segment);
        parts.push(Part { nodes: segment, is_tail: false });
    }
    // A prefix of whole segments ends before its last `/`: `/a/` is `/a`.
    if end == PathEnd::Segments {
        text.truncate(text.trim_end_matches('/').len());
    }
    push_text(&mut edges, &mut text, encoding);
    if end == PathEnd::Raw {
        edges.push(Edge::Tail);
        parts.push(Part { nodes: Cow::Borrowed(&[]), is_tail: true });
    }
    (edges, parts)
}

/// Adds an edge of literal text, if there is any.
fn push_text(edges: &mut Vec<Edge>, text: &mut String, encoding: Encoding) {
    if text.is_empty() {
        return;
    }
    let bytes = match encoding {
        Encoding::Path => escape(text).into_bytes(),
        Encoding::Form | Encoding::Plain => text.clone().into_bytes(),
    };
    edges.push(Edge::Text(bytes));
    text.clear();
}

/// Returns the nodes up to the first `/` of their text, and its place in the last text, if there is text before it.
fn cut(nodes: &[Node]) -> (Cow<'_, [Node]>, usize) {
    for (i, node) in nodes.iter().enumerate() {
        if let Node::Text(text) = node
            && let Some(slash) = text.find('/')
        {
            let mut segment = Cow::Borrowed(&nodes[..i]);
            if slash > 0 {
                segment.to_mut().push(Node::Text(text[..slash].to_owned()));
            }
            return (segment, slash);
        }
    }
    (Cow::Borrowed(nodes), 0)
}
