//! Multipart: reads a body part by part, within a byte budget.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use axum_core::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use multer::{Constraints, SizeLimit};

use crate::error::field::{Code, FieldError, Location, ValueError, is_limit, too_large, unreadable};
use crate::error::rejection::Rejection;
use crate::field::upload::{Upload, UploadWriter};

/// Maximum bytes of a part's headers, up to the size of a chunk.
const MAX_HEAD: usize = 4 * 1024;

/// A multipart body that the handler reads part by part: `#[body(multipart)]`.
///
/// The limits of the struct apply: `limit` for all bytes, `max_params` for the number of parts. Every
/// error is a [`Rejection`], which a handler can return with `?`.
///
/// ```
/// use axum_core::{body::Body, extract::FromRequest};
/// use http::Request;
/// use waylay_extract::{Extract, Multipart, Rejection};
///
/// #[derive(Extract)]
/// #[extract(limit = "10MiB", max_params = 20)]
/// struct Import {
///     #[body(multipart)]
///     parts: Multipart,
/// }
///
/// async fn import(mut import: Import) -> Result<String, Rejection> {
///     let mut text = String::new();
///     while let Some(mut part) = import.parts.next().await? {
///         match part.file_name() {
///             Some(_) => text += &format!("{} bytes;", part.bytes(1 << 20).await?.len()),
///             None => text += &format!("{};", part.text(100).await?),
///         }
///     }
///     Ok(text)
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let body = "--b\r\ncontent-disposition: form-data; name=\"title\"\r\n\r\nWays\r\n\
///     --b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n\r\nPNG\r\n--b--\r\n";
/// let request = Request::post("/").header("content-type", "multipart/form-data; boundary=b");
/// let import_ = Import::from_request(request.body(Body::from(body)).unwrap(), &()).await.unwrap();
/// assert_eq!(import(import_).await.unwrap(), "Ways;3 bytes;");
/// # });
/// ```
#[derive(Debug)]
pub struct Multipart {
    parts: multer::Multipart<'static>,
    budget: ByteBudget,
    current: Option<multer::Field<'static>>,
    seen: usize,
    max: usize,
    limit: u64,
}

impl Multipart {
    /// Returns the parts of a body.
    pub(crate) fn open(headers: &HeaderMap, body: Body, limit: u64, max: usize) -> Result<Self, FieldError> {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // RFC 2046, 5.1.1. `multer` would search for a longer one again with every chunk.
        let boundary =
            multer::parse_boundary(kind).ok().filter(|boundary| (1..=70).contains(&boundary.len()));
        let Some(boundary) = boundary else {
            return Err(FieldError::body(Code::Malformed, "expected a boundary of 1 to 70 characters"));
        };
        let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(limit));
        let (body, budget) = PacedStream::new(body);
        let parts = multer::Multipart::with_constraints(body, boundary, constraints);
        Ok(Self { parts, budget, current: None, seen: 0, max, limit })
    }

    /// Returns the next part; the rest of the current one is skipped.
    ///
    /// Cancel safe: if the future is dropped before it is ready, as in a `select!`, the next call
    /// continues.
    ///
    /// # Errors
    ///
    /// The body is malformed, incomplete or over its limit, or has too many parts.
    pub async fn next(&mut self) -> Result<Option<Field<'_>>, Rejection> {
        self.next_part().await.map_err(|error| Rejection::new(vec![error]))
    }

    pub(crate) async fn next_part(&mut self) -> Result<Option<Field<'_>>, FieldError> {
        let limit = self.limit;
        // Read to its end, since the headers of the next part have a budget. It stays in `self` meanwhile,
        // so that the next call continues if this one is cancelled.
        if let Some(last) = self.current.as_mut() {
            while last.chunk().await.map_err(|error| read_error(&error, limit))?.is_some() {}
        }
        self.current = None;
        self.budget.set(MAX_HEAD);
        let next = self.parts.next_field().await;
        self.budget.set(usize::MAX);
        let Some(field) = next.map_err(|error| read_error(&error, limit))? else {
            return Ok(None);
        };
        self.seen += 1;
        if self.seen > self.max {
            let error = ValueError::new(Code::TooMany, format!("expected at most {} parts", self.max));
            return Err(FieldError::new(Location::Part, "", error));
        }
        Ok(Some(Field { field: self.current.insert(field), limit }))
    }
}

/// A part of a [`Multipart`] body.
///
/// Name, file name and content type come from the client.
#[derive(Debug)]
pub struct Field<'m> {
    field: &'m mut multer::Field<'static>,
    /// The limit of the whole body.
    limit: u64,
}

