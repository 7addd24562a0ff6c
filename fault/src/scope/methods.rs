//! A set of methods.

use http::Method;

use crate::error::{Findings, Problem};

/// Methods, compared byte by byte, as HTTP does.
#[derive(Debug, Default)]
pub(crate) struct MethodList(Vec<Method>);

impl MethodList {
    /// Reads the names; each bad one becomes a finding under `setting[index]`.
    pub(crate) fn check(setting: &str, names: Vec<String>, findings: &mut Findings) -> Self {
        let mut list = Vec::with_capacity(names.len());
        for (index, name) in names.into_iter().enumerate() {
            match Method::from_bytes(name.as_bytes()) {
                Ok(method) => list.push(method),
                Err(_) => findings.add(format!("{setting}[{index}]"), name, Problem::Method),
            }
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, method: &Method) -> bool {
        self.0.contains(method)
    }
}
