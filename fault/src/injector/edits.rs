//! Edits: what is changed on the head of a request or a response.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Changes of one head, in the order they were written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edits {
    pub(crate) status: Option<StatusCode>,
    pub(crate) headers: Vec<Edit>,
}

#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// This value and no other.
    Set(HeaderName, HeaderValue),
    /// One more value.
    Add(HeaderName, HeaderValue),
    /// None of its values.
    Drop(HeaderName),
    /// Each of its values twice.
    Double(HeaderName),
}

impl Edits {
    pub(crate) fn headers(&self, headers: &mut HeaderMap) {
        for edit in &self.headers {
            match edit {
                Edit::Set(name, value) => {
                    headers.insert(name, value.clone());
                }
                Edit::Add(name, value) => {
                    headers.append(name, value.clone());
                }
                Edit::Drop(name) => {
                    headers.remove(name);
                }
                Edit::Double(name) => {
                    let values: Vec<_> = headers.get_all(name).iter().cloned().collect();
                    for value in values {
                        headers.append(name, value);
                    }
                }
            }
        }
    }
}
