//! PathPattern: a compiled path template, as trie edges and captures.

use waylay_template::{Node, Syntax, Template, TemplateErrorKind, TemplateKind};

use crate::template::captures::{ABSENT, Position, Span};
use crate::template::constraint::may_span;
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

/// A compiled path template.
#[derive(Debug, Clone)]
pub(crate) struct PathPattern {
    edges: Vec<Edge>,
    /// The edges without the optional segment.
    short: Option<Box<[Edge]>>,
    segments: Vec<SegmentPattern>,
    /// Where the segments are in a path.
    positions: Box<[Position]>,
    end: PathEnd,
    encoding: Encoding,
}

impl PathPattern {
    /// Returns the pattern of every path.
    pub(crate) fn any() -> Self {
        let (edges, segments) = (vec![Edge::Tail], vec![SegmentPattern::Rest]);
        let (short, positions, end) = (None, positions(&edges), PathEnd::Exact);
        Self { edges, short, segments, positions, end, encoding: Encoding::Path }
    }

    /// Compiles a template to trie edges.
    pub(crate) fn compile(
        template: &Template,
        end: PathEnd,
        syntax: Syntax,
        encoding: Encoding,
    ) -> Result<Self, TemplateErrorKind> {
        let compile_nodes = |template: &Template| {
            let mut layout = PathCompiler {
                syntax,
                encoding,
                text: String::new(),
                edges: Vec::new(),
                segments: Vec::new(),
            };
            layout.compile_nodes(&template.nodes, end)?;
            layout.edges.shrink_to_fit();
            layout.segments.shrink_to_fit();
            Ok((layout.edges, layout.segments))
        };
        let (edges, segments) = compile_nodes(template)?;
        let short = template.without_optional().as_ref().map(compile_nodes).transpose()?;
        let (short, positions) = (short.map(|(edges, _)| edges.into()), positions(&edges));
        Ok(Self { edges, short, segments, positions, end, encoding })
    }

    /// Returns the edge sequences of the pattern in the trie.
    pub(crate) fn edge_sequences(&self) -> Vec<Vec<Edge>> {
        let below = |more: &[Edge]| [&self.edges, more].concat();
        match self.end {
            PathEnd::Exact | PathEnd::Raw => {
                let short = self.short.as_deref().map(<[Edge]>::to_vec);
                std::iter::once(self.edges.clone()).chain(short).collect()
            }
            PathEnd::Segments => vec![self.edges.clone(), below(&[Edge::Text(b"/".to_vec()), Edge::Tail])],
        }
    }

    /// Tests whether the trie decides alone, and its segments are the captures.
    pub(crate) fn is_plain(&self) -> bool {
        self.segments.iter().all(SegmentPattern::is_plain)
    }

    /// Tests whether a tail edge must not match the empty text, which the trie does not check.
    pub(crate) fn tail_is_some(&self) -> bool {
        self.edges.last() == Some(&Edge::Tail) && self.segments.last().is_some_and(SegmentPattern::is_some)
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
        let spans = self.positions.iter().map_while(|position| position.span(text));
        self.read_spans((path, values), spans, found)
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

    /// Tests a path without a trie.
    pub(crate) fn matches(
        &self,
        (path, values): (&str, &DecodedValues),
        found: &mut impl FnMut(Span),
    ) -> bool {
        let spans = self.spans(&self.edges, path);
        let spans = spans.or_else(|| self.spans(self.short.as_deref()?, path));
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

struct PathCompiler {
    syntax: Syntax,
    encoding: Encoding,
    text: String,
    edges: Vec<Edge>,
    segments: Vec<SegmentPattern>,
}

impl PathCompiler {
    fn compile_nodes(&mut self, nodes: &[Node], end: PathEnd) -> Result<(), TemplateErrorKind> {
        let mut rest: Vec<Node> = nodes.to_vec();
        while !rest.is_empty() {
            if let Node::Text(text) = &rest[0] {
                self.text.push_str(text);
                rest.remove(0);
                continue;
            }
            let (segment, after) = cut(&rest);
            let spans = segment.iter().any(|node| match node {
                Node::Text(_) | Node::Wildcard(_) => false,
                Node::Variable(var) => may_span(&var.kind, Some(b'/'), self.syntax),
            });
            let open = end == PathEnd::Raw && after.is_empty();
            self.flush(false);
            if spans || open {
                self.edges.push(Edge::Tail);
                let open = end == PathEnd::Raw;
                self.segments.push(SegmentPattern::compile(
                    &rest,
                    TemplateKind::Path,
                    self.syntax,
                    self.encoding,
                    open,
                )?);
                return Ok(());
            }
            self.edges.push(Edge::Segment);
            self.segments.push(SegmentPattern::compile(
                &segment,
                TemplateKind::Path,
                self.syntax,
                self.encoding,
                false,
            )?);
            rest = after;
        }
        self.flush(end == PathEnd::Segments);
        if end == PathEnd::Raw {
            self.edges.push(Edge::Tail);
            self.segments.push(SegmentPattern::Rest);
        }
        Ok(())
    }

    /// A prefix of whole segments ends before its last `/`: `/a/` is `/a`.
    fn flush(&mut self, prefix: bool) {
        if prefix {
            self.text.truncate(self.text.trim_end_matches('/').len());
        }
        if !self.text.is_empty() {
            let text = match self.encoding {
                Encoding::Path => escape(&self.text).into_bytes(),
                Encoding::Form | Encoding::Plain => self.text.clone().into_bytes(),
            };
            self.edges.push(Edge::Text(text));
            self.text.clear();
        }
    }
}

/// Splits nodes at the first `/` of their text.
fn cut(nodes: &[Node]) -> (Vec<Node>, Vec<Node>) {
    let mut segment = Vec::new();
    for (i, node) in nodes.iter().enumerate() {
        if let Node::Text(text) = node
            && let Some(slash) = text.find('/')
        {
            if slash > 0 {
                segment.push(Node::Text(text[..slash].to_owned()));
            }
            let after =
                std::iter::once(Node::Text(text[slash..].to_owned())).chain(nodes[i + 1..].iter().cloned());
            return (segment, after.collect());
        }
        segment.push(node.clone());
    }
    (segment, Vec::new())
}
