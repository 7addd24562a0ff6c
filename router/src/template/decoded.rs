//! DecodedValues: the values of one request that patterns have decoded.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use crate::template::captures::Span;
use crate::template::encoding::Encoding;

/// Values of one path and one query, each decoded once for all patterns that read it.
#[derive(Debug, Default)]
pub(crate) struct DecodedValues(RefCell<Vec<(Key, Rc<DecodedValue>)>>);

/// The place of a value and the form in which it is decoded. The encoding tells a path from a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    span: Span,
    encoding: Encoding,
    is_marked: bool,
}

/// A value, and the offset in the raw text of each of its bytes.
#[derive(Debug)]
struct DecodedValue {
    text: String,
    offsets: Option<Vec<usize>>,
}

impl DecodedValue {
    fn bytes(&self) -> usize {
        self.text.len() + self.offsets.as_ref().map_or(0, |offsets| size_of_val(&offsets[..]))
    }
}

/// A shorter value is decoded again in the time that it takes to find it here.
const MIN_BYTES: usize = 32;

/// The most values that are kept: those of a route with all variables, twice.
const MAX_VALUES: usize = 64;

/// The most memory that values take; then all are decoded again.
const MAX_BYTES: usize = 256 * 1024;

impl DecodedValues {
    /// Passes the decoded value to a function; false if it is not UTF-8.
    pub(crate) fn test(
        &self,
        (raw, span): (&str, Span),
        encoding: Encoding,
        test: impl FnOnce(&str) -> bool,
    ) -> bool {
        if raw.len() < MIN_BYTES || encoding.is_identity(raw) {
            return encoding.decode(raw).is_ok_and(|value| test(&value));
        }
        let key = Key { span, encoding, is_marked: false };
        let decode = || Some(DecodedValue { text: encoding.decode(raw).ok()?.into_owned(), offsets: None });
        self.value(key, decode).is_some_and(|value| test(&value.text))
    }

    /// The same for a value whose escaped characters become [marks](Encoding::decode_marked), with the offset of each byte.
    pub(crate) fn test_marked(
        &self,
        (raw, span): (&str, Span),
        encoding: Encoding,
        test: impl FnOnce(&str, Option<&[usize]>) -> bool,
    ) -> bool {
        let decode = || encoding.decode_marked(raw);
        if raw.len() < MIN_BYTES || encoding.is_identity(raw) {
            return decode().is_some_and(|(value, offsets)| test(&value, offsets.as_deref()));
        }
        let owned = |(text, offsets): (Cow<'_, str>, _)| DecodedValue { text: text.into_owned(), offsets };
        let value = self.value(Key { span, encoding, is_marked: true }, || decode().map(owned));
        value.is_some_and(|value| test(&value.text, value.offsets.as_deref()))
    }

    fn value(&self, key: Key, decode: impl FnOnce() -> Option<DecodedValue>) -> Option<Rc<DecodedValue>> {
        if let Some((_, value)) = self.0.borrow().iter().find(|(known, _)| *known == key) {
            return Some(Rc::clone(value));
        }
        let value = Rc::new(decode()?);
        let mut values = self.0.borrow_mut();
        let bytes: usize = values.iter().map(|(_, value)| value.bytes()).sum();
        if values.len() == MAX_VALUES || bytes + value.bytes() > MAX_BYTES {
            values.clear();
        }
        values.push((key, Rc::clone(&value)));
        Some(value)
    }
}
