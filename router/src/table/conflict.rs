//! Routes of one rank that match the same request: refused with that request as witness.

use std::collections::HashMap;

use crate::catalog::Facts;
use crate::error::{BuildError, BuildErrorKind};
use crate::meet::{Meeting, Meetings, Side};
use crate::pattern::{Pattern, Texts};
use crate::policy::Policy;
use crate::speech::bare_host;
use crate::template::path::Ending;
use crate::template::piece::{Piece, Template};
use crate::witness::Witness;

/// How many pairs are reasoned about; what is left is undecided.
const MAX_PAIRS: usize = 4096;
/// How many undecided pairs are kept.
const MAX_UNDECIDED: usize = 256;

/// Finds routes of one rank that meet.
pub(super) struct Conflicts<'f> {
    facts: &'f [Facts],
    meetings: Meetings<'f>,
    pairs: usize,
    /// Pairs of places in the catalog with a request that both match.
    pub(super) found: Vec<(usize, usize, Witness)>,
    pub(super) undecided: Vec<(usize, usize)>,
}

impl<'f> Conflicts<'f> {
    pub(super) fn new(facts: &'f [Facts], policy: &'f Policy) -> Self {
        let meetings = Meetings::new(policy);
        Self { facts, meetings, pairs: 0, found: Vec::new(), undecided: Vec::new() }
    }

    /// Compares routes of one rank, which are given with their places in the catalog.
    pub(super) fn compare(&mut self, group: &[(usize, &Pattern)]) {
        // Where literal segments or hosts differ, nothing is to be asked.
        let mut buckets: HashMap<Vec<String>, Vec<(&str, usize, &Pattern)>> = HashMap::new();
        for &(place, pattern) in group {
            let Some(texts) = self.facts.get(place).map(|facts| &facts.texts) else { continue };
            buckets.entry(skeleton(texts)).or_default().push((prefix(texts), place, pattern));
        }
        let mut buckets: Vec<_> = buckets.into_values().filter(|bucket| bucket.len() > 1).collect();
        // In the order of writing, whatever the hashes are.
        buckets.sort_by_key(|bucket| bucket.first().map(|(_, place, _)| *place));
        for mut bucket in buckets {
            // Routes meet only where one literal beginning goes on as the other: those lie side by side.
            bucket.sort_by_key(|(prefix, place, _)| (*prefix, *place));
            for (i, (prefix, place, pattern)) in bucket.iter().enumerate() {
                let beside = bucket[i + 1..].iter().take_while(|(other, ..)| other.starts_with(prefix));
                for (_, other_place, other) in beside {
                    if !pattern.methods.and(&other.methods).is_empty() {
                        self.pair((*place, pattern), (*other_place, other));
                    }
                }
            }
        }
    }

    fn pair(&mut self, a: (usize, &Pattern), b: (usize, &Pattern)) {
        let (first, second) = if a.0 < b.0 { (a, b) } else { (b, a) };
        self.pairs += 1;
        let sides = [first, second].map(|(place, pattern)| Side { pattern, texts: &self.facts[place].texts });
        let meeting = if self.pairs > MAX_PAIRS { Meeting::Unknown } else { self.meetings.meet(&sides) };
        match meeting {
            Meeting::At(witness) => self.found.push((first.0, second.0, witness)),
            Meeting::Unknown if self.undecided.len() < MAX_UNDECIDED => {
                self.undecided.push((first.0, second.0));
            }
            Meeting::Unknown | Meeting::Never => {}
        }
    }

    /// What was found as errors of the routes written later.
    pub(super) fn errors(&mut self) -> Vec<BuildError> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_key(|(first, second, _)| (*second, *first));
        // One rival is enough for a route to be told of.
        found.dedup_by_key(|(_, second, _)| *second);
        let errors = found.into_iter().map(|(first, second, witness)| {
            let (route, other) = (&self.facts[second], &self.facts[first]);
            BuildError {
                kind: BuildErrorKind::Conflict {
                    with: other.label(),
                    other: other.site,
                    witness: Box::new(witness),
                },
                route: route.label(),
                site: route.site,
            }
        });
        errors.collect()
    }
}

/// The literal segments of the path and the literal hosts, which must be the same for two routes of one
/// rank to meet: variables stand at the same places in both.
fn skeleton(texts: &Texts) -> Vec<String> {
    let hosts = texts.hosts.iter().map(bare_host);
    let hosts = hosts.filter_map(|host| Some(host.literal()?.to_ascii_lowercase()));
    let mut segments: Vec<String> = texts.path.iter().flat_map(literals).collect();
    if texts.ending == Ending::Segments {
        let len = segments.iter().rposition(|segment| !segment.is_empty()).map_or(0, |last| last + 1);
        segments.truncate(len);
    }
    segments.into_iter().chain(hosts).collect()
}

fn literals(path: &Template) -> Vec<String> {
    let mut segments = vec![Some(String::new())];
    for piece in &path.pieces {
        match piece {
            Piece::Text(text) => {
                for (i, part) in text.split('/').enumerate() {
                    if i > 0 {
                        segments.push(Some(String::new()));
                    }
                    if let Some(Some(segment)) = segments.last_mut() {
                        segment.push_str(part);
                    }
                }
            }
            Piece::Var(_) | Piece::Wild(_) => {
                if let Some(segment) = segments.last_mut() {
                    *segment = None;
                }
            }
        }
    }
    segments.into_iter().map(|segment| segment.unwrap_or_else(|| "{".to_owned())).collect()
}

/// The text in front of the first variable.
fn prefix(texts: &Texts) -> &str {
    match texts.path.as_ref().and_then(|path| path.pieces.first()) {
        Some(Piece::Text(text)) if texts.ending == Ending::Segments => text.trim_end_matches('/'),
        Some(Piece::Text(text)) => text,
        _ => "",
    }
}
