//! Descriptions of #[routes] methods, for OpenAPI documents.

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
