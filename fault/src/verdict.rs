//! Verdicts: what was decided about a request travels with it, so that nothing is decided twice.

use http::Extensions;

/// Which faults have decided on this request and attempt, and what their groups have picked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdicts {
    /// The first of them stands apart: most requests pass one fault, and need no list.
    first: Option<(usize, u64)>,
    decided: Vec<(usize, u64)>,
    picks: Vec<(usize, u64, usize)>,
}

impl Verdicts {
    /// Notes that this fault has decided. A layer that is met twice would else strike a share of
    /// `2p - p²` (envoyproxy/envoy 9597).
    pub(crate) fn decide(extensions: &mut Extensions, fault: usize, attempt: u64) {
        let verdicts = extensions.get_or_insert_default::<Self>();
        match verdicts.first {
            None => verdicts.first = Some((fault, attempt)),
            Some(_) => verdicts.decided.push((fault, attempt)),
        }
    }

    /// Whether this fault has decided before.
    pub(crate) fn has_decided(extensions: &Extensions, fault: usize, attempt: u64) -> bool {
        let this = (fault, attempt);
        let Some(verdicts) = extensions.get::<Self>() else { return false };
        verdicts.first == Some(this) || verdicts.decided.contains(&this)
    }

    /// The member that this group has picked, or picks now.
    pub(crate) fn pick(
        extensions: &mut Extensions,
        group: usize,
        attempt: u64,
        pick: impl FnOnce() -> usize,
    ) -> usize {
        let verdicts = extensions.get_or_insert_default::<Self>();
        let known = verdicts.picks.iter().find(|(of, at, _)| (*of, *at) == (group, attempt));
        if let Some((_, _, member)) = known {
            return *member;
        }
        let member = pick();
        verdicts.picks.push((group, attempt, member));
        member
    }
}
