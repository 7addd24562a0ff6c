//! Subsumption: does one route match whatever another route matches?
//!
//! The tests are sound and not complete: `false` may mean that it cannot be told.

use std::mem::discriminant;
use std::sync::Arc;

use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, COOKIE, UPGRADE};
use http::{HeaderName, Version};

use crate::compile::automaton::{Intersection, intersection};
use crate::compile::guards::{Requirements, ValueConditions};
use crate::compile::overlap::{CHECK_COST, NoWitness, OverlapChecker, RouteRef};
use crate::matcher::formula::Formula;
use crate::matcher::guard::Guard;
use crate::matcher::header::HeaderMatch;
use crate::matcher::query::QueryMatch;
use crate::request::media_type::Media;
use crate::request::method::MethodSet;

impl OverlapChecker<'_> {
    /// Tests whether the outer route matches whatever the inner route matches, and more.
    pub(crate) fn strictly_covers(&mut self, outer: RouteRef<'_>, inner: RouteRef<'_>) -> bool {
        self.covers(outer, inner) && !self.covers(inner, outer)
    }

    /// Tests whether the outer route matches every request that the inner route matches.
    pub(crate) fn covers(&mut self, outer: RouteRef<'_>, inner: RouteRef<'_>) -> bool {
        if !self.budget.spend(2 * CHECK_COST) {
            return false;
        }
        let required = self.requirements(&[outer]);
        self.requirements(&[inner]).cases().iter().all(|given| given.imply(&required, self))
    }

    /// Tests whether no text belongs to all regexes of the first list and to none of the second.
    fn is_empty(&mut self, with: &[String], without: &[String]) -> bool {
        matches!(self.sample(with, without), Err(NoWitness::Never))
    }

    /// Tests whether no text belongs to both regexes.
    fn are_disjoint(&mut self, one: &str, other: &str) -> bool {
        self.shape(one).excludes(&self.shape(other))
            || match (self.language(one), self.language(other)) {
                (Some(one), Some(other)) => {
                    intersection(&[one, other], &[], &mut self.budget) == Intersection::Nothing
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
            (None, Some(outer)) => self.language(inner).is_some_and(|inner| {
                intersection(&[inner], &[outer], &mut self.budget) == Intersection::Nothing
            }),
        }
    }
}

