//! FaultPlan: faults and guards as a document, and the sources of such documents.

pub(crate) mod apply;
pub(crate) mod build;
pub(crate) mod data;
#[cfg_attr(
    not(any(feature = "toml", feature = "json", feature = "yaml")),
    allow(dead_code, reason = "only a reader of a format reports an error more than once")
)]
pub(crate) mod error;
pub(crate) mod format;
pub(crate) mod injector_shapes;
pub(crate) mod json_schema;
#[cfg_attr(
    not(any(feature = "toml", feature = "json", feature = "yaml")),
    allow(dead_code, reason = "only a reader of a format makes nodes")
)]
pub(crate) mod node;
pub(crate) mod plan;
pub(crate) mod plan_shapes;
pub(crate) mod shape;
pub(crate) mod source;
pub(crate) mod suggestion;
pub(crate) mod supplied;
