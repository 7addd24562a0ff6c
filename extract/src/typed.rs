//! Headers with a type: the one file that knows the `headers` crate.

use headers::Header;
use http::HeaderMap;

use crate::{
    draft::Draft,
    error::{Code, Fault},
};

/// The header, if the request has it.
pub fn typed<T: Header>(headers: &HeaderMap) -> Option<Result<Option<T>, Box<Fault>>> {
    let mut values = headers.get_all(T::name()).iter().peekable();
    values.peek()?;
    let fault = |_| Box::new(Fault::new(Code::Invalid, "expected a valid header"));
    Some(T::decode(&mut values).map(Some).map_err(fault))
}

/// Writes the header's values.
pub fn write_typed<T: Header>(value: &T, draft: &mut Draft) {
    let mut values = Vec::new();
    value.encode(&mut values);
    for value in &values {
        draft.header_value(T::name(), value);
    }
}
