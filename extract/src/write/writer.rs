//! RequestWriter: collects the fields of a struct into a request.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use axum_core::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use serde::Serialize;
use waylay_template::{OneLine, TemplateError};

use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::field::rest::Rest;
use crate::field::slot;
use crate::text::dispatch::TextResult;
use crate::write::encoding::{WrittenBody, is_cookie, push_cookie, push_pair};
use crate::write::nested_ser::{NestedSerError, texts};
use crate::write::path::{FillError, Param, fill};

/// The errors of a struct that cannot be written into a request.
///
/// ```
/// use waylay_extract::IntoRequest;
///
/// #[derive(IntoRequest)]
/// struct Show {
///     #[param]
///     file: String,
///     #[header("x-note")]
///     note: String,
/// }
///
/// let show = Show { file: "..".into(), note: "two\nlines".into() };
/// let error = show.to_request_at(http::Method::GET, "/files/{file}").unwrap_err();
/// assert_eq!(error.errors().len(), 2);
/// assert_eq!(
///     error.to_string(),
///     "header `x-note`: expected text without control characters, without white space at its ends; \
///      path `file`: expected no dot segment"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteError {
    template: Option<TemplateError>,
    errors: Vec<FieldError>,
}

impl WriteError {
    /// Returns one error for each value, those of the path last; empty for an invalid template.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(TemplateError { kind, text, .. }) = &self.template {
            return write!(f, "`{}` is not a path template: {kind}", OneLine(text));
        }
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl Error for WriteError {}

/// A request that is being written, the argument of [`IntoRequest::write`](crate::IntoRequest::write).
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RequestWriter {
    prefix: String,
    /// The number of the struct that is being written, among those flattened into each other, and their count.
    scope: (u32, u32),
    /// The number of the struct that has written a header.
    owners: Vec<(HeaderName, u32)>,
    params: Vec<Param>,
    query: String,
    headers: HeaderMap,
    cookies: String,
    /// The keys of rests, and whether they are of a form.
    rests: Vec<(String, bool)>,
    pub(crate) body: WrittenBody,
    errors: Vec<FieldError>,
}

/// The finished request without its path.
struct WrittenParts {
    query: String,
    headers: HeaderMap,
    body: Option<(HeaderValue, Bytes)>,
}

impl RequestWriter {
    /// Writes a variable of the path or the host.
    pub fn param(&mut self, name: &str, text: TextResult<'_>) {
        self.push_param(name, text, false);
    }

    /// Writes a variable of the path that is encoded already.
    pub fn param_raw(&mut self, name: &str, text: TextResult<'_>) {
        self.push_param(name, text, true);
    }

    /// Variables and headers have no prefix: they belong to the whole request.
    fn push_param(&mut self, name: &str, text: TextResult<'_>, raw: bool) {
        if let Some(text) = self.text(Location::Path, name, text) {
            let param = Param { name: name.to_owned(), text: text.into_owned(), raw };
            match self.params.iter().find(|other| other.name == name) {
                Some(other) if *other == param => {}
                Some(_) => {
                    self.error(Location::Path, name, "expected one value, another field has another one")
                }
                None => self.params.push(param),
            }
        }
    }

    /// Writes a value of the query.
    pub fn query(&mut self, key: &str, text: TextResult<'_>) {
        let key = self.named(key);
        if let Some(text) = self.text(Location::Query, &key, text) {
            push_pair(&mut self.query, &key, Some(&text));
        }
    }

    /// Writes a key of the query without a value.
    pub fn query_flag(&mut self, key: &str) {
        let key = self.named(key);
        push_pair(&mut self.query, &key, None);
    }

