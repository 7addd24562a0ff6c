//! HasRoute, RouterExt: structs as routes of waylay-router.

use waylay_router::{Builder, Handler, PendingEndpoint, Route, Scope};

use crate::extract::extract::{Extract, HasRoute};
use crate::field::slots::Layout;
#[cfg(feature = "openapi")]
use crate::openapi::operation::{METADATA_KEY, Operation};

/// The arguments of a handler, of which the last one is a struct that derives [`Extract`].
#[diagnostic::on_unimplemented(
    message = "the last argument of this handler is not a struct that derives `Extract`",
    note = "write `#[derive(Extract)]` on the struct, and let it be the last argument"
)]
pub trait RouteArguments {
    /// The last argument.
    type Last: Extract;
}

macro_rules! arguments {
    ($($part:ident)*) => {
        impl<Way, $($part,)* Last: Extract> RouteArguments for (Way, $($part,)* Last) {
            type Last = Last;
        }
    };
}

arguments!();
arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);
arguments!(A B C D E F G);

/// Routes of structs.
///
/// ```
/// use waylay_extract::{Extract, RouteExt};
/// use waylay_router::{Route, Router};
///
/// #[derive(Extract)]
/// #[route(DELETE "/posts/{id}")]
/// struct Remove {
///     #[param]
///     id: u64,
/// }
///
/// let router = Router::builder()
///     .route(Route::of::<Remove>().name("remove").header("x-sure", "yes").to(async |post: Remove| {
///         format!("removed {}", post.id)
///     }))
///     .build()?;
/// assert_eq!(router.urls().builder("remove")?.set("id", 7).build()?, "/posts/7");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait RouteExt {
    /// Returns a route for the struct's method and template, which are its name (`GET /users/{id}`) unless
    /// another one is set.
    #[track_caller]
    fn of<T: HasRoute>() -> Self;

    /// Sets a handler whose last argument derives [`Extract`]: as `to`, but if the route, with its scopes, lacks a
    /// variable that the struct requires, the router does not build. With `to`, each request gets a 500.
    ///
    /// ```
    /// use waylay_extract::{Extract, RouteExt};
    /// use waylay_router::{Route, Router};
    ///
    /// #[derive(Extract)]
    /// struct Show {
    ///     #[param]
    ///     id: u64,
    /// }
    ///
    /// async fn show(show: Show) -> String {
    ///     format!("post {}", show.id)
    /// }
    ///
    /// assert!(Router::builder().route(Route::get("/posts/{id}").extract(show)).build().is_ok());
    ///
    /// let errors = Router::builder().route(Route::get("/posts/{post}").extract(show)).build().unwrap_err();
    /// assert!(errors.to_string().contains("`Show::id` reads the variable `id`"));
    /// ```
    fn extract<H, A, S>(self, handler: H) -> Route<PendingEndpoint<S>>
    where
        H: Handler<A, S>,
        A: RouteArguments + 'static,
        S: Send + Sync + 'static;

    /// States that the handler of the route reads a struct, for a handler that is a closure over it, a service, or has
    /// the struct before its last argument: a router in which the route lacks a variable that the struct requires
    /// does not build.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use waylay_extract::{Extract, RouteExt};
    /// use waylay_router::{Route, Router};
    ///
    /// #[derive(Extract)]
    /// struct Tenant {
    ///     #[param("tenant")]
    ///     name: String,
    /// }
    ///
    /// let route = Route::get("/stats").reads::<Tenant>().to(async |tenant: Tenant, _: HeaderMap| tenant.name);
    /// let errors = Router::builder().route(route).build().unwrap_err();
    /// assert!(errors.to_string().contains("`Tenant::name` reads the variable `tenant`"));
    /// ```
    fn reads<T: Extract>(self) -> Self;
}

impl RouteExt for Route {
    #[track_caller]
    fn of<T: HasRoute>() -> Self {
        let target = T::TARGET;
        let route = Route::any(target.template()).method(target.method().clone()).name(target.name());
        #[cfg(feature = "openapi")]
        let route = route.metadata(METADATA_KEY, Operation::of(T::describe));
        route.reads::<T>()
    }

    fn extract<H, A, S>(self, handler: H) -> Route<PendingEndpoint<S>>
    where
        H: Handler<A, S>,
        A: RouteArguments + 'static,
        S: Send + Sync + 'static,
    {
        self.reads::<A::Last>().to(handler)
    }

