//! Lowering: rules to alternatives of conditions (DNF).
//!
//! What is not a list (a negated path, a second path, more than [`MAX_ALTERNATIVES`] lists) stays a formula
//! next to the lists.

use std::collections::HashMap;

use crate::matcher::formula::Formula;
use crate::matcher::guard::Custom;
use crate::request::method::MethodSet;
use crate::route::call::{CallConditions, call_conditions};
use crate::route::conditions::{Condition, Conditions};
use crate::rule::ast::{Call, Expr};
use crate::rule::dialect::Language;
use crate::rule::error::{MAX_ALTERNATIVES, RuleError, RuleErrorKind};
use crate::rule::function::Function;
use crate::rule::lint::RuleLint;
use crate::rule::text::{Rule, RuleText};

/// The conditions of a route with rules, and the priority that the rules give.
#[derive(Debug)]
pub(crate) struct Lowered {
    /// At least one.
    pub(crate) alternatives: Vec<Conditions>,
    pub(crate) priority: Option<i32>,
    /// The text of foreign rules, which orders those of equal specificity.
    pub(crate) foreign: String,
    pub(crate) lints: Vec<RuleLint>,
}

type Tree = Formula<Conditions>;

/// One condition, and whether it is positive.
type Literal<'t> = (&'t Conditions, bool);

/// Parses and lowers the rules of some conditions; `guards` are the guards of the table.
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
            Err(more) => errors.extend(more),
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

/// Lowers the rules of a scope to one list; alternatives stay a formula.
pub(crate) fn lower_as_one(
    conditions: &Conditions,
    guards: &HashMap<String, Custom>,
) -> Result<Conditions, Vec<RuleError>> {
    let mut alternatives = lower_to(conditions, guards, 1)?.alternatives;
    let mut alternative = alternatives.swap_remove(0);
    // Only a prefix can precede the paths of routes.
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
    let error = |(kind, span)| RuleError { kind, text: text.text.clone(), span };
    if reader.unknown.is_empty() {
        Ok((tree, rule.lints().to_vec()))
    } else {
        Err(reader.unknown.into_iter().map(error).collect())
    }
}

struct Reader<'g> {
    language: Language,
    guards: &'g HashMap<String, Custom>,
    unknown: Vec<(RuleErrorKind, std::ops::Range<usize>)>,
}

impl Reader<'_> {
    /// Converts a rule to a tree with each `!` at a condition (De Morgan's laws, which hold for three values
    /// too).
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
                conditions.add(Condition::Custom(custom.clone()));
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

/// Returns the opposite of one condition; absence is a condition itself.
fn negate(conditions: Conditions) -> Tree {
    match conditions.negated() {
        Some(negated) => Tree::Leaf(negated),
        None => Tree::Not(Box::new(Tree::Leaf(conditions))),
    }
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

/// Joins alternatives; those of one kind, such as methods or schemes, become one condition.
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

/// Returns the lists that are together equivalent to the tree.
fn alternatives(base: &Conditions, tree: &Tree, most: usize) -> Vec<Conditions> {
    let parts = match tree {
        Tree::All(parts) => parts.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut lists: Vec<Vec<Literal<'_>>> = vec![Vec::new()];
    let mut rest: Vec<&Tree> = Vec::new();
    for part in parts {
        match lists_of(part, most / lists.len().max(1)) {
            Some(more) => lists = product(&lists, &more),
            None => rest.push(part),
        }
    }
    let mut alternatives: Vec<Conditions> =
        lists.into_iter().map(|list| alternative(base, list, &rest)).collect();
    // A list that never matches stays only if it is the single one, as a route without methods.
    let can_match = |alternative: &Conditions| {
        let sets = alternative.method_sets().map(|set| set.clone().with_head());
        sets.reduce(|all, set| all.and(&set)).is_none_or(|common| !common.is_empty())
    };
    if alternatives.iter().any(can_match) {
        alternatives.retain(can_match);
    } else {
        alternatives.truncate(1);
    }
    if alternatives.is_empty() {
        let never = Conditions { methods: Some(MethodSet::default()), ..base.clone() };
        alternatives.push(never);
    }
    alternatives
}

/// Returns the lists of a tree, unless there are more than `limit`.
fn lists_of(tree: &Tree, limit: usize) -> Option<Vec<Vec<Literal<'_>>>> {
    let lists = match tree {
        Tree::Leaf(conditions) => vec![vec![(conditions, true)]],
        Tree::Not(inner) => match &**inner {
            Tree::Leaf(conditions) => vec![vec![(conditions, false)]],
            _ => return None,
        },
        Tree::Either(parts) => {
            let mut lists = Vec::new();
            for part in parts {
                lists.extend(lists_of(part, limit.checked_sub(lists.len())?)?);
            }
            lists
        }
        Tree::All(parts) => {
            let mut lists = vec![Vec::new()];
            for part in parts {
                lists = product(&lists, &lists_of(part, limit / lists.len().max(1))?);
            }
            lists
        }
    };
    (lists.len() <= limit).then_some(lists)
}

fn product<'t>(lists: &[Vec<Literal<'t>>], more: &[Vec<Literal<'t>>]) -> Vec<Vec<Literal<'t>>> {
    lists.iter().flat_map(|list| more.iter().map(|more| [list.as_slice(), more].concat())).collect()
}

/// Joins one list with the conditions of the route and with the trees that are not lists.
fn alternative(base: &Conditions, mut list: Vec<Literal<'_>>, rest: &[&Tree]) -> Conditions {
    let mut alternative = base.clone();
    // The index uses the most exact path.
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
    /// Adds all conditions of another list, if both fit into one list; otherwise changes nothing.
    pub(crate) fn merge_into(&mut self, other: &Self) -> bool {
        if self.path.is_some() && other.path.is_some() || self.share_alternatives(other) {
            return false;
        }
        // The policy defines the intersection of two sets of methods: whether GET includes HEAD.
        let mut methods = other.method_sets().cloned();
        if self.methods.is_none() {
            self.methods = methods.next();
        }
        self.further_methods.extend(methods);
        self.path = self.path.take().or_else(|| other.path.clone());
        self.hosts.extend_from_slice(&other.hosts);
        self.exact_methods |= other.exact_methods;
        self.add_all(other);
        true
    }

    /// Adds the alternatives of another condition of the same kind; otherwise changes nothing. Both have one
    /// condition.
    pub(crate) fn union(&mut self, other: &Self) -> bool {
        if let (Some(own), Some(others)) = (&mut self.methods, &other.methods) {
            own.extend(others);
            return true;
        }
        let alternatives = self.share_alternatives(other);
        if alternatives {
            self.add_all(other);
        }
        alternatives
    }

    fn add_all(&mut self, other: &Self) {
        other.list.iter().for_each(|condition| self.add(condition.clone()));
    }
}
