//! IntoMakeService, ConnectionService: routers for servers, with the peer of each connection.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use http::Request;
use http::uri::Scheme;
use tower_service::Service;

use crate::request::peer::Peer;
use crate::service::router::Router;
#[cfg(feature = "swap")]
use crate::service::swap::SwapRouter;

/// A connection that a server passes to a make-service.
///
/// It is implemented for a [`Peer`], a `SocketAddr` (the target of `axum-server` and of `hyper`'s examples) and, with
/// feature `axum`, for the `IncomingStream` of `axum::serve`.
#[diagnostic::on_unimplemented(
    message = "the peer of `{Self}` is unknown to the router",
    note = "`axum::serve` needs feature `axum` of waylay-router",
    note = "for another server, implement `waylay_router::Connection` for its connections, or pass their `SocketAddr`"
)]
pub trait Connection {
    /// Returns the peer; unknown parts are `None`.
    fn peer(&self) -> Peer;
}

impl Connection for Peer {
    fn peer(&self) -> Peer {
        self.clone()
    }
}

impl Connection for SocketAddr {
    fn peer(&self) -> Peer {
        Peer::default().addr(*self)
    }
}

impl<C: Connection> Connection for &C {
    fn peer(&self) -> Peer {
        C::peer(self)
    }
}

/// A make-service of a router, which inserts the [`Peer`] of the connection into each request.
///
/// ```
/// use tower::{Service, ServiceExt};
/// use waylay_router::{Body, Route, Router};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = Router::builder()
///     .route(Route::get("/").client_ip("10.0.0.0/8").to(async || "inside"))
///     .route(Route::get("/").to(async || "outside"))
///     .build()?;
/// let mut make = router.into_make_service();
/// let connection = make.call(std::net::SocketAddr::from(([10, 1, 2, 3], 4567))).await?;
/// let response = connection.oneshot(http::Request::get("/").body(Body::empty())?).await?;
/// assert_eq!(axum::body::to_bytes(response.into_body(), 99).await?, "inside");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct IntoMakeService<S = Router> {
    service: S,
    scheme: Option<Scheme>,
}

impl<S> IntoMakeService<S> {
    fn new(service: S) -> Self {
        Self { service, scheme: None }
    }

    /// Sets the scheme of all connections, such as `https` for a listener with TLS. By default it is that of the
    /// connection: `http` for plain TCP under `axum::serve`, else unknown.
    #[must_use]
    pub fn scheme(self, scheme: Scheme) -> Self {
        Self { scheme: Some(scheme), ..self }
    }

    fn peer(&self, connection: &impl Connection) -> Peer {
        let peer = connection.peer();
        Peer { scheme: self.scheme.clone().or(peer.scheme), ..peer }
    }
}

impl<S: Clone, C: Connection> Service<C> for IntoMakeService<S> {
    type Response = ConnectionService<S>;
    type Error = Infallible;
    type Future = Ready<Result<ConnectionService<S>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, connection: C) -> Self::Future {
        let peer = self.peer(&connection);
        ready(Ok(ConnectionService { service: self.service.clone(), peer }))
    }
}

/// The router of one connection.
#[derive(Debug, Clone)]
pub struct ConnectionService<S = Router> {
    service: S,
    peer: Peer,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for ConnectionService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.peer.clone());
        self.service.call(request)
    }
}

macro_rules! make_services {
    ($router:ident) => {
        impl $router {
            /// Returns the router as a make-service, for a server that asks for one service per connection. It
            /// inserts the [`Peer`] of the connection into each request.
            ///
            /// With feature `axum`, `axum::serve(listener, router.into_make_service())` and
            /// `axum::serve(listener, router)` are the same.
            pub fn into_make_service(self) -> IntoMakeService<Self> {
                IntoMakeService::new(self)
            }

            /// Returns the router as a make-service that also inserts axum's `ConnectInfo<C>` into each request.
            #[cfg(feature = "axum")]
            pub fn into_make_service_with_connect_info<C>(self) -> IntoMakeServiceWithConnectInfo<Self, C> {
                IntoMakeServiceWithConnectInfo::new(self)
            }
        }
    };
}

