//! Descriptions of #[routes] methods, for OpenAPI documents.

use std::fmt;
use std::marker::PhantomData;

use waylay_router::Route;

use crate::extract::extract::Extract;
use crate::openapi::operation::{METADATA_KEY, Operation};

/// A route with the operation of its struct, of what is read around it, and of what is answered, unless
/// the struct says that itself.
pub fn described<T: Extract>(route: Route, around: fn(&mut Operation), answers: fn(&mut Operation)) -> Route {
    let operation = Operation::of(|operation| {
        T::describe(operation);
        if operation.answers().statuses().next().is_none() {
            answers(operation);
        }
        around(operation);
    });
    route.metadata(METADATA_KEY, operation)
}

/// Stands for a root's type in generated code; see `pick` for how the choice is made.
pub struct RootDispatch<T>(PhantomData<fn() -> T>);

impl<T> RootDispatch<T> {
    /// The type alone; there is nothing in it.
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

/// The first choice: a struct that describes itself.
pub trait RootByType {
    /// Tells its parameters.
    fn describe_root(&self, operation: &mut Operation);
}

impl<T: Extract> RootByType for &RootDispatch<T> {
    fn describe_root(&self, operation: &mut Operation) {
        // Its comment is not that of the operation.
        operation.within("", T::describe);
    }
}

/// The last resort, which every type passes, and which says nothing.
pub trait RootByNone {
    /// Tells nothing.
    fn describe_root(&self, _operation: &mut Operation) {}
}

impl<T> RootByNone for RootDispatch<T> {}
