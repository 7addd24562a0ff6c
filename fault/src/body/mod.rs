//! FaultBody and its stages.

pub(crate) mod error;
pub(crate) mod fault_body;
pub(crate) mod request_body;
pub(crate) mod stage;