impl Field<'_> {
    /// Returns the part's name, empty if it has none.
    pub fn name(&self) -> &str {
        self.field.name().unwrap_or_default()
    }

    /// Returns the file name that the client has sent.
    pub fn file_name(&self) -> Option<&str> {
        self.field.file_name()
    }

    /// Returns the content type that the client has sent.
    pub fn content_type(&self) -> Option<&str> {
        self.field.content_type().map(AsRef::as_ref)
    }

    /// Returns the next bytes of the part.
    ///
    /// Cancel safe, unlike [`bytes`](Self::bytes), [`text`](Self::text) and [`upload`](Self::upload),
    /// which lose what they have read.
    ///
    /// # Errors
    ///
    /// The body is malformed, incomplete or over its limit.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Rejection> {
        self.next_chunk().await.map_err(|error| Rejection::new(vec![error]))
    }

    /// Returns the rest of the part, at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk), or the part is longer.
    pub async fn bytes(&mut self, limit: u64) -> Result<Bytes, Rejection> {
        let bytes = self.whole(limit).await.map_err(|error| Rejection::new(vec![error]))?;
        bytes.map_err(|error| self.reject(error))
    }

    /// Returns the rest of the part as text, at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes), or it is not UTF-8.
    pub async fn text(&mut self, limit: u64) -> Result<String, Rejection> {
        let bytes = self.bytes(limit).await?;
        let text = String::from_utf8(bytes.into());
        text.map_err(|_| self.reject(ValueError::new(Code::InvalidUtf8, "expected UTF-8 text")))
    }

    /// Returns the rest of the part as a file of at most `limit` bytes, in memory if it is short, else
    /// on disk.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes), or the temporary file cannot be written, which is a 500.
    pub async fn upload(&mut self, limit: u64) -> Result<Upload, Rejection> {
        match self.file(limit, UploadWriter::new(true)).await {
            Ok(Ok(Ok(upload))) => Ok(upload),
            Ok(Ok(Err(error))) => Err(self.reject(error)),
            Ok(Err(_)) => Err(Rejection::misconfigured("a temporary file cannot be written")),
            Err(error) => Err(Rejection::new(vec![error])),
        }
    }

    fn reject(&self, error: ValueError) -> Rejection {
        Rejection::new(vec![FieldError::new(Location::Part, self.name().to_owned(), error)])
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>, FieldError> {
        self.field.chunk().await.map_err(|error| read_error(&error, self.limit))
    }

    /// Returns the part in memory. If it is too large, it is skipped, so that later parts are still read.
    pub(crate) async fn whole(&mut self, limit: u64) -> Result<Result<Bytes, ValueError>, FieldError> {
        let mut bytes = BytesMut::new();
        let mut length = 0u64;
        while let Some(chunk) = self.next_chunk().await? {
            length += chunk.len() as u64;
            if length <= limit {
                bytes.extend_from_slice(&chunk);
            }
        }
        Ok(if length > limit { Err(large(limit)) } else { Ok(bytes.freeze()) })
    }

    /// Returns the part as a file; the inner errors: it cannot be written, it is too large.
    pub(crate) async fn file(
        &mut self,
        limit: u64,
        mut file: UploadWriter,
    ) -> Result<io::Result<Result<Upload, ValueError>>, FieldError> {
        let mut length = 0u64;
        while let Some(chunk) = self.next_chunk().await? {
            length += chunk.len() as u64;
            if length <= limit
                && let Err(error) = file.push(&chunk).await
            {
                return Ok(Err(error));
            }
        }
        if length > limit {
            return Ok(Ok(Err(large(limit))));
        }
        let file_name = self.file_name().map(str::to_owned);
        let content_type = self.content_type().map(str::to_owned);
        Ok(file.end(file_name, content_type).await.map(Ok))
    }
}

fn large(limit: u64) -> ValueError {
    ValueError::new(Code::TooLarge, format!("expected at most {limit} bytes"))
}

fn read_error(error: &multer::Error, limit: u64) -> FieldError {
    match error {
        multer::Error::StreamSizeExceeded { .. } => too_large(limit),
        multer::Error::StreamReadFailed(cause) if is_limit(&**cause) => too_large(limit),
        multer::Error::StreamReadFailed(cause) if !is_exhausted(&**cause) => unreadable(),
        _ => FieldError::body(Code::Malformed, "expected a multipart body to its last boundary"),
    }
}

fn is_exhausted(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(PacedStreamError::Exhausted))
}

/// The data of a body, pending once after every chunk.
///
/// `multer` polls its stream until it is pending, and buffers what it gets: from a fast client, the
/// whole body. And it searches for the end of a part's headers from their start with every chunk,
/// which takes quadratic time for long headers: so they have a budget.
#[derive(Debug)]
pub(crate) struct PacedStream {
    data: BodyDataStream,
    /// How often it has been pending since the last chunk.
    pauses: u8,
    budget: ByteBudget,
}

/// The number of bytes that may still be read; the chunk that exceeds it is the last one.
#[derive(Clone, Debug)]
pub(crate) struct ByteBudget(Arc<AtomicUsize>);

impl ByteBudget {
    /// Sets the number of bytes.
    pub(crate) fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

impl PacedStream {
    pub(crate) fn new(body: Body) -> (Self, ByteBudget) {
        let budget = ByteBudget(Arc::new(AtomicUsize::new(0)));
        (Self { data: body.into_data_stream(), pauses: 1, budget: budget.clone() }, budget)
    }
}

impl Stream for PacedStream {
    type Item = Result<Bytes, PacedStreamError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let left = self.budget.0.load(Ordering::Relaxed);
        // `multer` searches the last chunk only after the next poll.
        let most = if left == 0 { 2 } else { 1 };
        if self.pauses < most {
            self.pauses += 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if left == 0 {
            return Poll::Ready(Some(Err(PacedStreamError::Exhausted)));
        }
        let chunk = ready!(Pin::new(&mut self.data).poll_next(context));
        self.pauses = 0;
        Poll::Ready(chunk.map(|chunk| {
            let chunk = chunk.map_err(PacedStreamError::Body)?;
            self.budget.set(left.saturating_sub(chunk.len()));
            Ok(chunk)
        }))
    }
}

/// An error of a [`PacedStream`].
#[derive(Debug)]
pub(crate) enum PacedStreamError {
    /// The body has failed.
    Body(axum_core::Error),
    /// The budget is exhausted.
    Exhausted,
}

impl fmt::Display for PacedStreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body(_) => "the body has failed",
            Self::Exhausted => "the headers of a part are too long",
        })
    }
}

impl Error for PacedStreamError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body(error) => Some(error),
            Self::Exhausted => None,
        }
    }
}
