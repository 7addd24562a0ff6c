//! FromText and ToText: values as text, and the choice between traits.

pub(crate) mod dispatch;
#[cfg(any(feature = "chrono", feature = "jiff", feature = "time", feature = "uuid"))]
pub(crate) mod foreign;
pub(crate) mod from_text;
pub(crate) mod to_text;
pub(crate) mod via_serde;
