//! One struct per HTTP request, with every error in one answer.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod base;
mod body;
mod client;
mod draft;
mod draft_body;
#[cfg(feature = "router")]
mod endpoint;
mod error;
mod escape;
mod excerpt;
mod extract;
mod fill;
mod into_request;
mod json;
#[cfg(feature = "router")]
mod kept;
#[cfg(feature = "router")]
mod link;
#[cfg(feature = "router")]
mod matched;
mod member;
mod out_body;
mod pick;
mod pick_out;
mod reader;
mod refusal;
mod rejection;
mod request;
#[cfg(feature = "axum")]
mod sink;
mod slot;
mod source;
mod target;
mod text;
mod to_text;
mod value;

pub use base::{Base, UrlFault};
pub use client::{Client, ClientError, Undecodable};
pub use draft::{Draft, WriteError};
#[cfg(feature = "router")]
pub use endpoint::{RouteExt, RoutedArguments, RouterExt, Routes};
pub use error::{Code, FieldError};
pub use extract::Extract;
pub use into_request::IntoRequest;
#[cfg(feature = "router")]
pub use link::{Link, LinkError, UrlsExt};
pub use pick_out::Written;
pub use refusal::Refusal;
pub use rejection::Rejection;
pub use source::Source;
pub use target::{Routed, Target};
pub use text::{FromText, TextError};
pub use to_text::ToText;
#[cfg(feature = "router")]
pub use waylay_extract_derive::routes;
pub use waylay_extract_derive::{Extract, IntoRequest};

/// What generated code calls; no part of the public interface.
#[doc(hidden)]
pub mod derive {
    pub use axum_core::extract::{
        FromRef, FromRequest, FromRequestParts, OptionalFromRequest, OptionalFromRequestParts, Request,
    };
    pub use bytes::Bytes;
    pub use http::{HeaderName, Method, request::Parts};
    pub use serde;
    #[cfg(feature = "router")]
    pub use {
        axum_core::response::IntoResponse,
        waylay_router::{Pending, Route},
    };

    #[cfg(feature = "router")]
    pub use crate::kept::keep;

    pub use crate::{
        body::Plan,
        draft::Draft,
        error::FieldError,
        extract::{Slots, Survey},
        json::{members, object},
        member::Member,
        pick::{ByNone, ByStr, ByText, Pick},
        pick_out::{OutByDisplay, OutByNone, OutByText, PickOut, not_empty},
        reader::header,
        rejection::{Errors, Rejection},
        request::{from_parts, from_request, option_from_parts, option_from_request, path},
        slot::{Many, One, Slot},
        source::Source,
        target::Target,
        value::Value,
    };
}
