//! FaultPlan: faults and guards as a document, and the sources of such documents.

pub(crate) mod apply;
pub(crate) mod build;
pub(crate) mod data;
pub(crate) mod error;
pub(crate) mod format;
pub(crate) mod injector_shapes;
pub(crate) mod json_schema;
pub(crate) mod node;
pub(crate) mod plan;
pub(crate) mod plan_shapes;
pub(crate) mod shape;
pub(crate) mod source;
pub(crate) mod supplied;
