//! Subsumption: does one route match whatever another route matches?
//!
//! The tests are sound and not complete: `false` may mean that it cannot be told.

use std::sync::Arc;

use crate::compile::automaton::{Intersection, difference, host_regex, intersection, path_regex};
use crate::compile::guards::{Requirements, ValueConditions};
use crate::compile::overlap::{CHECK_COST, OverlapChecker, RouteRef};
use crate::matcher::formula::Formula;
use crate::matcher::guard::{Guard, HeaderMatch};
use crate::matcher::query::QueryMatch;
use crate::request::method::MethodSet;
use crate::request::peer::Network;

impl OverlapChecker<'_> {
    /// Tests whether the outer route matches whatever the inner route matches, and more.
    pub(crate) fn strictly_covers(&mut self, outer: RouteRef<'_>, inner: RouteRef<'_>) -> bool {
        self.covers(outer, inner) && !self.covers(inner, outer)
    }

    /// Tests whether the outer route matches every request that the inner route matches.
    pub(crate) fn covers(&mut self, outer: RouteRef<'_>, inner: RouteRef<'_>) -> bool {
        if !self.budget.spend(2 * CHECK_COST)
            || outer.pattern.methods.and(&inner.pattern.methods) != inner.pattern.methods
        {
            return false;
        }
        let syntax = self.policy.syntax;
        let [required, given] = [outer, inner].map(|route| {
            let mut requirements = Requirements::default();
            requirements.methods = Some(&route.pattern.methods);
            requirements.path_regexes.push(path_regex(route.templates, syntax));
            requirements.add_queries(0, &route.templates.queries, syntax);
            route.pattern.guards.iter().for_each(|guard| requirements.add(0, guard));
            requirements
        });
        given.imply(&required, self) && self.covers_host(outer, inner)
    }

    fn covers_host(&mut self, outer: RouteRef<'_>, inner: RouteRef<'_>) -> bool {
        let port = |route: RouteRef<'_>| route.pattern.host.as_ref().and_then(|host| host.port());
        if port(outer).is_some() && port(outer) != port(inner) {
            return false;
        }
        let syntax = self.policy.syntax;
        outer.templates.hosts.iter().all(|outer| {
            let outer = host_regex(outer, syntax);
            inner.templates.hosts.iter().any(|inner| self.within(&host_regex(inner, syntax), &outer))
        })
    }

    /// Tests whether no text belongs to both regexes.
    fn are_disjoint(&mut self, one: &str, other: &str) -> bool {
        self.shape(one).excludes(&self.shape(other))
            || match (self.language(one), self.language(other)) {
                (Some(one), Some(other)) => {
                    intersection(&[one, other], &mut self.budget) == Intersection::Nothing
                }
                _ => false,
            }
    }

    /// Tests whether all texts of the inner regex belong to the outer one.
    fn within(&mut self, inner: &str, outer: &str) -> bool {
        if inner == outer {
            return true;
        }
        let shape = self.shape(inner);
        // A regex without texts would be within any other one; it is of no use.
        if shape.excludes(&self.shape(outer)) {
            return false;
        }
        match (&shape.literal, self.language(outer)) {
            (_, None) => false,
            (Some(text), Some(outer)) => outer.contains(text),
            (None, Some(outer)) => self
                .language(inner)
                .is_some_and(|inner| difference(&inner, &outer, &mut self.budget) == Intersection::Nothing),
        }
    }
}

