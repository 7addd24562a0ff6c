//! JSON as Toxiproxy reads it: names in any case, unknown members ignored, `null` is absent.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::toxiproxy::error::ProxyError;

/// Reads the first JSON value of a body; what follows it is ignored.
pub(crate) fn decode(body: &[u8]) -> Result<Value, ProxyError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(ProxyError::BadBody("it is empty; a JSON document is expected".to_owned()));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Value::deserialize(&mut reader).map_err(bad_body)?;
    Ok(plain(value))
}

/// Reads a value into its type.
pub(crate) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, ProxyError> {
    serde_json::from_value(value).map_err(bad_body)
}

/// Reads an object into its type. A struct of serde could be read from an array, too.
pub(crate) fn record<T: DeserializeOwned>(value: Value) -> Result<T, ProxyError> {
    typed(Value::Object(object(value)?))
}

/// Returns the members of an object.
pub(crate) fn object(value: Value) -> Result<Map<String, Value>, ProxyError> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(ProxyError::BadBody(format!("an object is expected, not {}", kind(&other)))),
    }
}

pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn bad_body(error: serde_json::Error) -> ProxyError {
    ProxyError::BadBody(error.to_string())
}

/// Lower-cases the names of members, and leaves out those that are `null`.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.map(|(name, value)| (name.to_ascii_lowercase(), plain(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        other => other,
    }
}