    /// Writes a list as one value of the query, with commas.
    pub fn query_csv<'v>(&mut self, key: &str, items: impl Iterator<Item = TextResult<'v>>) {
        let name = self.named(key);
        if let Some(text) = self.joined(Location::Query, &name, items) {
            push_pair(&mut self.query, &name, Some(&text));
        }
    }

    /// Writes a value with nested keys; `dots`: `a.b` instead of `a[b]`.
    ///
    /// `required`: an absent value would be read as the default.
    pub fn query_nested(&mut self, key: &str, value: &(impl Serialize + ?Sized), dots: bool, required: bool) {
        self.nested(Location::Query, key, value, dots, required, |writer, key, text| {
            push_pair(&mut writer.query, key, Some(text));
        });
    }

    /// Writes the texts of a value one by one, or reports an error.
    pub(crate) fn nested(
        &mut self,
        location: Location,
        key: &str,
        value: &(impl Serialize + ?Sized),
        dots: bool,
        required: bool,
        mut push: impl FnMut(&mut Self, &str, &str),
    ) {
        let key = self.named(key).into_owned();
        let mut written = 0;
        let done = texts(value, dots, &mut |rest, text| {
            written += 1;
            push(self, &format!("{key}{rest}"), text);
        });
        match done {
            Ok(()) if required && written == 0 => {
                self.error(location, &key, "expected a value: without one the default is read");
            }
            Ok(()) => {}
            Err(NestedSerError { rest, detail }) => self.error(location, &format!("{key}{rest}"), detail),
        }
    }

    /// Writes every pair of a rest into the query or the form.
    pub fn rest(&mut self, pairs: &impl Rest, is_form: bool) {
        if let Some(key) = pairs.empty_key() {
            let location = if is_form { Location::Form } else { Location::Query };
            self.error(location, key, "expected keys with values: a key without one is not written");
        }
        pairs.for_each(&mut |key, value| {
            self.rests.push((self.named(key).into_owned(), is_form));
            let text = Ok(Cow::Borrowed(value));
            if is_form { self.form(key, text) } else { self.query(key, text) }
        });
    }

    /// Reports the keys of rests that a field reads.
    pub(crate) fn check_rests(&mut self, reads_key: fn(&str, bool) -> bool) {
        for (key, is_form) in std::mem::take(&mut self.rests) {
            if reads_key(&key, is_form) {
                let location = if is_form { Location::Form } else { Location::Query };
                self.error(location, &key, "expected keys that no other field reads");
            }
        }
    }

    /// Reports a query without pairs, which is read as `None`.
    pub fn require_query(&mut self) {
        if self.query.is_empty() {
            self.error(Location::Query, "", "expected a value with keys: one without them is read as none");
        }
    }

    /// Writes pairs of the query that are encoded already.
    #[cfg(feature = "form")]
    pub(crate) fn query_pairs(&mut self, pairs: &str) {
        if !self.query.is_empty() && !pairs.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(pairs);
    }

    /// Writes a line of a header.
    pub fn header(&mut self, name: &HeaderName, text: TextResult<'_>) {
        if let Some(text) = self.text(Location::Header, name.as_str(), text) {
            self.line(name, &text);
        }
    }

    /// Writes a header value.
    pub fn header_value(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.append(name, value.clone());
    }

    /// Writes a list as one line of a header, with commas.
    pub fn header_csv<'v>(&mut self, name: &HeaderName, items: impl Iterator<Item = TextResult<'v>>) {
        if let Some(text) = self.joined(Location::Header, name.as_str(), items) {
            self.line(name, &text);
        }
    }

    /// Writes a cookie; `raw`: without encoding.
    pub fn cookie(&mut self, name: &str, text: TextResult<'_>, raw: bool) {
        let name = self.named(name);
        let Some(text) = self.text(Location::Cookie, &name, text) else {
            return;
        };
        if raw && !is_cookie(&text) {
            self.error(Location::Cookie, &name, "expected visible characters but `\"` `,` `;` `\\`");
        } else {
            push_cookie(&mut self.cookies, &name, &text, raw);
        }
    }

    /// Writes the fields of an inner struct with a prefix.
    pub fn prefixed(&mut self, prefix: &str, write: impl FnOnce(&mut Self)) {
        let (length, (scope, scopes)) = (self.prefix.len(), self.scope);
        self.prefix.push_str(prefix);
        self.scope = (scopes + 1, scopes + 1);
        write(self);
        self.scope.0 = scope;
        self.prefix.truncate(length);
    }

    /// Adds an error.
    pub(crate) fn push_error(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// Reports that a value would not be read as the same one.
    pub fn error(&mut self, location: Location, name: &str, detail: &'static str) {
        let error = ValueError::new(Code::Invalid, detail);
        self.errors.push(FieldError::new(location, name.to_owned(), error));
    }

    /// Returns the request with the template's path.
    pub(crate) fn finish(self, method: Method, template: &str) -> Result<Request<Body>, WriteError> {
        self.finish_parts(Some(template)).and_then(|(path, parts)| parts.request(method, path))
    }

    /// Returns the path variables and the query, for a URL that is built by the router.
    #[cfg(feature = "router")]
    pub(crate) fn pieces(mut self) -> Result<(Vec<Param>, String), WriteError> {
        let params = std::mem::take(&mut self.params);
        self.finish_parts(None).map(|(_, parts)| (params, parts.query))
    }

    fn finish_parts(mut self, template: Option<&str>) -> Result<(String, WrittenParts), WriteError> {
        let mut path = String::new();
        match template.map(|template| fill(template, &self.params)) {
            None => {}
            Some(Ok(filled)) => path = filled,
            Some(Err(FillError::Values(errors))) => self.errors.extend(errors),
            Some(Err(FillError::Template(error))) => {
                return Err(WriteError { template: Some(error), errors: self.errors });
            }
        }
        if !self.cookies.is_empty() {
            match HeaderValue::try_from(&self.cookies) {
                Ok(line) => _ = self.headers.append(COOKIE, line),
                Err(_) => self.error(Location::Cookie, "", "expected names that are tokens"),
            }
        }
        if !self.errors.is_empty() {
            return Err(WriteError { template: None, errors: self.errors });
        }
        Ok((path, WrittenParts { query: self.query, headers: self.headers, body: self.body.finish() }))
    }

    pub(crate) fn named<'n>(&self, name: &'n str) -> Cow<'n, str> {
        match &*self.prefix {
            "" => Cow::Borrowed(name),
            prefix => Cow::Owned(format!("{prefix}{name}")),
        }
    }

    /// Returns the text, or reports the error.
    pub(crate) fn text<'v>(
        &mut self,
        location: Location,
        name: &str,
        text: TextResult<'v>,
    ) -> Option<Cow<'v, str>> {
        let error = match text {
            Ok(text) => return Some(text),
            Err(error) => ValueError::from(error),
        };
        self.errors.push(FieldError::new(location, name.to_owned(), error));
        None
    }

    /// Returns the items with commas; `None` without items, or after an error.
    pub(crate) fn joined<'v>(
        &mut self,
        location: Location,
        name: &str,
        items: impl Iterator<Item = TextResult<'v>>,
    ) -> Option<String> {
        let is_header = location == Location::Header;
        let mut list: Option<String> = None;
        let mut is_valid = true;
        let mut count = 0;
        for item in items {
            count += 1;
            let Some(item) = self.text(location, name, item) else {
                is_valid = false;
                continue;
            };
            // The reader splits at commas and takes the blanks around them off.
            if slot::items(&item, is_header).ne([&*item]) {
                let detail = match is_header {
                    true => {
                        "expected items that are not empty, without commas that are not quoted, not blank at their ends"
                    }
                    false => "expected items without commas, not blank at their ends",
                };
                self.error(location, name, detail);
                is_valid = false;
            }
            match &mut list {
                Some(list) => {
                    list.push(',');
                    list.push_str(&item);
                }
                none => *none = Some(item.into_owned()),
            }
        }
        // An unclosed quote includes the commas after it.
        if list.as_deref().is_some_and(|list| is_valid && slot::items(list, is_header).count() != count) {
            self.error(location, name, "expected items whose quotes are closed");
            is_valid = false;
        }
        if list.as_deref() == Some("") {
            self.error(location, name, "expected more than one empty item");
            is_valid = false;
        }
        list.filter(|_| is_valid)
    }

    /// Appends a line. A line of several structs is written once, since each of them
    /// reads all lines.
    fn append(&mut self, name: &HeaderName, value: HeaderValue) {
        match self.owners.iter().find(|(owned, _)| owned == name) {
            Some((_, owner)) if *owner != self.scope.0 => {
                if self.headers.get_all(name).iter().ne([&value]) {
                    self.error(
                        Location::Header,
                        name.as_str(),
                        "expected one value, another field has another one",
                    );
                }
                return;
            }
            Some(_) => {}
            None => self.owners.push((name.clone(), self.scope.0)),
        }
        self.headers.append(name, value);
    }

    /// RFC 9110, 5.5: white space around a value is not part of it.
    fn line(&mut self, name: &HeaderName, text: &str) {
        let trimmed = text.trim_matches([' ', '\t']) == text;
        match HeaderValue::from_bytes(text.as_bytes()) {
            Ok(value) if trimmed => self.append(name, value),
            _ => {
                let detail = "expected text without control characters, without white space at its ends";
                self.error(Location::Header, name.as_str(), detail);
            }
        }
    }
}

/// The bytes of a written body, beside it in the request's extensions: a body is read once.
#[derive(Clone, Debug)]
pub(crate) struct WrittenBytes(pub(crate) Bytes);

impl WrittenParts {
    fn request(self, method: Method, mut target: String) -> Result<Request<Body>, WriteError> {
        if !self.query.is_empty() {
            target.push('?');
            target.push_str(&self.query);
        }
        let Ok(uri) = Uri::try_from(target) else {
            let error = ValueError::new(Code::Invalid, "expected a URL that is not longer than 65,534 bytes");
            let errors = vec![FieldError::new(Location::Path, "", error)];
            return Err(WriteError { template: None, errors });
        };
        let (kind, body) = self.body.map_or_else(Default::default, |(kind, body)| (Some(kind), body));
        let mut request = Request::new(Body::from(body.clone()));
        if !body.is_empty() {
            request.extensions_mut().insert(WrittenBytes(body));
        }
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers;
        if let Some(kind) = kind {
            // A field of the struct may have set a content type.
            request.headers_mut().entry(CONTENT_TYPE).or_insert(kind);
        }
        Ok(request)
    }
}