impl Requirements<'_> {
    /// Tests whether a request that meets these requirements meets others too; hosts and methods aside.
    fn imply(&self, other: &Self, checker: &mut OverlapChecker<'_>) -> bool {
        self.imply_paths(other, checker)
            && each_implied(&self.headers, &other.headers, checker)
            && each_implied(&self.cookies, &other.cookies, checker)
            && each_implied(&self.queries, &other.queries, checker)
            && contained(&self.schemes, &other.schemes, PartialEq::eq)
            && contained(&self.versions, &other.versions, PartialEq::eq)
            && contained(&self.upgrades, &other.upgrades, |own, other| own.eq_ignore_ascii_case(other))
            && contained(&self.clients, &other.clients, |own, other| other.covers(own))
            && contained(&self.content_types, &other.content_types, |own, other| other.covers(own))
            && contained(&self.accepted(), &other.accepted(), |own, other| other.covers(own))
            && other.others.iter().all(|guard| self.imply_other(guard, checker))
    }

    /// Each condition on the other path contains one on this path.
    fn imply_paths(&self, other: &Self, checker: &mut OverlapChecker<'_>) -> bool {
        let mut outer = other.path_regexes.iter();
        outer.all(|outer| self.path_regexes.iter().any(|own| checker.within(own, outer)))
    }

    fn imply_other(&self, guard: &Guard, checker: &mut OverlapChecker<'_>) -> bool {
        let mut own = self.others.iter();
        match guard {
            // Methods are compared as sets.
            Guard::Methods(_) => true,
            Guard::MethodRegex(regex) => {
                let matches = |set: &MethodSet| {
                    !set.is_all() && set.iter().all(|method| regex.is_match(method.as_str()))
                };
                self.methods.is_some_and(matches)
                    || own.any(|own| match own {
                        Guard::MethodRegex(own) => checker.within(own.as_str(), regex.as_str()),
                        _ => false,
                    })
            }
            Guard::Custom(custom) => own.any(|own| match own {
                Guard::Custom(own) => Arc::ptr_eq(&own.holds, &custom.holds),
                _ => false,
            }),
            Guard::Formula(rule) => {
                own.any(|own| matches!(own, Guard::Formula(own) if own.text == rule.text))
                    || self.imply_formula(&rule.formula, false, checker)
            }
            guard => own.any(|own| format!("{own:?}") == format!("{guard:?}")),
        }
    }

    /// Tests whether the requirements imply a formula, or its opposite.
    fn imply_formula(
        &self,
        formula: &Formula<Guard>,
        is_negated: bool,
        checker: &mut OverlapChecker<'_>,
    ) -> bool {
        match formula {
            Formula::Leaf(guard) if is_negated => self.exclude(guard, checker),
            Formula::Leaf(Guard::Query(query)) if matches!(query.value, QueryMatch::Template(_)) => false,
            Formula::Leaf(Guard::Methods(set)) => self.methods.is_some_and(|own| own.and(set) == *own),
            Formula::Leaf(guard) => {
                let mut one = Requirements::default();
                one.add(0, guard);
                one.add_query_value(0, guard);
                self.imply(&one, checker)
            }
            Formula::Not(inner) => self.imply_formula(inner, !is_negated, checker),
            Formula::All(parts) | Formula::Either(parts) => {
                let mut implied = parts.iter().map(|part| self.imply_formula(part, is_negated, checker));
                if matches!(formula, Formula::All(_)) != is_negated {
                    implied.all(|implied| implied)
                } else {
                    implied.any(|implied| implied)
                }
            }
        }
    }

    /// Tests whether no request that meets the requirements meets a guard.
    fn exclude(&self, guard: &Guard, checker: &mut OverlapChecker<'_>) -> bool {
        let state = |values: Option<&ValueConditions>, is_absence: bool| {
            values.is_some_and(|values| if is_absence { values.needs_value() } else { values.absent })
        };
        match guard {
            Guard::Header(name, value) => {
                let own = self.headers.iter().find(|(own, _)| own == name).map(|(_, values)| values);
                state(own, matches!(value, HeaderMatch::Absent))
            }
            Guard::Query(query) => {
                let own = self.queries.iter().find(|(own, _)| *own == query.key).map(|(_, values)| values);
                state(own, matches!(query.value, QueryMatch::Absent))
            }
            Guard::Path(path) => self.path_regexes.iter().any(|own| checker.are_disjoint(own, &path.regex)),
            Guard::Methods(set) => {
                self.methods.is_some_and(|own| own.and(set).is_empty())
                    || self.others.iter().any(|own| {
                        matches!(own, Guard::MethodRegex(own) if set.iter().all(|method| !own.is_match(method.as_str())))
                    })
            }
            Guard::Scheme(any) => disjoint(&self.schemes, any, PartialEq::eq),
            Guard::Version(any) => disjoint(&self.versions, any, PartialEq::eq),
            Guard::Client(any) => {
                let meet = |own: &Network, other: &Network| own.covers(other) || other.covers(own);
                disjoint(&self.clients, any, meet)
            }
            Guard::ContentType(any) => {
                disjoint(&self.content_types, any, |own, other| own.covers(other) || other.covers(own))
            }
            _ => false,
        }
    }
}

/// Each list of alternatives contains one of the own lists.
fn contained<T>(own: &[&[T]], other: &[&[T]], is_in: impl Fn(&T, &T) -> bool) -> bool {
    other
        .iter()
        .all(|other| own.iter().any(|own| own.iter().all(|own| other.iter().any(|other| is_in(own, other)))))
}

/// One of the own lists has nothing in common with the alternatives.
fn disjoint<T>(own: &[&[T]], any: &[T], meet: impl Fn(&T, &T) -> bool) -> bool {
    own.iter().any(|own| own.iter().all(|own| any.iter().all(|other| !meet(own, other))))
}

fn each_implied<K: PartialEq>(
    own: &[(K, ValueConditions)],
    other: &[(K, ValueConditions)],
    checker: &mut OverlapChecker<'_>,
) -> bool {
    other.iter().all(|(key, other)| own.iter().any(|(name, own)| name == key && own.imply(other, checker)))
}

impl ValueConditions {
    /// Tests whether a request without a value does not meet the conditions.
    fn needs_value(&self) -> bool {
        self.present || !self.exact.is_empty() || !self.some.is_empty()
    }

    /// Tests whether values that meet these conditions meet others too.
    fn imply(&self, other: &Self, checker: &mut OverlapChecker<'_>) -> bool {
        let exact: Vec<String> = self.exact.iter().map(|text| regex::escape(text)).collect();
        // One value meets each of these.
        let one: Vec<&String> = exact.iter().chain(&self.some).collect();
        let is_all_given = self.needs_value();
        let mut some = |regex: &str| {
            one.iter().any(|own| checker.within(own, regex))
                || (is_all_given && self.all.iter().any(|own| checker.within(own, regex)))
        };
        (!other.present || self.needs_value())
            && (!other.absent || self.absent)
            && other.exact.iter().all(|text| self.exact.contains(text) || some(&regex::escape(text)))
            && other.some.iter().all(|regex| some(regex))
            && other.all.iter().all(|regex| self.all.iter().any(|own| checker.within(own, regex)))
    }
}
