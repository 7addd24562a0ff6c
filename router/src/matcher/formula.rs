//! Formula: three-valued and, or, not.

/// A tree of conditions.
#[derive(Debug, Clone)]
pub(crate) enum Formula<L> {
    Leaf(L),
    Not(Box<Formula<L>>),
    All(Vec<Formula<L>>),
    Either(Vec<Formula<L>>),
}

impl<L> Formula<L> {
    /// Tests the tree; `None` if the result depends on a condition that is unknown.
    pub(crate) fn verdict(&self, ask: &impl Fn(&L) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Leaf(leaf) => ask(leaf),
            Self::Not(inner) => inner.verdict(ask).map(|holds| !holds),
            Self::All(parts) => decide(parts, false, ask),
            Self::Either(parts) => decide(parts, true, ask),
        }
    }

    /// Returns the conditions from left to right.
    pub(crate) fn leaves(&self) -> Box<dyn Iterator<Item = &L> + '_> {
        match self {
            Self::Leaf(leaf) => Box::new(std::iter::once(leaf)),
            Self::Not(inner) => inner.leaves(),
            Self::All(parts) | Self::Either(parts) => Box::new(parts.iter().flat_map(Self::leaves)),
        }
    }

    /// Returns the same tree over other conditions.
    pub(crate) fn map<M>(&self, make: &mut impl FnMut(&L) -> Formula<M>) -> Formula<M> {
        match self {
            Self::Leaf(leaf) => make(leaf),
            Self::Not(inner) => Formula::Not(Box::new(inner.map(make))),
            Self::All(parts) => Formula::All(parts.iter().map(|part| part.map(make)).collect()),
            Self::Either(parts) => Formula::Either(parts.iter().map(|part| part.map(make)).collect()),
        }
    }
}

/// One part of value `wins` decides; else an unknown part makes the result unknown.
fn decide<L>(parts: &[Formula<L>], wins: bool, ask: &impl Fn(&L) -> Option<bool>) -> Option<bool> {
    let mut verdict = Some(!wins);
    for part in parts {
        match part.verdict(ask) {
            Some(holds) if holds == wins => return Some(wins),
            Some(_) => {}
            None => verdict = None,
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::Formula;

    type Of = Formula<Option<bool>>;

    fn says(formula: &Of) -> Option<bool> {
        formula.verdict(&|leaf| *leaf)
    }

    /// Kleene's truth tables, with unknown between false and true.
    #[test]
    fn follow_the_tables() {
        let values = [Some(false), None, Some(true)];
        for (i, a) in values.into_iter().enumerate() {
            assert_eq!(says(&Of::Not(Box::new(Of::Leaf(a)))), values[2 - i]);
            for (j, b) in values.into_iter().enumerate() {
                let both = || vec![Of::Leaf(a), Of::Leaf(b)];
                assert_eq!(says(&Of::All(both())), values[i.min(j)], "{a:?} && {b:?}");
                assert_eq!(says(&Of::Either(both())), values[i.max(j)], "{a:?} || {b:?}");
            }
        }
        assert_eq!((says(&Of::All(Vec::new())), says(&Of::Either(Vec::new()))), (Some(true), Some(false)));
    }
}
