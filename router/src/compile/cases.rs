//! Literals: a formula as alternatives of conditions and negated conditions.

use crate::matcher::formula::Formula;
use crate::matcher::guard::Guard;

/// A condition, and whether it must hold.
pub(crate) type Literal<'g> = (&'g Guard, bool);

/// Returns the lists of conditions one of which must hold whole, unless there are more than `limit`.
pub(crate) fn literals(formula: &Formula<Guard>, limit: usize) -> Option<Vec<Vec<Literal<'_>>>> {
    lists(formula, true, limit)
}

/// De Morgan's laws hold for three values too.
fn lists(formula: &Formula<Guard>, holds: bool, limit: usize) -> Option<Vec<Vec<Literal<'_>>>> {
    match formula {
        Formula::Leaf(guard) => Some(vec![vec![(guard, holds)]]),
        Formula::Not(inner) => lists(inner, !holds, limit),
        Formula::All(parts) | Formula::Either(parts) if matches!(formula, Formula::All(_)) == holds => {
            let mut product = vec![Vec::new()];
            for part in parts {
                let more = lists(part, holds, limit)?;
                if product.len() * more.len() > limit {
                    return None;
                }
                product = product
                    .iter()
                    .flat_map(|list| more.iter().map(move |more| [list.as_slice(), more].concat()))
                    .collect();
            }
            Some(product)
        }
        Formula::All(parts) | Formula::Either(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(lists(part, holds, limit)?);
            }
            (all.len() <= limit).then_some(all)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::literals;
    use crate::matcher::formula::Formula;
    use crate::matcher::guard::Guard;
    use crate::request::method::MethodSet;

    type Tree = Formula<Guard>;

    fn leaf(method: &'static str) -> Tree {
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        Tree::Leaf(Guard::Methods(MethodSet::from_iter([method])))
    }

    fn printed(tree: &Tree, limit: usize) -> Option<String> {
        let literal = |(guard, holds): &(&Guard, bool)| match guard {
            Guard::Methods(set) => format!("{}{set}", if *holds { "" } else { "!" }),
            other => format!("{other:?}"),
        };
        let list = |list: &Vec<_>| list.iter().map(literal).collect::<Vec<_>>().join(" ");
        Some(literals(tree, limit)?.iter().map(list).collect::<Vec<_>>().join(" | "))
    }

    #[test]
    fn alternatives_with_negations_at_the_leaves() {
        let not = |tree| Tree::Not(Box::new(tree));
        let (a, b, c) = (|| leaf("A"), || leaf("B"), || leaf("C"));
        for (tree, limit, wanted) in [
            (a(), 4, Some("A")),
            (not(a()), 4, Some("!A")),
            (not(not(a())), 4, Some("A")),
            (Tree::All(vec![a(), not(b())]), 4, Some("A !B")),
            (Tree::Either(vec![a(), not(b())]), 4, Some("A | !B")),
            (not(Tree::All(vec![a(), b()])), 4, Some("!A | !B")),
            (not(Tree::Either(vec![a(), b()])), 4, Some("!A !B")),
            (Tree::All(vec![Tree::Either(vec![a(), b()]), c()]), 4, Some("A C | B C")),
            (Tree::All(vec![Tree::Either(vec![a(), b()]), Tree::Either(vec![b(), c()])]), 3, None),
            (Tree::Either(vec![a(), b(), c()]), 2, None),
            (Tree::Either(Vec::new()), 4, Some("")),
        ] {
            assert_eq!(printed(&tree, limit).as_deref(), wanted, "{tree:?}");
        }
    }
}
