//! Descriptions of #[routes] methods, for OpenAPI documents.

use std::fmt;
use std::marker::PhantomData;

use waylay_router::Route;

use crate::extract::extract::Extract;
use crate::openapi::operation::{METADATA_KEY, Operation};

/// Returns a route with the operation of its struct, of the root, and of the responses, unless the struct
/// describes these itself.
pub fn described<T: Extract>(route: Route, root: fn(&mut Operation), answers: fn(&mut Operation)) -> Route {
    let operation = Operation::of(|operation| {
        T::describe(operation);
        if operation.answers().statuses().next().is_none() {
            answers(operation);
        }
        root(operation);
    });
    route.metadata(METADATA_KEY, operation)
}

/// A root's type in generated code; see `ReadDispatch` for how the trait is chosen.
pub struct RootDispatch<T>(PhantomData<fn() -> T>);

impl<T> RootDispatch<T> {
    /// Returns a value without content.
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for RootDispatch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootDispatch")
    }
}

/// The first choice: `Extract`.
pub trait RootByType {
    /// Adds the parameters.
    fn describe_root(&self, operation: &mut Operation);
}

impl<T: Extract> RootByType for &RootDispatch<T> {
    fn describe_root(&self, operation: &mut Operation) {
        // The comment of the root is not that of the operation.
        operation.prefixed("", T::describe);
    }
}

/// The last choice, which adds nothing.
pub trait RootByNone {
    /// Adds nothing.
    fn describe_root(&self, _operation: &mut Operation) {}
}

impl<T> RootByNone for RootDispatch<T> {}
