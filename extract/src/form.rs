//! A whole query or form through serde: the one file that knows `serde_html_form`.

use http::Uri;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    draft::Draft,
    error::{Code, Fault, FieldError},
    json::reason,
    member::Member,
    slot::One,
    source::Source,
};
#[cfg(feature = "multipart")]
use crate::{reader::Pairs, value::Value};

/// The whole urlencoded body, as one value of at most so many pairs.
///
/// # Errors
///
/// The body is not UTF-8.
pub fn whole_form<T: DeserializeOwned>(body: &[u8], max: usize) -> Result<Member<T>, FieldError> {
    let Ok(text) = str::from_utf8(body) else {
        return Err(FieldError::body(Code::BadUtf8, "expected UTF-8 text"));
    };
    Ok(match read(text, max) {
        Ok(value) => Member::Value(value),
        Err(fault) => Member::Fault(Box::new(FieldError::new(Source::Body, "", fault))),
    })
}

/// The whole query, as one value of at most so many pairs.
pub fn whole_query<T: DeserializeOwned>(uri: &Uri, max: usize) -> One<T> {
    match uri.query().map(|query| read(query, max)) {
        None => read("", max).map_or(One::Absent, One::Value),
        Some(Ok(value)) => One::Value(value),
        Some(Err(fault)) => One::Fault(fault.into()),
    }
}

fn read<T: DeserializeOwned>(text: &str, max: usize) -> Result<T, Fault> {
    // Before a list of them is made, which takes many times the memory of `a&a&a`.
    if text.split('&').filter(|pair| !pair.is_empty()).nth(max).is_some() {
        return Err(Fault::new(Code::TooMany, format!("expected at most {max} values")));
    }
    serde_html_form::from_str(text).map_err(|error| {
        let (mut fault, key) = reason(&error.to_string());
        if let Some(key) = key {
            fault.detail = format!("{} for `{key}`", fault.detail).into();
        }
        fault
    })
}

/// Writes a value as pairs of the query.
pub fn write_query(value: &impl Serialize, draft: &mut Draft) {
    match serde_html_form::to_string(value) {
        Ok(pairs) => draft.query_pairs(&pairs),
        Err(_) => draft.fault(Source::Query, "", "expected what a form can hold"),
    }
}

/// Hands every pair of a value on; `false` if it has none.
#[cfg(feature = "multipart")]
pub(crate) fn each_pair(value: &impl Serialize, put: &mut dyn FnMut(&str, Value<'_>)) -> bool {
    let Ok(text) = serde_html_form::to_string(value) else {
        return false;
    };
    Pairs::new(&text, usize::MAX).for_each(|(key, value)| put(&key, value));
    true
}

/// Writes a value as the whole form.
pub fn write_form(value: &impl Serialize, draft: &mut Draft) {
    match serde_html_form::to_string(value) {
        Ok(pairs) => draft.form_pairs(&pairs),
        Err(_) => draft.fault(Source::Body, "", "expected what a form can hold"),
    }
}
