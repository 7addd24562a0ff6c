//! One request, normalized by the policy: path, host, method, peer.

pub(crate) mod host;
pub(crate) mod media_type;
pub(crate) mod method;
pub(crate) mod pairs;
pub(crate) mod path;
pub(crate) mod peer;
pub(crate) mod policy;
pub(crate) mod shared;
pub(crate) mod view;
