//! A struct that says where its requests go.

#[cfg(feature = "router")]
use bytes::Bytes;
#[cfg(feature = "router")]
use http::request::Parts;

use crate::{extract::Extract, target::Target};
#[cfg(feature = "router")]
use crate::{extract::routed, rejection::Rejection};

/// A struct that says where its requests go.
///
/// `#[derive(Extract)]` writes it of `#[route(METHOD "/template")]`. A route makes the struct readable
/// without a router, as in a test or in a function of a cloud:
///
/// ```
/// # #[cfg(feature = "router")] {
/// use http::Request;
/// use waylay_extract::{Extract, Routed};
///
/// #[derive(Debug, Extract)]
/// #[route(GET "/users/{user}/posts/{id:[0-9]+}")]
/// struct Show {
///     #[param]
///     user: String,
///     #[param]
///     id: u64,
/// }
///
/// let (parts, ()) = Request::get("/users/a%2Fb/posts/7").body(()).unwrap().into_parts();
/// let show = Show::read(&parts, "".into()).unwrap();
/// assert_eq!((&*show.user, show.id), ("a/b", 7));
///
/// let (parts, ()) = Request::get("/users/a/posts/last").body(()).unwrap().into_parts();
/// assert_eq!(Show::read(&parts, "".into()).unwrap_err().status(), 404);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say where its requests go",
    note = "write `#[derive(Extract)]` and `#[route(GET \"/template\")]` on it"
)]
pub trait Routed: Extract {
    /// Method and template.
    const TARGET: &'static Target;

    /// Reads the struct from a request whose body is in memory and that no router has matched: the
    /// path is held against the struct's own route, by the rules of waylay's router.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the request, in one [`Rejection`]: 404 if its path is not the
    /// route's, 405 if only its method is not.
    #[cfg(feature = "router")]
    fn read(parts: &Parts, body: Bytes) -> Result<Self, Rejection> {
        routed::<Self::Slots>(parts, &body)
    }
}
