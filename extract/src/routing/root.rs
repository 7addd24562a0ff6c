//! RootDispatch: what the routes of a type read through the type itself.

use std::fmt;
use std::marker::PhantomData;

use waylay_router::Route;

use crate::extract::extract::Extract;
#[cfg(feature = "openapi")]
use crate::openapi::operation::Operation;
use crate::routing::endpoint::RouteExt;

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
    /// States the variables that the root requires.
    fn read_by_root(&self, route: Route) -> Route;
    /// Adds the parameters.
    #[cfg(feature = "openapi")]
    fn describe_root(&self, operation: &mut Operation);
}

impl<T: Extract> RootByType for &RootDispatch<T> {
    fn read_by_root(&self, route: Route) -> Route {
        route.reads::<T>()
    }

    #[cfg(feature = "openapi")]
    fn describe_root(&self, operation: &mut Operation) {
        // The comment of the root is not that of the operation.
        operation.prefixed("", T::describe);
    }
}

/// The last choice, which adds nothing.
pub trait RootByNone {
    /// Returns the route unchanged.
    fn read_by_root(&self, route: Route) -> Route {
        route
    }

    /// Adds nothing.
    #[cfg(feature = "openapi")]
    fn describe_root(&self, _operation: &mut Operation) {}
}

impl<T> RootByNone for RootDispatch<T> {}