    fn reads<T: Extract>(self) -> Self {
        let required = <T::Slots as Layout>::PARAMS.required();
        required.into_iter().fold(self, |route, (name, field)| route.reads_variable(name, field))
    }
}

/// Handlers by the route of their argument, for routers and scopes.
///
/// ```
/// use waylay_extract::{Extract, RouterExt};
/// use waylay_router::Router;
///
/// #[derive(Extract)]
/// #[route(GET "/hello/{name}")]
/// struct Hello {
///     #[param]
///     name: String,
/// }
///
/// async fn hello(hello: Hello) -> String {
///     format!("hello {}", hello.name)
/// }
///
/// let router = Router::builder().endpoint(hello).build()?;
/// assert_eq!(router.routes().next().unwrap().template(), "/hello/{name}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait RouterExt<S>: Sized {
    /// Adds a handler at the route of its last argument.
    #[must_use = "the router with the handler is returned"]
    #[track_caller]
    fn endpoint<H, A>(self, handler: H) -> Self
    where
        H: Handler<A, S>,
        A: RouteArguments<Last: HasRoute> + 'static;

    /// Adds every route of a type with `#[routes]`.
    #[must_use = "the router with the handlers is returned"]
    fn endpoints<T: Routes<S>>(self) -> Self;
}

impl<S: Send + Sync + 'static> RouterExt<S> for Builder<S> {
    #[track_caller]
    fn endpoint<H, A>(self, handler: H) -> Self
    where
        H: Handler<A, S>,
        A: RouteArguments<Last: HasRoute> + 'static,
    {
        self.route(Route::of::<A::Last>().to(handler))
    }

    fn endpoints<T: Routes<S>>(self) -> Self {
        T::routes().into_iter().fold(self, Self::route)
    }
}

impl<S: Send + Sync + 'static> RouterExt<S> for Scope<S> {
    #[track_caller]
    fn endpoint<H, A>(self, handler: H) -> Self
    where
        H: Handler<A, S>,
        A: RouteArguments<Last: HasRoute> + 'static,
    {
        self.route(Route::of::<A::Last>().to(handler))
    }

    fn endpoints<T: Routes<S>>(self) -> Self {
        T::routes().into_iter().fold(self, Self::route)
    }
}

/// A type whose methods are routes, implemented by `#[routes]` on an `impl` block.
///
/// Each `pub async fn` (or `pub(crate)`) takes the type and one struct with a `#[route]`; private
/// methods are no routes. The type is created for
/// each request by `FromRequestParts` (which `#[derive(Extract)]` implements), and dropped when the
/// response has been sent or dropped.
///
/// ```
/// use std::sync::Arc;
/// use waylay_extract::{Extract, RouterExt, routes};
/// use waylay_router::Router;
///
/// #[derive(Extract)]
/// struct Api {
///     #[header("x-tenant")]
///     tenant: String,
/// }
///
/// #[derive(Extract)]
/// #[route(GET "/posts/{id}")]
/// struct Show {
///     #[param]
///     id: u64,
/// }
///
/// #[derive(Extract)]
/// #[route(POST "/posts")]
/// struct Create {
///     #[json]
///     title: String,
/// }
///
/// #[routes]
/// impl Api {
///     pub async fn show(&self, show: Show) -> String {
///         format!("{} of {}", show.id, self.tenant)
///     }
///
///     pub async fn create(&self, create: Create) -> Result<String, http::StatusCode> {
///         Ok(create.title)
///     }
/// }
///
/// let router = Router::builder().endpoints::<Api>().build()?;
/// assert_eq!(router.routes().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With `#[routes(root = function)]`, an async function creates the value: its arguments are any
/// extractor of the parts and a reference to the struct, its result is `Result<Self, E>`. For a
/// router with a state that extractors read, `#[routes(state = AppState)]` sets its type.
#[diagnostic::on_unimplemented(
    message = "the methods of `{Self}` are not routes of a router with this state",
    note = "write `#[routes]` on its `impl` block, or `#[routes(state = {S})]`"
)]
pub trait Routes<S> {
    /// Returns a route for each method, in order.
    fn routes() -> Vec<Route<PendingEndpoint<S>>>;
}
