//! Rules to alternatives of conditions (DNF).
//!
//! What is no list (the opposite of a path, a second path, more than [`MAX_ALTERNATIVES`] lists)
//! stays a formula beside the lists.

use std::collections::HashMap;

use crate::matcher::formula::Formula;
use crate::matcher::guard::Custom;
use crate::request::method::MethodSet;
use crate::route::call::{CallConditions, call_conditions};
use crate::route::conditions::{Conditions, HeaderText, QueryText};
use crate::rule::ast::{Call, Expr};
use crate::rule::check::RuleLint;
use crate::rule::dialect::{Function, Language};
use crate::rule::error::{MAX_ALTERNATIVES, RuleError, RuleErrorKind};
use crate::rule::text::{Rule, RuleText};

/// The conditions that rules leave, and the priority that they have of their own.
#[derive(Debug)]
pub(crate) struct Lowered {
    /// One at least.
    pub(crate) alternatives: Vec<Conditions>,
    pub(crate) priority: Option<i32>,
    /// The text of foreign rules, which decides between those that are as specific.
    pub(crate) foreign: String,
    pub(crate) lints: Vec<RuleLint>,
}

type Tree = Formula<Conditions>;

/// One condition, or its opposite.
type Literal<'t> = (&'t Conditions, bool);

/// Reads and lays out the rules of some conditions; `guards` are the table's.
pub(crate) fn lower(
    conditions: &Conditions,
    guards: &HashMap<String, Custom>,
) -> Result<Lowered, Vec<RuleError>> {
    lower_to(conditions, guards, MAX_ALTERNATIVES)
}

fn lower_to(
    conditions: &Conditions,
    guards: &HashMap<String, Custom>,
    most: usize,
) -> Result<Lowered, Vec<RuleError>> {
    let mut errors = Vec::new();
    let mut parts = Vec::new();
    let mut priority = None;
    let mut foreign = String::new();
    let mut lints = Vec::new();
    for text in &conditions.rules {
        match read(text, guards) {
            Ok((tree, more)) => {
                parts.push(tree);
                lints.extend(more);
            }
            Err(faults) => errors.extend(faults),
        }
        if text.dialect.language() != Language::Native {
            foreign.push_str(&text.text);
        }
        if text.dialect.language() == Language::Traefik {
            priority = priority.max(i32::try_from(text.text.len()).ok());
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut base = conditions.clone();
    base.rules.clear();
    Ok(Lowered { alternatives: alternatives(&base, &all(parts), most), priority, foreign, lints })
}

/// The same as one list, as scopes hold it: what is a choice stays a formula.
pub(crate) fn lower_as_one(
    conditions: &Conditions,
    guards: &HashMap<String, Custom>,
) -> Result<Conditions, Vec<RuleError>> {
    let mut alternatives = lower_to(conditions, guards, 1)?.alternatives;
    let mut alternative = alternatives.swap_remove(0);
    // A path that is no prefix stands in front of no other.
    if let Some(path) = alternative.path.take_if(|path| !path.prefix || path.raw) {
        alternative.formulas.push(Tree::Leaf(Conditions { path: Some(path), ..Conditions::new() }));
    }
    Ok(alternative)
}

pub(crate) fn read(
    text: &RuleText,
    guards: &HashMap<String, Custom>,
) -> Result<(Tree, Vec<RuleLint>), Vec<RuleError>> {
    let rule = Rule::parse(text.clone()).map_err(|errors| errors.into_iter().collect::<Vec<_>>())?;
    let mut reader = Reader { language: text.dialect.language(), guards, unknown: Vec::new() };
    let tree = reader.tree(rule.expr(), true);
    let fault = |(kind, span)| RuleError { kind, text: text.text.clone(), span };
    if reader.unknown.is_empty() {
        Ok((tree, rule.lints().to_vec()))
    } else {
        Err(reader.unknown.into_iter().map(fault).collect())
    }
}

struct Reader<'g> {
    language: Language,
    guards: &'g HashMap<String, Custom>,
    unknown: Vec<(RuleErrorKind, std::ops::Range<usize>)>,
}

impl Reader<'_> {
    /// The tree with every `!` at a condition (De Morgan's laws, which hold with three values too).
    fn tree(&mut self, expr: &Expr, holds: bool) -> Tree {
        match expr {
            Expr::Call(call) => self.leaf(call, holds),
            Expr::Not(inner) => self.tree(inner, !holds),
            Expr::All(parts) if holds => all(parts.iter().map(|part| self.tree(part, true))),
            Expr::All(parts) => either(parts.iter().map(|part| self.tree(part, false))),
            Expr::Either(parts) if holds => either(parts.iter().map(|part| self.tree(part, true))),
            Expr::Either(parts) => all(parts.iter().map(|part| self.tree(part, false))),
        }
    }

    fn leaf(&mut self, call: &Call, holds: bool) -> Tree {
        let call_conditions = if call.function == Function::Guard {
            self.guard(call)
        } else {
            call_conditions(call, self.language)
        };
        match call_conditions {
            CallConditions::Always if holds => Tree::All(Vec::new()),
            CallConditions::Never if !holds => Tree::All(Vec::new()),
            CallConditions::Always | CallConditions::Never => Tree::Either(Vec::new()),
            CallConditions::Of(conditions) if holds => Tree::Leaf(*conditions),
            CallConditions::Of(conditions) => negate(*conditions),
        }
    }

    fn guard(&mut self, call: &Call) -> CallConditions {
        let Some(argument) = call.arguments.first() else { return CallConditions::Never };
        match self.guards.get(&argument.text) {
            Some(custom) => {
                let mut conditions = Conditions::new();
                conditions.custom.push(custom.clone());
                CallConditions::Of(Box::new(conditions))
            }
            None => {
                let kind = RuleErrorKind::UnknownGuard(argument.text.clone());
                self.unknown.push((kind, argument.span.clone()));
                CallConditions::Never
            }
        }
    }
}

