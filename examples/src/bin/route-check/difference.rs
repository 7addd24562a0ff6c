//! What is printed besides answers: a line's error, and what is not as expected.

use serde::Serialize;
use serde_json::Value;

use crate::case::{Asked, Build};

/// A line that is not checked.
#[derive(Debug, Serialize)]
pub(crate) struct LineError {
    pub(crate) line: usize,
    pub(crate) error: String,
}

/// What differs: a request, a build, or whether a route compiles.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject<'c> {
    Request {
        number: usize,
        method: &'c str,
        url: &'c str,
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<&'c str>,
    },
    Build {
        number: usize,
        name: &'c str,
    },
    Route(&'c str),
    Info(&'c str),
    Walk,
}

impl<'c> Subject<'c> {
    pub(crate) fn request(number: usize, asked: &'c Asked) -> Self {
        Self::Request { number, method: &asked.method, url: &asked.url, host: asked.host.as_deref() }
    }

    pub(crate) fn build(number: usize, build: &'c Build) -> Self {
        Self::Build { number, name: &build.name }
    }
}

/// One difference, expected and got side by side.
#[derive(Debug, Serialize)]
pub(crate) struct Difference<'c> {
    pub(crate) line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'c Value>,
    #[serde(flatten)]
    pub(crate) subject: Subject<'c>,
    pub(crate) expected: Value,
    pub(crate) got: Value,
    pub(crate) explain: Vec<String>,
}
