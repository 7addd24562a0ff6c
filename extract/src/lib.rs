//! One struct per HTTP request, with every error in one answer.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod base;
mod body;
#[cfg(any(feature = "garde", feature = "validator"))]
mod checks;
mod client;
#[cfg(any(feature = "chrono", feature = "jiff", feature = "time", feature = "uuid"))]
mod dates;
mod decode;
mod door;
mod draft;
mod draft_body;
#[cfg(feature = "router")]
mod endpoint;
mod error;
mod errors;
mod escape;
mod excerpt;
mod extract;
mod fill;
#[cfg(feature = "form")]
mod form;
mod format;
mod head;
mod into_request;
mod invalid;
mod json;
#[cfg(feature = "router")]
mod kept;
mod keys;
mod layout;
#[cfg(feature = "router")]
mod link;
#[cfg(feature = "router")]
mod matched;
mod media;
mod member;
#[cfg(feature = "multipart")]
mod multipart;
mod names;
mod nested;
mod object;
#[cfg(feature = "openapi")]
mod openapi;
mod out_body;
mod part;
#[cfg(feature = "multipart")]
mod parts_in;
mod pick;
mod pick_out;
#[cfg(feature = "multipart")]
mod poured;
mod reader;
mod refusal;
mod rejection;
mod request;
mod rest;
mod routed;
mod rule;
mod scalar;
#[cfg(feature = "axum")]
mod sink;
#[cfg(feature = "multipart")]
mod sips;
mod slot;
#[cfg(all(feature = "form", feature = "multipart"))]
mod sorted;
mod source;
mod target;
mod text;
mod to_text;
mod tree;
#[cfg(feature = "headers")]
mod typed;
#[cfg(not(feature = "openapi"))]
mod undescribed;
mod unknown;
mod untree;
#[cfg(feature = "multipart")]
mod upload;
mod value;
mod walk;

pub use base::{Base, UrlFault};
pub use client::{Client, ClientError, Undecodable};
pub use draft::{Draft, WriteError};
#[cfg(feature = "router")]
pub use endpoint::{RouteExt, RoutedArguments, RouterExt, Routes};
pub use error::{Code, FieldError};
pub use extract::{Extract, ExtractRef};
pub use format::{FormatFuture, FormatLayer, FormatService};
pub use head::FromHead;
pub use into_request::IntoRequest;
pub use invalid::Invalid;
#[cfg(feature = "router")]
pub use link::{Link, LinkError, UrlsExt};
#[cfg(feature = "multipart")]
pub use multipart::{Multipart, OpenPart};
#[cfg(feature = "openapi")]
pub use openapi::{
    answer::{Answer, Answers},
    document::{OpenApi, OpenApiExt},
    schema::TextSchema,
};
pub use pick_out::Written;
pub use refusal::Refusal;
pub use rejection::Rejection;
pub use rest::Rest;
pub use routed::Routed;
pub use source::Source;
pub use target::Target;
pub use text::{FromText, TextError};
pub use to_text::ToText;
#[cfg(feature = "multipart")]
pub use upload::Upload;
#[cfg(feature = "router")]
pub use waylay_extract_derive::routes;
pub use waylay_extract_derive::{Extract, IntoRequest, Text};

/// What generated code calls; no part of the public interface.
#[doc(hidden)]
pub mod derive {
    pub use axum_core::{
        body::Body,
        extract::{
            FromRef, FromRequest, FromRequestParts, OptionalFromRequest, OptionalFromRequestParts, Request,
        },
    };
    pub use bytes::Bytes;
    pub use http::{HeaderName, Method, request::Parts};
    #[cfg(feature = "router")]
    pub use {
        axum_core::response::IntoResponse,
        waylay_router::{Pending, Route},
    };

    #[cfg(feature = "router")]
    pub use crate::kept::keep;
    #[cfg(feature = "openapi")]
    pub use serde_json::Value as Schema;

    #[cfg(feature = "openapi")]
    pub use crate::openapi::{
        answer::{AnswerByNone, AnswerByType, PickAnswer},
        operation::{Facts, Operation},
        root::{PickRoot, RootByNone, RootByType, described},
        schema::{
            PickSchema, SchemaByNone, SchemaBySchemars, SchemaByText, SchemaByUtoipa, choices, text_schema,
        },
    };
    pub use serde::{self, de::MapAccess};
    pub use serde_json::value::RawValue;

    #[cfg(feature = "garde")]
    pub use crate::checks::garde;
    #[cfg(feature = "validator")]
    pub use crate::checks::validator;
    #[cfg(feature = "form")]
    pub use crate::form::{whole_form, whole_query, write_form, write_query};
    #[cfg(all(feature = "form", feature = "multipart"))]
    pub use crate::sorted::{Sorted, write_parts};
    #[cfg(feature = "headers")]
    pub use crate::typed::{typed, write_typed};
    pub use crate::{
        body::Plan,
        door::Door,
        draft::Draft,
        error::{Fault, FieldError},
        errors::Errors,
        keys::Keys,
        layout::{Layout, Slots, Survey, Wants},
        media::Kind,
        member::Member,
        names::Names,
        nested::{Nest, Nested, below},
        part::{Part, PartRule},
        pick::{ByNone, ByStr, ByText, Pick, borrowed, cow},
        pick_out::{OutByDisplay, OutByNone, OutByText, PickOut, not_empty, serde_text},
        reader::{header, lines},
        rejection::Rejection,
        request::{from, from_parts, from_request, option_from_parts, option_from_request, path},
        rest::Others,
        rule::{Empty, Rule, Twice},
        scalar::serde as serde_scalar,
        slot::{Many, One, Slot},
        source::Source,
        target::Target,
        value::Value,
    };
    #[cfg(feature = "multipart")]
    pub use crate::{poured::Poured, upload::write_upload};

    /// Whether a form may come as a multipart body.
    pub const MULTIPART: bool = cfg!(feature = "multipart");
}
