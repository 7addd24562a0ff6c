//! Patch: another status, other headers.

use std::sync::Arc;

use http::StatusCode;

use super::abort::check_status;
use super::edits::{Edit, Edits};
use super::node::{Act, Draft, Injector, below};
use super::plan::{Change, Plan};
use crate::chance::Draws;
use crate::error::{Findings, Problem};
use crate::key::Asker;
use crate::report::{Deed, Side};
use crate::scope::headers::{header_name, header_value};

/// Changes the head of a response, or of a request, and leaves the body alone.
///
/// ```
/// use waylay_fault::{Fault, Side, patch};
///
/// Fault::new("created", patch().status(201).set("cache-control", "no-store").drop("etag")).build()?;
/// Fault::new("two-tokens", patch().double("authorization").on(Side::Request)).build()?;
///
/// let errors = Fault::new("f", patch().status(99).set("b c", "d")).build().unwrap_err();
/// let settings: Vec<_> = errors.iter().map(|error| error.setting()).collect();
/// assert_eq!(settings, ["patch.status", "patch.header[0]"]);
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn patch() -> Patch {
    Patch { status: None, headers: Vec::new(), side: Side::default() }
}

/// Changes of a head, made by [`patch`], in the order they are written.
#[derive(Debug, Clone)]
pub struct Patch {
    status: Option<u16>,
    headers: Vec<(Kind, String, String)>,
    side: Side,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Set,
    Add,
    Drop,
    Double,
}

impl Patch {
    /// Another status, from 200 to 599; of a response only.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// This value of a header, in place of all that it had.
    #[must_use]
    pub fn set(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(Kind::Set, name.into(), value.into())
    }

    /// One more value of a header.
    #[must_use]
    pub fn add(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(Kind::Add, name.into(), value.into())
    }

    /// A header left out.
    #[must_use]
    #[allow(
        clippy::should_implement_trait,
        reason = "a header is dropped; nobody takes this for a destructor"
    )]
    pub fn drop(self, name: impl Into<String>) -> Self {
        self.with(Kind::Drop, name.into(), String::new())
    }

    /// Each line of a header sent twice.
    #[must_use]
    pub fn double(self, name: impl Into<String>) -> Self {
        self.with(Kind::Double, name.into(), String::new())
    }

    /// Whose head; the response's by default.
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }

    fn with(mut self, kind: Kind, name: String, value: String) -> Self {
        self.headers.push((kind, name, value));
        self
    }
}

impl From<Patch> for Injector {
    fn from(patch: Patch) -> Self {
        Self::draft(patch)
    }
}

impl Draft for Patch {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let at = below(at, "patch");
        let status: Option<StatusCode> = match self.status {
            Some(status) if self.side == Side::Request => {
                findings.add(format!("{at}.status"), status, Problem::RequestStatus);
                None
            }
            Some(status) => check_status(&at, status, findings),
            None => None,
        };
        let headers = self.headers.iter().enumerate().map(|(index, (kind, name, value))| {
            let setting = format!("{at}.header[{index}]");
            let name = header_name(&setting, name, findings)?;
            let value = header_value(&setting, value, findings)?;
            Some(match kind {
                Kind::Set => Edit::Set(name, value),
                Kind::Add => Edit::Add(name, value),
                Kind::Drop => Edit::Drop(name),
                Kind::Double => Edit::Double(name),
            })
        });
        // Gathered before it is judged, so that the faults of all are found.
        let headers: Vec<_> = headers.collect();
        let headers = headers.into_iter().collect::<Option<_>>()?;
        if status.is_none() && self.status.is_some() {
            return None;
        }
        Some(Box::new(Patched { edits: Arc::new(Edits { status, headers }), side: self.side }))
    }
}

#[derive(Debug)]
struct Patched {
    edits: Arc<Edits>,
    side: Side,
}

impl Act for Patched {
    fn plan(&self, _: Draws, _: Asker<'_>, plan: &mut Plan) {
        plan.change(self.side, Change::Head(self.edits.clone()), Deed::Patch(self.side));
    }
}
