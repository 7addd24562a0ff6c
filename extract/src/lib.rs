//! One struct per HTTP request, with all errors in one response.
#![doc = ""]
#![doc = include_str!("../README.md")]

// Modules, top to bottom. A module imports only from modules below it (checked by `examples/tests/modules.rs`).
//
// routing     Structs as routes of waylay-router, and typed URLs
// client      Typed HTTP client over tower services
// extract     Request to struct: head, path, body, JSON, forms, multipart
// openapi     OpenAPI 3.1 documents of routers
// write       Struct to request: the writer, encoding, bodies, nested keys
// field       Slots: the state of each field while a request is read
// error       Errors of fields, their collector, the rejection, validation
// descriptor  Constants that the derive generates: fields, names, body, route
// text        FromText and ToText: values as text, and the choice between traits

mod client;
mod descriptor;
mod error;
mod extract;
mod field;
#[cfg(feature = "openapi")]
mod openapi;
#[cfg(feature = "router")]
mod routing;
mod text;
mod write;

pub use crate::client::base_url::{BaseUrl, BaseUrlError};
pub use crate::client::client::{Client, ClientError, DecodeError, ServiceError};
pub use crate::client::error_response::ErrorResponse;
pub use crate::descriptor::route::RouteTarget;
pub use crate::error::field::{Code, FieldError, Location};
pub use crate::error::format::{RejectionFuture, RejectionLayer, RejectionService};
pub use crate::error::rejection::Rejection;
pub use crate::error::validate::Invalid;
pub use crate::extract::extract::{Extract, ExtractRef, HasRoute};
pub use crate::extract::head::FromRequestHead;
#[cfg(feature = "multipart")]
pub use crate::extract::multipart::{Field, Multipart};
pub use crate::field::rest::Rest;
#[cfg(feature = "multipart")]
pub use crate::field::upload::Upload;
#[cfg(feature = "openapi")]
pub use crate::openapi::answer::{Answer, Answers};
#[cfg(feature = "openapi")]
pub use crate::openapi::document::{OpenApi, OpenApiExt};
#[cfg(feature = "openapi")]
pub use crate::openapi::schema::TextSchema;
#[cfg(feature = "router")]
pub use crate::routing::endpoint::{RouteArguments, RouteExt, RouterExt, Routes};
#[cfg(feature = "router")]
pub use crate::routing::link::{Link, LinkError, UrlsExt};
#[cfg(feature = "router")]
pub use crate::routing::status::Status;
pub use crate::text::dispatch::TextResult;
pub use crate::text::from_text::{FromText, TextError};
pub use crate::text::to_text::ToText;
pub use crate::write::into_request::{IntoRequest, clone_request};
pub use crate::write::writer::{RequestWriter, WriteError};
#[cfg(feature = "router")]
pub use waylay_extract_derive::routes;
pub use waylay_extract_derive::{Extract, IntoRequest, Text};

/// Passes its tokens on; without the feature `openapi` drops them.
#[cfg(feature = "openapi")]
#[doc(hidden)]
#[macro_export]
macro_rules! __described {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Drops its tokens; with the feature `openapi` passes them on.
#[cfg(not(feature = "openapi"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __described {
    ($($tokens:tt)*) => {};
}

/// The interface of generated code, not for other uses.
#[doc(hidden)]
pub mod derive {
    pub use axum_core::body::Body;
    pub use axum_core::extract::{
        FromRef, FromRequest, FromRequestParts, OptionalFromRequest, OptionalFromRequestParts, Request,
    };
    #[cfg(feature = "router")]
    pub use axum_core::response::IntoResponse;
    pub use bytes::Bytes;
    pub use http::request::Parts;
    pub use http::{HeaderName, Method};
    #[cfg(feature = "router")]
    pub use waylay_router::{PendingEndpoint, Route};

    #[cfg(feature = "router")]
    pub use crate::routing::body::hold_until_body_end;
    #[cfg(feature = "openapi")]
    pub use serde_json::Value as Schema;

    #[cfg(feature = "openapi")]
    pub use crate::openapi::answer::{AnswerByNone, AnswerByType, AnswerDispatch};
    #[cfg(feature = "openapi")]
    pub use crate::openapi::field::{Bounds, FieldDescription};
    #[cfg(feature = "openapi")]
    pub use crate::openapi::operation::Operation;
    #[cfg(feature = "openapi")]
    pub use crate::openapi::schema::{
        SchemaByNone, SchemaBySchemars, SchemaByText, SchemaByUtoipa, SchemaDispatch, choices,
        lenient_bool_schema, text_schema,
    };
    #[cfg(feature = "openapi")]
    pub use crate::routing::description::described;
    #[cfg(feature = "router")]
    pub use crate::routing::root::{RootByNone, RootByType, RootDispatch};
    pub use serde;
    pub use serde::de::MapAccess;
    pub use serde_json::value::RawValue;

    pub use crate::descriptor::body::{BodyKind, BodyPlan};
    pub use crate::descriptor::field::{Duplicates, Empty, HeadPlan, NestedLimits, PartRule, Rule};
    pub use crate::descriptor::names::{Keys, Names};
    pub use crate::descriptor::route::{OwnRoute, RouteTarget};
    #[cfg(feature = "pattern")]
    pub use crate::error::bounds::Pattern;
    pub use crate::error::bounds::{characters, is_multiple};
    pub use crate::error::collector::Errors;
    pub use crate::error::field::{FieldError, Location, ValueError};
    pub use crate::error::rejection::Rejection;
    #[cfg(feature = "garde")]
    pub use crate::error::validate::garde;
    #[cfg(feature = "validator")]
    pub use crate::error::validate::validator;
    #[cfg(all(feature = "form", feature = "multipart"))]
    pub use crate::extract::form::FormOrPartsSlot;
    #[cfg(feature = "form")]
    pub use crate::extract::form::{WholeSlot, whole_form, whole_query};
    pub use crate::extract::handler::{
        from, from_parts, from_request, option_from_parts, option_from_request, path,
    };
    #[cfg(feature = "headers")]
    pub use crate::extract::head::{typed, typed_name};
    #[cfg(feature = "multipart")]
    pub use crate::extract::parts::MultipartSlot;
    pub use crate::field::member::MemberSlot;
    pub use crate::field::nested::{NestedSlot, subkey};
    pub use crate::field::part::Part;
    pub use crate::field::rest::RestSlot;
    pub use crate::field::slot::{ListSlot, SingleSlot, Slot};
    pub use crate::field::slots::{Layout, Slots};
    pub use crate::field::value::{Value, header_lines, header_values};
    pub use crate::text::dispatch::{
        ReadByFromStr, ReadByFromText, ReadByNone, ReadDispatch, WriteByDisplay, WriteByNone, WriteByToText,
        WriteDispatch, borrowed, cow, not_empty, serde_text,
    };
    pub use crate::text::from_text::{lenient_bool, strict_bool};
    pub use crate::text::via_serde::serde as serde_scalar;
    #[cfg(all(feature = "form", feature = "multipart"))]
    pub use crate::write::body::write_parts;
    #[cfg(feature = "headers")]
    pub use crate::write::body::write_typed;
    #[cfg(feature = "multipart")]
    pub use crate::write::body::write_upload;
    #[cfg(feature = "form")]
    pub use crate::write::body::{write_form, write_query};
    pub use crate::write::writer::RequestWriter;

    /// Whether a form may be a multipart body.
    pub const MULTIPART: bool = cfg!(feature = "multipart");
}
