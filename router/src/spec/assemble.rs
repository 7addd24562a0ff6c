//! A file read part by part, so that a fault of one part hides no other.

use serde::de::DeserializeOwned;

use super::model::{RouteSpec, ScopeSpec, TableSpec};

/// A fault and its line.
pub(super) type Fault = (String, Option<u32>);

/// An object of a file.
pub(super) trait Node: Sized {
    /// Takes a list of objects out; nothing, if the key is not there.
    fn take(&mut self, key: &str) -> Result<Vec<Self>, Fault>;

    /// The line that it begins in.
    fn line(&self) -> u32;

    /// What is left of it.
    fn read<T: DeserializeOwned>(self) -> Result<T, Fault>;
}

/// A table with all faults of its parts.
pub(super) fn table(mut root: impl Node, mut faults: Vec<Fault>) -> TableSpec {
    let (routes, scopes) = parts(&mut root, &mut faults);
    let own: Option<TableSpec> = root.read().map_err(|fault| faults.push(fault)).ok();
    TableSpec { routes, scopes, faults, ..own.unwrap_or_default() }
}

fn parts(node: &mut impl Node, faults: &mut Vec<Fault>) -> (Vec<RouteSpec>, Vec<ScopeSpec>) {
    let mut take = |key: &str| node.take(key).map_err(|fault| faults.push(fault)).unwrap_or_default();
    let (routes, scopes) = (take("routes"), take("scopes"));
    let mut kept = Vec::new();
    for node in routes {
        let line = Some(node.line());
        match node.read::<RouteSpec>() {
            Ok(route) => kept.push(RouteSpec { line, ..route }),
            Err(fault) => faults.push(fault),
        }
    }
    let scopes = scopes.into_iter().map(|node| scope(node, faults)).collect();
    (kept, scopes)
}

/// What is inside a faulty scope is looked at all the same.
fn scope(mut node: impl Node, faults: &mut Vec<Fault>) -> ScopeSpec {
    let line = Some(node.line());
    let (routes, scopes) = parts(&mut node, faults);
    let own: Option<ScopeSpec> = node.read().map_err(|fault| faults.push(fault)).ok();
    ScopeSpec { routes, scopes, line, ..own.unwrap_or_default() }
}

/// The line of a place in a text, from 1 on.
pub(super) fn line(text: &str, at: usize) -> u32 {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    u32::try_from(before.iter().filter(|&&byte| byte == b'\n').count() + 1).unwrap_or(u32::MAX)
}