impl Requirements<'_> {
    /// Tests whether a request that meets these requirements meets others too. Alternatives in formulas of these
    /// requirements are not read: each [case](Requirements::cases) is tested.
    fn imply(&self, other: &Self, checker: &mut OverlapChecker<'_>) -> bool {
        let mut is_within = |set: &MethodSet| {
            self.methods.iter().any(|own| own.and(set) == **own) || self.names_methods_of(set, checker)
        };
        other.methods.iter().all(|set| is_within(set))
            && other.ports.iter().all(|port| self.ports.contains(port))
            && all_within(&self.path_regexes, &other.path_regexes, checker)
            && all_within(&self.host_regexes, &other.host_regexes, checker)
            && other.headers.iter().all(|(name, values)| {
                is_implied(&self.headers, name, values, checker)
                    || self.derived_header(name).is_some_and(|own| own.imply(values, checker))
            })
            && other.cookies.iter().all(|(name, values)| {
                is_implied(&self.cookies, name, values, checker)
                    || cookie_line(name, values)
                        .is_some_and(|line| is_implied(&self.headers, &COOKIE, &line, checker))
            })
            && each_implied(&self.queries, &other.queries, checker)
            && other.alternatives.iter().all(|other| {
                self.alternatives.iter().any(|own| other.contains(own))
                    || matches!(other, Guard::Accept(any) if self.accepts(any))
            })
            && other.negated.iter().all(|guard| self.exclude(guard, checker))
            && other.others.iter().all(|guard| self.imply_other(guard, checker))
            && other.formulas.iter().all(|(_, rule)| {
                self.formulas.iter().any(|(_, own)| own.text == rule.text)
                    || self.imply_formula(&rule.formula, false, checker)
            })
    }

    /// Tests whether the `Accept` lines that are required accept one of the types: there are none, or one of them names a
    /// type in a range.
    fn accepts(&self, any: &[Media]) -> bool {
        let mut values = self.headers.iter().filter(|(name, _)| *name == ACCEPT).map(|(_, values)| values);
        let names = |text: &String| any.iter().any(|media| media.is_named_in(text));
        values.any(|values| values.absent || values.exact.iter().any(names))
    }

    /// Returns what other conditions require of the header that they read.
    fn derived_header(&self, name: &HeaderName) -> Option<ValueConditions> {
        let mut values = ValueConditions::default();
        values.present = true;
        let mut alternatives = self.alternatives.iter();
        match *name {
            COOKIE => {
                let lines = self.cookies.iter().filter_map(|(name, values)| cookie_line(name, values));
                values.some.extend(lines.flat_map(|line| line.some));
                (!values.some.is_empty()).then_some(values)
            }
            CONTENT_TYPE => {
                let of_type = |guard: &&Guard| match guard {
                    Guard::ContentType(any) => {
                        let any: Vec<String> = any.iter().map(Media::regex).collect();
                        Some(any.join("|"))
                    }
                    _ => None,
                };
                values.some.extend(alternatives.filter_map(of_type));
                // There is one line.
                values.all.clone_from(&values.some);
                (!values.some.is_empty()).then_some(values)
            }
            // A client that sends none accepts everything.
            ACCEPT => self.negated.iter().any(|guard| matches!(guard, Guard::Accept(_))).then_some(values),
            // Over HTTP/2, an upgrade has no headers.
            CONNECTION | UPGRADE => {
                let is_http1 =
                    |guard: &Guard| matches!(guard, Guard::Version(any) if any[..] == [Version::HTTP_11]);
                let is_upgrade = alternatives.clone().any(|guard| matches!(guard, Guard::Upgrade(_)));
                (is_upgrade && alternatives.any(|guard| is_http1(guard))).then_some(values)
            }
            _ => None,
        }
    }

    /// Tests whether a regex of these requirements matches methods of a list only.
    fn names_methods_of(&self, set: &MethodSet, checker: &mut OverlapChecker<'_>) -> bool {
        let mut regexes = self.others.iter().filter_map(|guard| match guard {
            Guard::MethodRegex(regex) => Some(regex.as_str()),
            _ => None,
        });
        !set.is_all() && {
            let names: Vec<String> = set.iter().map(|method| regex::escape(method.as_str())).collect();
            regexes.any(|own| checker.within(own, &names.join("|")))
        }
    }

    fn imply_other(&self, guard: &Guard, checker: &mut OverlapChecker<'_>) -> bool {
        let mut own = self.others.iter();
        match guard {
            Guard::MethodRegex(regex) => {
                let matches = |set: &MethodSet| {
                    !set.is_all() && set.iter().all(|method| regex.is_match(method.as_str()))
                };
                self.methods.iter().any(|set| matches(set))
                    || own.any(|own| match own {
                        Guard::MethodRegex(own) => checker.within(own.as_str(), regex.as_str()),
                        _ => false,
                    })
            }
            Guard::Custom(custom) => own.any(|own| match own {
                Guard::Custom(own) => Arc::ptr_eq(&own.holds, &custom.holds),
                _ => false,
            }),
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
            Formula::Leaf(guard) => self.imply_guard(guard, checker),
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

    /// Tests whether a request that meets the requirements meets a guard too.
    pub(crate) fn imply_guard(&self, guard: &Guard, checker: &mut OverlapChecker<'_>) -> bool {
        let mut one = Requirements::default();
        one.add_literal(0, (guard, true));
        self.imply(&one, checker)
    }

    /// Tests whether no request that meets the requirements meets a guard.
    fn exclude(&self, guard: &Guard, checker: &mut OverlapChecker<'_>) -> bool {
        let state = |values: Option<&ValueConditions>, is_absence: bool| {
            values.is_some_and(|values| if is_absence { values.needs_value() } else { values.absent })
        };
        if self.negated.iter().any(|own| excludes_more(own, guard, checker)) {
            return true;
        }
        match guard {
            Guard::Header(name, value) => {
                let own = self.headers.iter().find(|(own, _)| own == name).map(|(_, values)| values);
                state(own, matches!(value, HeaderMatch::Absent))
            }
            Guard::Query(query) => {
                let own = self.queries.iter().find(|(own, _)| *own == query.key).map(|(_, values)| values);
                state(own, matches!(query.value, QueryMatch::Absent))
            }
            Guard::Path(path) => self.excludes_path(&path.regex, checker),
            Guard::PathRegex(path) => self.excludes_path(path.regex.as_str(), checker),
            Guard::MethodRegex(regex) => {
                let excludes = |set: &MethodSet| {
                    !set.is_all() && set.iter().all(|method| !regex.is_match(method.as_str()))
                };
                self.methods.iter().any(|own| excludes(own))
                    || self.others.iter().any(|own| match own {
                        Guard::MethodRegex(own) => checker.are_disjoint(own.as_str(), regex.as_str()),
                        _ => false,
                    })
            }
            Guard::Host(host) => {
                host.pattern.port().is_some_and(|port| self.ports.iter().any(|own| *own != port))
                    || checker.is_empty(
                        &[std::slice::from_ref(&host.regex), &self.host_regexes].concat(),
                        &self.negated_hosts(host.pattern.port()),
                    )
            }
            Guard::Methods(set) => {
                self.methods.iter().any(|own| own.and(set).is_empty())
                    || self.others.iter().any(|own| {
                        matches!(own, Guard::MethodRegex(own) if set.iter().all(|method| !own.is_match(method.as_str())))
                    })
            }
            guard => self.alternatives.iter().any(|own| own.excludes(guard)),
        }
    }
}

impl Requirements<'_> {
    /// Tests whether no path that meets the requirements matches a regex.
    fn excludes_path(&self, regex: &str, checker: &mut OverlapChecker<'_>) -> bool {
        let with = [&[regex.to_owned()], self.path_regexes.as_slice()].concat();
        checker.is_empty(&with, &self.negated_paths())
    }
}

