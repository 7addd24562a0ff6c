//! RegexLanguage: templates and regexes as automata, and searches over their product.
//!
//! Both searches go through the product of the automata breadth-first, so the first text found is a shortest
//! one.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use waylay_template::{Node, Syntax, Template, TemplateKind, VariableKind, Wildcard};

use crate::compile::shape::readable;
use crate::template::constraint::in_syntax;
use crate::template::path::PathEnd;

/// The most bytes that one automaton may take.
const MAX_AUTOMATON_BYTES: usize = 2 << 20;

/// The most states of a product that are visited.
const MAX_STATES: usize = 20_000;

/// The work that a comparison of routes may still cost: states of automata that are built or visited.
///
/// The count is the same on every machine, unlike a time.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
}

impl Budget {
    pub(crate) fn new(states: usize) -> Self {
        Self { left: states }
    }

    /// Takes some of it; returns false if it is spent.
    pub(crate) fn spend(&mut self, states: usize) -> bool {
        self.left = self.left.saturating_sub(states);
        !self.is_spent()
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.left == 0
    }
}

/// The texts that a regex matches as a whole.
#[derive(Debug, Clone)]
pub(crate) struct RegexLanguage {
    dfa: Arc<dense::DFA<Vec<u32>>>,
    start: StateID,
}

/// The memory of one state, for [`RegexLanguage::cost`].
const BYTES_PER_STATE: usize = 64;

/// The states that the construction of an automaton costs that turns out to be too large.
pub(crate) const FAILED_COST: usize = MAX_AUTOMATON_BYTES / BYTES_PER_STATE;

/// The intersection of several languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Intersection {
    /// The shortest text in it, without control characters.
    Text(String),
    /// No text.
    Nothing,
    /// Unknown: the product is too large.
    Unknown,
}

impl RegexLanguage {
    /// Returns the language of a regex; `None` if its automaton is too large or cannot express it.
    pub(crate) fn of(regex: &str) -> Option<Self> {
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::All)
            .dfa_size_limit(Some(MAX_AUTOMATON_BYTES))
            .determinize_size_limit(Some(MAX_AUTOMATON_BYTES));
        let dfa = dense::Builder::new()
            .configure(config)
            .thompson(thompson::Config::new().nfa_size_limit(Some(MAX_AUTOMATON_BYTES)))
            .build(&format!(r"\A(?:{regex})\z"))
            .ok()?;
        let start = dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()?;
        Some(Self { dfa: Arc::new(dfa), start })
    }

    /// Returns the states that its construction costs, estimated from its memory.
    pub(crate) fn cost(&self) -> usize {
        self.dfa.memory_usage() / BYTES_PER_STATE
    }

    /// Tests whether a text is in the language.
    pub(crate) fn contains(&self, text: &str) -> bool {
        let next = |state, byte| self.dfa.next_state(state, byte);
        self.accepts(text.bytes().fold(self.start, next))
    }

    fn accepts(&self, state: StateID) -> bool {
        self.dfa.is_match_state(self.dfa.next_eoi_state(state))
    }
}

/// Returns the shortest text that is in all languages of the first list and in none of the second.
pub(crate) fn intersection(
    languages: &[RegexLanguage],
    without: &[RegexLanguage],
    budget: &mut Budget,
) -> Intersection {
    let all = [languages, without].concat();
    let count = languages.len();
    search_product(
        &all,
        budget,
        |states| {
            states.iter().enumerate().all(|(i, (language, state))| language.accepts(*state) == (i < count))
        },
        |states| states.iter().take(count).any(|(language, state)| language.dfa.is_dead_state(*state)),
    )
}

/// Searches for the shortest text whose states satisfy `accepts`; states that satisfy `is_dead` are not
/// followed.
fn search_product(
    languages: &[RegexLanguage],
    budget: &mut Budget,
    accepts: impl Fn(&[(&RegexLanguage, StateID)]) -> bool,
    is_dead: impl Fn(&[(&RegexLanguage, StateID)]) -> bool,
) -> Intersection {
    let with = |states: &[StateID]| -> Vec<(&RegexLanguage, StateID)> {
        languages.iter().zip(states.iter().copied()).collect()
    };
    let alphabet = alphabet(languages);
    let start: Vec<StateID> = languages.iter().map(|language| language.start).collect();
    let mut seen: HashSet<Vec<StateID>> = HashSet::from([start.clone()]);
    // Each state with the index of its predecessor and the byte between them.
    let mut path: Vec<(usize, u8)> = vec![(0, 0)];
    let mut queue = VecDeque::from([(0, start)]);
    while let Some((index, states)) = queue.pop_front() {
        if accepts(&with(&states)) {
            return text(&path, index);
        }
        for &byte in &alphabet {
            let next: Vec<StateID> = with(&states)
                .into_iter()
                .map(|(language, state)| language.dfa.next_state(state, byte))
                .collect();
            if is_dead(&with(&next)) || !seen.insert(next.clone()) {
                continue;
            }
            if seen.len() > MAX_STATES || !budget.spend(1) {
                return Intersection::Unknown;
            }
            path.push((index, byte));
            queue.push_back((path.len() - 1, next));
        }
    }
    Intersection::Nothing
}

/// The bytes that texts are made of, readable ones first; one of those that all automata treat alike.
fn alphabet(languages: &[RegexLanguage]) -> Vec<u8> {
    let mut known = HashSet::new();
    let is_new = |byte: &u8| {
        let classes = languages.iter().map(|language| language.dfa.byte_classes().get(*byte));
        known.insert(classes.collect::<Vec<u8>>())
    };
    readable().filter_map(|c| u8::try_from(c).ok()).chain(0x80..=0xff).filter(is_new).collect()
}

