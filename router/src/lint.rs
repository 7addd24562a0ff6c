//! What is odd about a table that works.

use std::fmt;

use crate::rule::lint::RuleLint;
use crate::site::Site;
use crate::witness::Witness;

/// Something odd about one route; the table works, but perhaps not as it was meant.
///
/// ```
/// use waylay_router::{LintKind, Route, Table};
/// let table = Table::builder()
///     .route(Route::prefix("/").priority(1).name("all").value(1))
///     .route(Route::get("/health").name("health").value(2))
///     .build()?;
/// let lints = table.lints();
/// assert!(matches!(&lints[0].kind, LintKind::Hidden { by, .. } if by == "all"));
/// assert!(lints[0].to_string().contains("route `health`"));
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lint {
    /// What is odd.
    pub kind: LintKind,
    /// The route's name, else its path.
    pub route: String,
    /// Where it was written.
    pub site: Site,
}

/// The kinds of oddities.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LintKind {
    /// No request meets all conditions of the route and its scopes.
    Impossible,
    /// Another route wins whatever request this one matches.
    Hidden {
        /// The other route's name, else its path.
        by: String,
        /// Where the other one was written.
        other: Site,
    },
    /// Another route is as specific, and the order of writing decides between them, as it was asked to
    /// ([`Precedence::Registration`](crate::Precedence::Registration)).
    Overlap {
        /// The other route's name, else its path.
        with: String,
        /// Where the other one was written.
        other: Site,
        /// A request that both match.
        witness: Box<Witness>,
    },
    /// Something in the route's rule.
    Rule(RuleLint),
    /// Another route is as specific, and whether one request matches both cannot be told, since there is
    /// a custom condition or a very large regex. The one written first would win; a priority decides.
    Undecided {
        /// The other route's name, else its path.
        with: String,
        /// Where the other one was written.
        other: Site,
    },
    /// Of this route and later ones, pairs that are as specific as each other were not compared: more than
    /// 4,096 pairs of the table needed a closer look at their conditions, or more than 256 could not be
    /// told. The route that was written first would win; a priority decides.
    Uncompared {
        /// How many pairs of routes.
        pairs: usize,
    },
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route `{}` ({}): {}", self.route, self.site, self.kind)
    }
}

impl fmt::Display for LintKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible => f.write_str("no request meets all of its conditions"),
            Self::Hidden { by, other } => {
                write!(f, "is never reached, since route `{by}` ({other}) wins whatever it matches")
            }
            Self::Overlap { with, other, witness } => {
                write!(f, "`{witness}` matches route `{with}` ({other}) too, which is as specific")
            }
            Self::Rule(lint) => write!(f, "{lint}"),
            Self::Uncompared { pairs } => write!(
                f,
                "of this route and later ones, {pairs} pairs that are as specific as each other were not compared; give priorities"
            ),
            Self::Undecided { with, other } => write!(
                f,
                "whether route `{with}` ({other}) matches the same requests cannot be told; give one a priority"
            ),
        }
    }
}
