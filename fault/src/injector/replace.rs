//! Replace: another body in place of the one that was to be sent.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body::{Frame, SizeHint};

use super::edits::{Edit, Edits};
use super::node::{Act, Draft, Injector, below};
use super::plan::{Change, Plan};
use crate::chance::Draws;
use crate::error::Findings;
use crate::key::Asker;
use crate::report::{Deed, Side};
use crate::scope::headers::header_value;
use crate::stage::{Below, Polled, Stage};

/// Sends this body in place of the one that was to be sent; status and headers stay, but for the
/// length and the content encoding. The service runs, as does what it does.
///
/// ```
/// use waylay_fault::{Fault, replace};
///
/// Fault::new("html-error", replace("<h1>Bad Gateway</h1>").content_type("text/html")).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn replace(body: impl Into<Bytes>) -> Replace {
    Replace { body: body.into(), content_type: None, side: Side::default() }
}

/// Another body, made by [`replace`].
#[derive(Debug, Clone)]
pub struct Replace {
    body: Bytes,
    content_type: Option<String>,
    side: Side,
}

impl Replace {
    /// What the new body is; as what the old one was by default.
    #[must_use]
    pub fn content_type(mut self, media_type: impl Into<String>) -> Self {
        self.content_type = Some(media_type.into());
        self
    }

    /// Whose body; the response's by default.
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }
}

impl From<Replace> for Injector {
    fn from(replace: Replace) -> Self {
        Self::draft(replace)
    }
}

impl Draft for Replace {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let content_type: Option<HeaderValue> = match &self.content_type {
            Some(text) => Some(header_value(&below(at, "replace.content_type"), text, findings)?),
            None => None,
        };
        let mut edits = Edits { headers: vec![Edit::Drop(CONTENT_ENCODING)], ..Edits::default() };
        edits.headers.extend(content_type.map(|value| Edit::Set(CONTENT_TYPE, value)));
        Some(Box::new(Other { body: self.body, edits: Arc::new(edits), side: self.side }))
    }
}

#[derive(Debug)]
struct Other {
    body: Bytes,
    edits: Arc<Edits>,
    side: Side,
}

impl Act for Other {
    fn plan(&self, _: Draws, _: Asker<'_>, plan: &mut Plan) {
        let stage = Box::new(Instead(self.body.clone()));
        plan.change(self.side, Change::Both(self.edits.clone(), stage), Deed::Replace(self.side));
    }
}

/// The head has promised its length, so that a fault that is called off sends it all the same.
#[derive(Debug)]
struct Instead(Bytes);

impl Stage for Instead {
    fn poll_frame(&mut self, _: &mut Context<'_>, _: &mut Below<'_>) -> Polled {
        let body = std::mem::take(&mut self.0);
        Poll::Ready((!body.is_empty()).then(|| Ok(Frame::data(body))))
    }

    fn size_hint(&self, _: SizeHint) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }

    fn is_end(&self, _: bool) -> bool {
        self.0.is_empty()
    }

    fn resizes(&self) -> bool {
        true
    }
}
