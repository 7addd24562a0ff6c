//! Patch, Replace and WrongLength: changed heads and bodies.

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

/// Changes the head of a response, or of a request; the body stays the same.
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

/// Changes of a head, made by [`patch`], in the order of the calls.
#[derive(Debug, Clone)]
pub struct Patch {
    status: Option<u16>,
    headers: Vec<(EditKind, String, String)>,
    side: Side,
}

#[derive(Debug, Clone, Copy)]
enum EditKind {
    Set,
    Add,
    Drop,
    Duplicate,
}

impl Patch {
    /// Sets the status, from 200 to 599; of a response only.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets a header to this value, replacing all its values.
    #[must_use]
    pub fn set(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(EditKind::Set, name.into(), value.into())
    }

    /// Adds a value to a header.
    #[must_use]
    pub fn add(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(EditKind::Add, name.into(), value.into())
    }

    /// Removes a header.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "drops a header; it is no destructor")]
    pub fn drop(self, name: impl Into<String>) -> Self {
        self.with(EditKind::Drop, name.into(), String::new())
    }

    /// Sends each line of a header twice.
    #[must_use]
    pub fn duplicate(self, name: impl Into<String>) -> Self {
        self.with(EditKind::Duplicate, name.into(), String::new())
    }

    /// Selects the head of the request or of the response (the default).
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }

    fn with(mut self, kind: EditKind, name: String, value: String) -> Self {
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
                EditKind::Set => Edit::Set(name, value),
                EditKind::Add => Edit::Add(name, value),
                EditKind::Drop => Edit::Drop(name),
                EditKind::Duplicate => Edit::Duplicate(name),
            })
        });
        // Collected first, to report the errors of all.
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

    fn changes_request(&self) -> bool {
        self.side == Side::Request
    }
}

/// The difference between a stated and a real length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LengthOffset {
    /// This number of bytes more than the body has.
    More(u64),
    /// This number of bytes fewer than the body has.
    Fewer(u64),
}

/// Sends a `Content-Length` that differs from the body's; [`effects`](crate::effects) describes how
/// hyper treats it. Without effect on a body of unknown length.
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
    /// Selects the body of the request or of the response (the default).
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

    fn changes_request(&self) -> bool {
        self.side == Side::Request
    }
}

/// The server takes the length from the size hint, so the size hint is wrong.
#[derive(Debug)]
struct WrongLengthStage {
    length: LengthOffset,
    ended: bool,
    pause: Option<Pause>,
}

/// As long as a truncated body lingers, and for the same reason: the server drops what it has not
/// sent yet when the body turns out to be too short.
const LINGER: Duration = Duration::from_millis(50);

impl Stage for WrongLengthStage {
    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        if let Some(pause) = &mut self.pause {
            let _ = ready!(pause.poll(cx));
            // A stage around this one may read beyond the end.
            (self.pause, self.ended) = (None, true);
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

/// Replaces the body; status and headers stay, except for the length and the content encoding. The
/// service is called as usual.
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

/// A replaced body, made by [`replace`].
#[derive(Debug, Clone)]
pub struct Replace {
    body: Bytes,
    content_type: Option<String>,
    side: Side,
}

impl Replace {
    /// Sets the content type; by default that of the replaced body.
    #[must_use]
    pub fn content_type(mut self, media_type: impl Into<String>) -> Self {
        self.content_type = Some(media_type.into());
        self
    }

    /// Selects the body of the request or of the response (the default).
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

    fn changes_request(&self) -> bool {
        self.side == Side::Request
    }
}

/// The head states its length, so a cancelled fault still sends it.
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