/// The opposite of one condition; that something is not there is a condition of its own.
fn negate(mut conditions: Conditions) -> Tree {
    for (_, want) in &mut conditions.headers {
        if matches!(want, HeaderText::Present) {
            *want = HeaderText::Absent;
            return Tree::Leaf(conditions);
        }
    }
    for (_, want) in &mut conditions.queries {
        if matches!(want, QueryText::Present) {
            *want = QueryText::Absent;
            return Tree::Leaf(conditions);
        }
    }
    Tree::Not(Box::new(Tree::Leaf(conditions)))
}

fn all(parts: impl IntoIterator<Item = Tree>) -> Tree {
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Tree::All(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    if flat.len() == 1 { flat.remove(0) } else { Tree::All(flat) }
}

/// One of some; methods, schemes and the like beside each other are one condition.
fn either(parts: impl IntoIterator<Item = Tree>) -> Tree {
    let mut flat: Vec<Tree> = Vec::new();
    for part in parts {
        let inner = match part {
            Tree::Either(inner) => inner,
            other => vec![other],
        };
        for part in inner {
            let joined = match &part {
                Tree::Leaf(more) => flat.iter_mut().any(|known| match known {
                    Tree::Leaf(known) => known.union(more),
                    _ => false,
                }),
                _ => false,
            };
            if !joined {
                flat.push(part);
            }
        }
    }
    if flat.len() == 1 { flat.remove(0) } else { Tree::Either(flat) }
}

/// The lists that say together what the tree says.
fn alternatives(base: &Conditions, tree: &Tree, most: usize) -> Vec<Conditions> {
    let parts = match tree {
        Tree::All(parts) => parts.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut lists: Vec<Vec<Literal<'_>>> = vec![Vec::new()];
    let mut rest: Vec<&Tree> = Vec::new();
    for part in parts {
        match spread(part, most / lists.len().max(1)) {
            Some(more) => lists = product(&lists, &more),
            None => rest.push(part),
        }
    }
    let mut alternatives: Vec<Conditions> =
        lists.into_iter().map(|list| alternative(base, list, &rest)).collect();
    // What never holds is kept where there is nothing else, as a route for no method.
    let live =
        |alternative: &Conditions| alternative.methods.as_ref().is_none_or(|methods| !methods.is_empty());
    if alternatives.iter().any(live) {
        alternatives.retain(live);
    } else {
        alternatives.truncate(1);
    }
    if alternatives.is_empty() {
        let never = Conditions { methods: Some(MethodSet::default()), ..base.clone() };
        alternatives.push(never);
    }
    alternatives
}

/// The lists of a tree, unless there are more than `room`.
fn spread(tree: &Tree, room: usize) -> Option<Vec<Vec<Literal<'_>>>> {
    let lists = match tree {
        Tree::Leaf(conditions) => vec![vec![(conditions, true)]],
        Tree::Not(inner) => match &**inner {
            Tree::Leaf(conditions) => vec![vec![(conditions, false)]],
            _ => return None,
        },
        Tree::Either(parts) => {
            let mut lists = Vec::new();
            for part in parts {
                lists.extend(spread(part, room.checked_sub(lists.len())?)?);
            }
            lists
        }
        Tree::All(parts) => {
            let mut lists = vec![Vec::new()];
            for part in parts {
                lists = product(&lists, &spread(part, room / lists.len().max(1))?);
            }
            lists
        }
    };
    (lists.len() <= room).then_some(lists)
}

fn product<'t>(lists: &[Vec<Literal<'t>>], more: &[Vec<Literal<'t>>]) -> Vec<Vec<Literal<'t>>> {
    lists.iter().flat_map(|list| more.iter().map(|more| [list.as_slice(), more].concat())).collect()
}

/// One list with what the route asks anyway, and the trees that are no lists.
fn alternative(base: &Conditions, mut list: Vec<Literal<'_>>, rest: &[&Tree]) -> Conditions {
    let mut alternative = base.clone();
    // The path that the index goes by is the most exact one.
    list.sort_by_key(|(conditions, _)| conditions.path.as_ref().is_some_and(|path| path.prefix));
    for (conditions, holds) in list {
        if !holds {
            alternative.formulas.push(Tree::Not(Box::new(Tree::Leaf(conditions.clone()))));
        } else if !alternative.merge_into(conditions) {
            alternative.formulas.push(Tree::Leaf(conditions.clone()));
        }
    }
    alternative.formulas.extend(rest.iter().copied().cloned());
    alternative
}

impl Conditions {
    /// Takes over all conditions of another list, where both can stand in one; else nothing happens.
    pub(crate) fn merge_into(&mut self, other: &Self) -> bool {
        // Of two sets of methods the policy says what is common to them: whether GET means HEAD.
        let both =
            self.path.is_some() && other.path.is_some() || self.methods.is_some() && other.methods.is_some();
        if both || self.has_common_list(other) {
            return false;
        }
        self.methods = self.methods.take().or_else(|| other.methods.clone());
        self.path = self.path.take().or_else(|| other.path.clone());
        self.hosts.extend_from_slice(&other.hosts);
        self.headers.extend_from_slice(&other.headers);
        self.queries.extend_from_slice(&other.queries);
        self.cookies.extend_from_slice(&other.cookies);
        self.custom.extend_from_slice(&other.custom);
        self.path_regexes.extend_from_slice(&other.path_regexes);
        self.method_regexes.extend_from_slice(&other.method_regexes);
        self.exact_methods |= other.exact_methods;
        self.union_lists(other);
        true
    }

    /// Takes over the alternatives of another condition of the same kind; else nothing happens. Both
    /// hold one condition.
    pub(crate) fn union(&mut self, other: &Self) -> bool {
        if let (Some(own), Some(others)) = (&mut self.methods, &other.methods) {
            own.extend(others);
            return true;
        }
        let same = self.has_common_list(other);
        if same {
            self.union_lists(other);
        }
        same
    }

    /// Whether both have something in the same list of alternatives.
    fn has_common_list(&self, other: &Self) -> bool {
        let lists = |of: &Self| {
            [&of.schemes, &of.clients, &of.content_types, &of.accepts, &of.upgrades]
                .map(|list| !list.is_empty())
        };
        lists(self).into_iter().zip(lists(other)).any(|(own, other)| own && other)
    }

    fn union_lists(&mut self, other: &Self) {
        self.schemes.extend_from_slice(&other.schemes);
        self.clients.extend_from_slice(&other.clients);
        self.content_types.extend_from_slice(&other.content_types);
        self.accepts.extend_from_slice(&other.accepts);
        self.upgrades.extend_from_slice(&other.upgrades);
    }
}