make_services!(Router);
#[cfg(feature = "swap")]
make_services!(SwapRouter);

#[cfg(feature = "axum")]
pub use with_axum::IntoMakeServiceWithConnectInfo;

#[cfg(feature = "axum")]
mod with_axum {
    use std::any::{Any, TypeId};
    use std::fmt;
    use std::marker::PhantomData;

    use axum::Extension;
    use axum::extract::connect_info::{ConnectInfo, Connected};
    use axum::middleware::AddExtension;
    use axum::serve::{IncomingStream, Listener};
    use tower_layer::Layer;

    use super::*;

    impl<L: Listener> Connection for IncomingStream<'_, L> {
        fn peer(&self) -> Peer {
            let address: &dyn Any = self.remote_addr();
            Peer {
                addr: address.downcast_ref().copied(),
                scheme: is_plain::<L::Io>().then_some(Scheme::HTTP),
            }
        }
    }

    /// Tests whether a stream is one of the operating system, without TLS.
    fn is_plain<T: 'static>() -> bool {
        #[cfg(unix)]
        if TypeId::of::<T>() == TypeId::of::<tokio::net::UnixStream>() {
            return true;
        }
        TypeId::of::<T>() == TypeId::of::<tokio::net::TcpStream>()
    }

    macro_rules! served_by_axum {
        ($router:ident) => {
            impl<L: Listener> Service<IncomingStream<'_, L>> for $router {
                type Response = ConnectionService<Self>;
                type Error = Infallible;
                type Future = Ready<Result<ConnectionService<Self>, Infallible>>;

                fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                    Poll::Ready(Ok(()))
                }

                fn call(&mut self, stream: IncomingStream<'_, L>) -> Self::Future {
                    ready(Ok(ConnectionService { service: self.clone(), peer: stream.peer() }))
                }
            }
        };
    }

    served_by_axum!(Router);
    #[cfg(feature = "swap")]
    served_by_axum!(SwapRouter);

    /// A make-service of a router, which inserts the [`Peer`] of the connection and axum's `ConnectInfo<C>` into each
    /// request. A peer without an address gets that of a `ConnectInfo<SocketAddr>`.
    pub struct IntoMakeServiceWithConnectInfo<S, C> {
        make: IntoMakeService<S>,
        info: PhantomData<fn() -> C>,
    }

    impl<S, C> IntoMakeServiceWithConnectInfo<S, C> {
        pub(super) fn new(service: S) -> Self {
            Self { make: IntoMakeService::new(service), info: PhantomData }
        }

        /// Sets the scheme of all connections ([`IntoMakeService::scheme`]).
        #[must_use]
        pub fn scheme(self, scheme: Scheme) -> Self {
            Self { make: self.make.scheme(scheme), ..self }
        }
    }

    impl<S: Clone, C> Clone for IntoMakeServiceWithConnectInfo<S, C> {
        fn clone(&self) -> Self {
            Self { make: self.make.clone(), info: PhantomData }
        }
    }

    impl<S: fmt::Debug, C> fmt::Debug for IntoMakeServiceWithConnectInfo<S, C> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("IntoMakeServiceWithConnectInfo").field("make", &self.make).finish()
        }
    }

    impl<S: Clone, C: Connected<T>, T: Connection> Service<T> for IntoMakeServiceWithConnectInfo<S, C> {
        type Response = AddExtension<ConnectionService<S>, ConnectInfo<C>>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, connection: T) -> Self::Future {
            let mut peer = self.make.peer(&connection);
            let info = C::connect_info(connection);
            peer.addr = peer.addr.or_else(|| (&info as &dyn Any).downcast_ref().copied());
            let service = ConnectionService { service: self.make.service.clone(), peer };
            ready(Ok(Extension(ConnectInfo(info)).layer(service)))
        }
    }
}
