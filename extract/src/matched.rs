//! Path values from waylay's router: the one file that knows its `Matched`.

use http::request::Parts;
use waylay_router::Matched;

use crate::{layout::Slots, value::Value};

/// The slots with every variable of the match in; those given if our router has not matched.
pub(crate) fn fill<F: for<'r> Slots<'r>>(parts: &Parts, slots: Option<F>) -> Option<F> {
    let Some(matched) = parts.extensions.get::<Matched>() else {
        return slots;
    };
    let again = slots.is_some();
    let mut slots = slots.unwrap_or_default();
    feed(matched, &mut slots, again);
    Some(slots)
}

/// Hands every variable of a match to the slots.
pub(crate) fn feed<F: for<'r> Slots<'r>>(matched: &Matched, slots: &mut F, again: bool) {
    for capture in matched.captures() {
        match capture.decode() {
            Ok(text) => slots.path(capture.name(), Value::Text(&text), again),
            Err(_) => slots.path(capture.name(), Value::NotUtf8, again),
        }
        if F::WANTS.raw_path {
            slots.raw_path(capture.name(), Value::Text(capture.raw()));
        }
    }
}
