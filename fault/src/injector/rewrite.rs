//! Patched heads, replaced bodies, wrong Content-Length.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use http_body::{Frame, SizeHint};

use crate::body::stage::{Pause, Polled, Stage, StageInput};
use crate::config::error::{ErrorCollector, FaultErrorKind, header_name, header_value};
use crate::injector::abort::check_status;
use crate::injector::key::RequestKeys;
use crate::injector::steps::{Change, Edit, Edits, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::Draws;
use crate::report::event::{Action, Side};

/// Changes the head of a response, or of a request, and leaves the body alone.
///
/// ```
/// use waylay_fault::{Fault, Side, patch};
///
/// Fault::new("created", patch().status(201).set("cache-control", "no-store").drop("etag")).build()?;
/// Fault::new("two-tokens", patch().duplicate("authorization").on(Side::Request)).build()?;
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
    Duplicate,
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
    pub fn duplicate(self, name: impl Into<String>) -> Self {
        self.with(Kind::Duplicate, name.into(), String::new())
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
        Self::new(patch)
    }
}

impl InjectorConfig for Patch {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let at = child_setting(at, "patch");
        let status: Option<StatusCode> = match self.status {
            Some(status) if self.side == Side::Request => {
                errors.add(format!("{at}.status"), status, FaultErrorKind::RequestStatus);
                None
            }
            Some(status) => check_status(&at, status, errors),
            None => None,
        };
        let headers = self.headers.iter().enumerate().map(|(index, (kind, name, value))| {
            let setting = format!("{at}.header[{index}]");
            let name = header_name(&setting, name, errors)?;
            let value = header_value(&setting, value, errors)?;
            Some(match kind {
                Kind::Set => Edit::Set(name, value),
                Kind::Add => Edit::Add(name, value),
                Kind::Drop => Edit::Drop(name),
                Kind::Duplicate => Edit::Duplicate(name),
            })
        });
        // Gathered before it is judged, so that the faults of all are found.
        let headers: Vec<_> = headers.collect();
        let headers = headers.into_iter().collect::<Option<_>>()?;
        if status.is_none() && self.status.is_some() {
            return None;
        }
        Some(Box::new(CompiledPatch { edits: Arc::new(Edits { status, headers }), side: self.side }))
    }
}

#[derive(Debug)]
struct CompiledPatch {
    edits: Arc<Edits>,
    side: Side,
}

impl CompiledInjector for CompiledPatch {
    fn plan(&self, _: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        steps.change(self.side, Change::Head(self.edits.clone()), Action::Patch(self.side));
    }
}

/// How far a promised length is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LengthOffset {
    /// So many bytes more than the body has.
    More(u64),
    /// So many bytes less than the body has.
    Fewer(u64),
}

/// Promises a `Content-LengthOffset` that the body does not have; see [`wire`](crate::effects) for what
/// hyper makes of it. A body whose length is not known beforehand is left alone.
///
/// ```
/// use waylay_fault::{Fault, LengthOffset, wrong_length};
///
/// Fault::new("missing-bytes", wrong_length(LengthOffset::More(10))).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn wrong_length(length: LengthOffset) -> WrongLength {
    WrongLength { length, side: Side::default() }
}

/// A wrong length, made by [`wrong_length`].
#[derive(Debug, Clone)]
pub struct WrongLength {
    length: LengthOffset,
    side: Side,
}

impl WrongLength {
    /// Whose body; the response's by default.
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }
}

impl From<WrongLength> for Injector {
    fn from(wrong: WrongLength) -> Self {
        Self::new(wrong)
    }
}

impl InjectorConfig for WrongLength {
    fn check(self: Box<Self>, _: &str, _: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        Some(self)
    }
}

impl CompiledInjector for WrongLength {
    fn plan(&self, _: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        let stage = Box::new(WrongLengthStage { length: self.length, ended: false, pause: None });
        steps.change(self.side, Change::Body(stage), Action::WrongLength(self.side));
    }
}

/// The server writes the length that the size hint tells, so it is the hint that lies.
#[derive(Debug)]
struct WrongLengthStage {
    length: LengthOffset,
    ended: bool,
    pause: Option<Pause>,
}

/// As long as a cut lingers, and for the same reason: the server drops what it has not sent yet
/// once it sees that the body falls short.
const LINGER: Duration = Duration::from_millis(50);

impl Stage for WrongLengthStage {
    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        if let Some(pause) = &mut self.pause {
            let _ = ready!(pause.poll(cx));
            self.ended = true;
            return Poll::Ready(None);
        }
        match ready!(input.poll_frame(cx)) {
            None if matches!(self.length, LengthOffset::More(_)) && !self.ended => {
                self.pause = Some(input.pause(LINGER));
                self.poll_frame(cx, input)
            }
            other => Poll::Ready(other),
        }
    }

    fn size_hint(&self, input: SizeHint) -> SizeHint {
        match (input.exact(), self.length) {
            (None, _) => input,
            (Some(length), LengthOffset::More(more)) => SizeHint::with_exact(length.saturating_add(more)),
            (Some(length), LengthOffset::Fewer(less)) => SizeHint::with_exact(length.saturating_sub(less)),
        }
    }

    fn is_end(&self, input: bool) -> bool {
        input && (self.ended || matches!(self.length, LengthOffset::Fewer(_)))
    }

    fn resizes(&self) -> bool {
        true
    }
}

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
        Self::new(replace)
    }
}

impl InjectorConfig for Replace {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let content_type: Option<HeaderValue> = match &self.content_type {
            Some(text) => Some(header_value(&child_setting(at, "replace.content_type"), text, errors)?),
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

impl CompiledInjector for Other {
    fn plan(&self, _: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        let stage = Box::new(ReplaceStage(self.body.clone()));
        steps.change(self.side, Change::HeadAndBody(self.edits.clone(), stage), Action::Replace(self.side));
    }
}

/// The head has promised its length, so that a fault that is called off sends it all the same.
#[derive(Debug)]
struct ReplaceStage(Bytes);

impl Stage for ReplaceStage {
    fn poll_frame(&mut self, _: &mut Context<'_>, _: &mut StageInput<'_>) -> Polled {
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
