//! One struct per HTTP request, with every error in one answer.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod body;
mod error;
mod extract;
mod json;
#[cfg(feature = "router")]
mod matched;
mod member;
mod pick;
mod reader;
mod rejection;
mod request;
#[cfg(feature = "axum")]
mod sink;
mod slot;
mod source;
mod text;
mod to_text;
mod value;

pub use error::{Code, FieldError};
pub use extract::Extract;
pub use rejection::Rejection;
pub use source::Source;
pub use text::{FromText, TextError};
pub use to_text::ToText;
pub use waylay_extract_derive::Extract;

/// What generated code calls; no part of the public interface.
#[doc(hidden)]
pub mod derive {
    pub use axum_core::extract::{
        FromRef, FromRequest, FromRequestParts, OptionalFromRequest, OptionalFromRequestParts, Request,
    };
    pub use bytes::Bytes;
    pub use http::{HeaderName, request::Parts};
    pub use serde;

    pub use crate::{
        body::Plan,
        error::FieldError,
        extract::{Slots, Survey},
        json::{members, object},
        member::Member,
        pick::{ByNone, ByStr, ByText, Pick},
        reader::header,
        rejection::{Errors, Rejection},
        request::{from_parts, from_request, option_from_parts, option_from_request, path},
        slot::{Many, One, Slot},
        source::Source,
        value::Value,
    };
}