fn text(path: &[(usize, u8)], mut index: usize) -> Intersection {
    let mut bytes = Vec::new();
    while index > 0 {
        let (before, byte) = path[index];
        bytes.push(byte);
        index = before;
    }
    bytes.reverse();
    // The automata match UTF-8 only.
    String::from_utf8(bytes).map_or(Intersection::Unknown, Intersection::Text)
}

/// The paths of a route without a path template.
pub(crate) const ANY_PATH: &str = "(?s:/.*)?";

/// Returns a regex for the paths of a route; that of the prefix `/` without a path template.
pub(crate) fn path_regex(path: Option<&Template>, end: PathEnd, syntax: Syntax) -> String {
    let Some(path) = path else {
        return ANY_PATH.to_owned();
    };
    let whole = regex(path, syntax);
    match (end, path.without_optional()) {
        (PathEnd::Exact, Some(short)) => format!("(?:{whole}|{})", regex(&short, syntax)),
        (PathEnd::Exact, None) => whole,
        // A prefix of whole segments ends before its last `/`.
        (PathEnd::Segments, _) => format!("{}(?s:/.*)?", whole.trim_end_matches('/')),
        (PathEnd::Raw, _) => format!("{whole}(?s:.*)"),
    }
}

/// Returns a regex for the hosts of a template, without the port.
pub(crate) fn host_regex(host: &Template, syntax: Syntax) -> String {
    let flags = if syntax == Syntax::Native { "(?i:" } else { "(?:" };
    format!("{flags}{})", regex(&bare_host(host), syntax))
}

/// Returns a host template without its port and its final dot.
pub(crate) fn bare_host(host: &Template) -> Template {
    let mut bare = host.clone();
    if let Some(Node::Text(last)) = bare.nodes.last_mut() {
        if let Some(colon) = last.rfind(':').filter(|&colon| !last[colon..].contains(']')) {
            last.truncate(colon);
        }
        last.truncate(last.strip_suffix('.').unwrap_or(last).len());
    }
    bare
}

/// Returns a regex for the values of a query template.
pub(crate) fn query_regex(template: &Template, syntax: Syntax) -> String {
    regex(template, syntax)
}

fn regex(template: &Template, syntax: Syntax) -> String {
    let mut out = String::new();
    for node in &template.nodes {
        match node {
            Node::Text(text) => out.push_str(&regex::escape(text)),
            Node::Wildcard(Wildcard::One) => out.push_str("[^.]+"),
            Node::Wildcard(Wildcard::Many) => out.push_str("(?s:.+)"),
            Node::Wildcard(Wildcard::Regex(regex)) => out.push_str(&constrained(regex, syntax)),
            Node::Variable(var) => match &var.kind {
                VariableKind::Regex(pattern) => out.push_str(&constrained(pattern, syntax)),
                VariableKind::Tail => out.push_str("(?s:.+)"),
                VariableKind::Plain => out.push_str(match template.kind {
                    TemplateKind::Path => "[^/]+",
                    TemplateKind::Host => "[^.]+",
                    TemplateKind::Query => "(?s:.+)",
                }),
            },
        }
    }
    out
}

/// Returns the regex of a variable as part of a larger regex.
pub(crate) fn constrained(pattern: &str, syntax: Syntax) -> String {
    let dot = if syntax == Syntax::Native { "(?s:" } else { "(?:" };
    format!("{dot}{})", in_syntax(pattern, syntax))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(regexes: &[&str]) -> Vec<RegexLanguage> {
        regexes.iter().map(|regex| RegexLanguage::of(regex).unwrap()).collect()
    }

    #[test]
    fn share_the_shortest_text() {
        for (regexes, accepts) in [
            (&["/a[^/]+", "/[^/]+a"][..], Some("/aa")),
            (&["[0-9]+", "[a-z]+"], None),
            (&[r"\d{4}", "[0-3]+"], Some("0000")),
            (&["a|ab", "ab|b"], Some("ab")),
            (&[r"\w+", "caf\u{e9}"], Some("caf\u{e9}")),
            (&["a*", "b*"], Some("")),
            (&["(?i:ABC)", "abc"], Some("abc")),
            (&["x"], Some("x")),
            (&["[a&&b]"], None),
        ] {
            let accepts = accepts.map_or(Intersection::Nothing, |text| Intersection::Text(text.to_owned()));
            let found = intersection(&of(regexes), &[], &mut Budget::new(10_000));
            assert_eq!(found, accepts, "{regexes:?}");
        }
        assert!(RegexLanguage::of(r"(?:[ab]*a[ab]{40})").is_none());
    }

    #[test]
    fn stop_when_the_budget_is_spent() {
        let mut budget = Budget::new(3);
        assert_eq!(intersection(&of(&["a{9}", "a+"]), &[], &mut budget), Intersection::Unknown);
        assert!(budget.is_spent());
    }

    #[test]
    fn contain_one_another() {
        for (inner, outer, accepts) in [
            ("/a/[^/]+", "/.*", None),
            ("/.*", "/a/[^/]+", Some("/")),
            ("[0-9]{2}", "[0-9]+", None),
            ("[0-9]+", "[0-9]{2}", Some("0")),
        ] {
            let languages = of(&[inner, outer]);
            let accepts = accepts.map_or(Intersection::Nothing, |text| Intersection::Text(text.to_owned()));
            let found = intersection(&languages[..1], &languages[1..], &mut Budget::new(10_000));
            assert_eq!(found, accepts, "{inner} {outer}");
        }
    }
}
