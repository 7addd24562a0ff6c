//! CreateAnnotation, PatchAnnotation: the two calls of Grafana's annotations API that are made.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use waylay_extract::IntoRequest;

/// Creates an annotation.
#[derive(Debug, IntoRequest)]
#[route(POST "/api/annotations")]
pub(crate) struct CreateAnnotation {
    #[body]
    pub(crate) annotation: Annotation,
}

/// An annotation; one without `timeEnd` is a point.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Annotation {
    #[serde(rename = "dashboardUID", skip_serializing_if = "Option::is_none")]
    pub(crate) dashboard_uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) panel_id: Option<u64>,
    /// In milliseconds since 1970, as `timeEnd`.
    pub(crate) time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_end: Option<u64>,
    pub(crate) tags: Vec<String>,
    pub(crate) text: String,
}

/// The response to [`CreateAnnotation`].
#[derive(Debug, Deserialize)]
pub(crate) struct CreatedAnnotation {
    pub(crate) id: u64,
}

/// Makes a region of an annotation.
#[derive(Debug, IntoRequest)]
#[route(PATCH "/api/annotations/{id}")]
pub(crate) struct PatchAnnotation {
    #[param]
    pub(crate) id: u64,
    #[body]
    pub(crate) end: AnnotationEnd,
}

/// The end of a region.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnnotationEnd {
    pub(crate) time_end: u64,
}

/// Returns a time in milliseconds since 1970.
pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