/// Returns the conditions on a cookie as those on the `Cookie` lines; `None` if they require no value.
fn cookie_line(name: &str, cookie: &ValueConditions) -> Option<ValueConditions> {
    let one = |value: &str| format!(r"(?:.*;[ \t]*)?{}={value}(?:[ \t]*;.*)?", regex::escape(name));
    let mut line = ValueConditions::default();
    line.present = true;
    line.some.extend(cookie.present.then(|| one("[^;]*")));
    line.some.extend(cookie.exact.iter().map(|text| one(&regex::escape(text))));
    cookie.needs_value().then_some(line)
}

/// Tests whether the absence of one guard is that of another: the other one admits no more, and is not unknown where the
/// first one is known.
fn excludes_more(outer: &Guard, inner: &Guard, checker: &mut OverlapChecker<'_>) -> bool {
    let is_regex =
        |guard: &Guard| matches!(guard, Guard::Header(_, HeaderMatch::Regex(_) | HeaderMatch::All(_)));
    let is_presence = matches!(outer, Guard::Header(_, HeaderMatch::Present));
    // All that read the path are unknown for the same paths.
    let is_path = |guard: &Guard| matches!(guard, Guard::Path(_) | Guard::PathRegex(_));
    let is_method = |guard: &Guard| matches!(guard, Guard::Methods(_) | Guard::MethodRegex(_));
    let is_one_kind = discriminant(outer) == discriminant(inner)
        || is_path(outer) && is_path(inner)
        || is_method(outer) && is_method(inner);
    if !is_one_kind || is_regex(inner) && !is_regex(outer) && !is_presence {
        return false;
    }
    let mut one = Requirements::default();
    one.add_literal(0, (inner, true));
    one.imply_guard(outer, checker)
}

/// Tests whether each regex of others contains one of these.
fn all_within(own: &[String], other: &[String], checker: &mut OverlapChecker<'_>) -> bool {
    other.iter().all(|outer| own.iter().any(|own| checker.within(own, outer)))
}

fn each_implied<K: PartialEq>(
    own: &[(K, ValueConditions)],
    other: &[(K, ValueConditions)],
    checker: &mut OverlapChecker<'_>,
) -> bool {
    other.iter().all(|(key, other)| is_implied(own, key, other, checker))
}

fn is_implied<K: PartialEq>(
    own: &[(K, ValueConditions)],
    key: &K,
    other: &ValueConditions,
    checker: &mut OverlapChecker<'_>,
) -> bool {
    own.iter().any(|(name, own)| name == key && own.imply(other, checker))
}

impl ValueConditions {
    /// Tests whether a request without a value does not meet the conditions.
    pub(crate) fn needs_value(&self) -> bool {
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
