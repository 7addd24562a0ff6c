//! Why a request went where it went: every route, and what of it failed.

use std::fmt;

use http::{Method, Uri};

use crate::miss::{Miss, Reason};

/// What a table makes of one request, route by route.
///
/// `Display` shows the outcome and the routes that host and path let through; the alternate form
/// (`{:#}`) shows all routes. With feature `serde` it serializes.
///
/// ```
/// use waylay_router::{Peer, Route, Table, Verdict};
/// let table = Table::builder()
///     .route(Route::get("/a/{id:[0-9]+}").header("x-beta", "1").name("beta").value(1))
///     .route(Route::get("/a/{id}").name("plain").value(2))
///     .build()?;
/// let request = http::Request::get("/a/7").header("x-beta", "0").body(())?;
/// let explained = table.explain(&request, &Peer::default());
/// assert_eq!(explained.to_string(), "\
/// GET /a/7
///   goes to route `plain`
///   fails  beta   /a/{id:[0-9]+}  header x-beta=1: got 0
///   wins   plain  /a/{id}
/// ");
/// assert!(matches!(&explained.candidates[0].verdict, Verdict::Fails { matcher, .. } if matcher == "header"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Explanation {
    /// The request's method.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serial::text"))]
    pub method: Method,
    /// The request's target.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serial::text"))]
    pub target: Uri,
    /// The path that templates are compared with; nothing, if the request is refused or redirected for it.
    pub path: Option<String>,
    /// The effective host.
    pub host: Option<String>,
    /// The place of the route that wins in [`Table::routes`](crate::Table::routes).
    pub winner: Option<usize>,
    /// Why there is none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serial::miss"))]
    pub miss: Option<Miss>,
    /// Every route that can match, best rank first.
    pub candidates: Vec<Candidate>,
}

/// One route, and what became of it; a route whose [rule](crate::rule) has alternatives is several.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Candidate {
    /// Its place in [`Table::routes`](crate::Table::routes).
    pub place: usize,
    /// Its name.
    pub name: Option<String>,
    /// Its path template.
    pub template: String,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Verdict {
    /// It answers the request.
    Wins,
    /// All of its conditions hold, and another route is better.
    Outranked,
    /// Only the final slash of the path is another one than the route's.
    OtherSlash,
    /// A sealed scope or route keeps the request away from it.
    SealedOff,
    /// A condition fails: the first of them.
    Fails {
        /// The kind of condition: `host`, `path`, `method`, `header`, …
        matcher: String,
        /// What the route asks for.
        wanted: String,
        /// What the request has.
        got: String,
    },
}

impl Verdict {
    fn is_near(&self) -> bool {
        !matches!(self, Self::Fails { matcher, .. } if matches!(matcher.as_str(), "host" | "path"))
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Wins => "wins",
            Self::Outranked => "yields",
            Self::OtherSlash => "slash",
            Self::SealedOff => "sealed",
            Self::Fails { .. } => "fails",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.method, self.target)?;
        let label = |candidate: &Candidate| match &candidate.name {
            Some(name) => format!("route `{name}`"),
            None => format!("`{}`", candidate.template),
        };
        let of = |place: usize| self.candidates.iter().filter(move |one| one.place == place);
        // Of a route with alternatives, the one that wins.
        let wins = |place: usize| of(place).find(|one| one.verdict == Verdict::Wins);
        let winner = self.winner.and_then(|place| wins(place).or_else(|| of(place).next()));
        match (winner, &self.miss) {
            (Some(winner), None) => writeln!(f, "  goes to {}", label(winner))?,
            (Some(winner), Some(miss)) => writeln!(f, "  goes to {} by {}", label(winner), told(miss))?,
            (None, Some(miss)) => writeln!(f, "  is a miss: {}", told(miss))?,
            (None, None) => {}
        }
        let all = f.alternate();
        let shown: Vec<&Candidate> =
            self.candidates.iter().filter(|one| all || one.verdict.is_near()).collect();
        let width = |text: fn(&Candidate) -> &str| {
            shown.iter().map(|candidate| text(candidate).chars().count()).max().unwrap_or(0)
        };
        let (names, templates) = (width(name), width(|candidate| &candidate.template));
        for candidate in &shown {
            let reason = match &candidate.verdict {
                Verdict::Fails { matcher, wanted, got } => format!("{matcher} {wanted}: got {got}"),
                _ => String::new(),
            };
            let (word, name, template) = (candidate.verdict.word(), name(candidate), &candidate.template);
            let line = format!("  {word:6} {name:names$}  {template:templates$}  {reason}");
            writeln!(f, "{}", line.trim_end())?;
        }
        match self.candidates.len() - shown.len() {
            0 => Ok(()),
            1 => writeln!(f, "  1 route has another host or path"),
            more => writeln!(f, "  {more} routes have another host or path"),
        }
    }
}

fn name(candidate: &Candidate) -> &str {
    candidate.name.as_deref().unwrap_or("-")
}

/// A miss in a few words.
fn told(miss: &Miss) -> String {
    let status = miss.status().as_u16();
    match &miss.reason {
        Reason::BadRequest(bad) => format!("{status}, {bad}"),
        Reason::Redirect(redirect) => format!("{status} to {}", redirect.target),
        Reason::MethodNotAllowed(methods) | Reason::Options(methods) => {
            format!("{status}, allowed are {methods}")
        }
        Reason::UnsupportedMediaType(types) => format!("{status}, taken are {}", types.join(", ")),
        Reason::NotAcceptable(types) => format!("{status}, given are {}", types.join(", ")),
        Reason::NotFound => status.to_string(),
    }
}
