//! FaultListener, and the Accept trait of its inner listeners.

use std::net::SocketAddr;
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "net")]
use tokio::net::{TcpListener, TcpStream};

use crate::fault::fault::Fault;
use crate::fault::set::FaultSet;
use crate::io::state::ResetBy;
use crate::io::stream::FaultStream;

/// A listener that a [`FaultListener`] can wrap: tokio's listeners (feature `net`), or a custom
/// one.
///
/// ```
/// use std::net::SocketAddr;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
/// use tokio::sync::{Mutex, mpsc};
/// use waylay_fault::{Accept, FaultListener};
///
/// /// Connections within the process.
/// struct Inside(Mutex<mpsc::Receiver<DuplexStream>>);
///
/// impl Accept for Inside {
///     type Io = DuplexStream;
///     type Addr = ();
///
///     async fn accept(&self) -> std::io::Result<(DuplexStream, ())> {
///         let next = self.0.lock().await.recv().await;
///         next.map(|io| (io, ())).ok_or_else(|| std::io::ErrorKind::NotConnected.into())
///     }
///
///     fn local_addr(&self) -> std::io::Result<()> {
///         Ok(())
///     }
///
///     fn peer(_: &()) -> Option<SocketAddr> {
///         None
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let (connect, accept) = mpsc::channel(1);
/// let listener = FaultListener::new(Inside(Mutex::new(accept)));
/// let (mut client, server) = tokio::io::duplex(64);
/// connect.send(server).await?;
/// let (mut stream, ()) = listener.accept().await?;
/// client.write_all(b"hello").await?;
/// let mut seen = [0; 5];
/// stream.read_exact(&mut seen).await?;
/// assert_eq!(&seen, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Accept: Send + 'static {
    /// The connections.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The addresses of the peers.
    type Addr: Send;

    /// Makes a connection end in a reset when it is dropped, if that is possible.
    const RESET: Option<ResetBy<Self::Io>> = None;

    /// Waits for the next connection.
    ///
    /// # Errors
    /// The error of the listener.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Io, Self::Addr)>> + Send;

    /// Returns the local address.
    ///
    /// # Errors
    /// The error of the listener.
    fn local_addr(&self) -> io::Result<Self::Addr>;

    /// Returns the peer's address, as used by faults and
    /// [`Connection::peer`](crate::Connection::peer).
    fn peer(addr: &Self::Addr) -> Option<SocketAddr>;
}

/// Wraps a listener; each of its connections is a [`FaultStream`].
///
/// Each connection has a [`Connection`](crate::Connection) handle, by which the faults of layers
/// control the connection. Faults added by [`fault`](Self::fault) apply to connections as such:
/// toxics, delays before the first byte, hangs, closes and resets.
///
/// With axum (features `axum` and `net`), `axum::serve` accepts it, with the app in
/// [`with_connection`](crate::with_connection). With TLS it is below the acceptor. In a custom
/// accept loop:
///
/// ```
/// use std::time::Duration;
///
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use hyper::body::{Bytes, Incoming};
/// use hyper_util::rt::{TokioExecutor, TokioIo};
/// use hyper_util::server::conn::auto;
/// use hyper_util::service::TowerToHyperService;
/// use tokio::net::{TcpListener, TcpStream};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tower_layer::Layer;
/// use waylay_fault::{Fault, FaultListener, Reject, reject};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let fault = Fault::new("reset", reject(Reject::ConnectionReset)).enabled(true).participation(1.0).build()?;
/// let listener = FaultListener::new(TcpListener::bind("127.0.0.1:0").await?);
/// let address = listener.local_addr()?;
///
/// let app = fault.layer().layer(tower::service_fn(async |_: Request<Incoming>| {
///     Ok::<_, std::io::Error>(Response::new(Full::new(Bytes::from("real"))))
/// }));
/// tokio::spawn(async move {
///     loop {
///         let Ok((stream, _peer)) = listener.accept().await else {
///             // Out of descriptors, perhaps: some will be free again.
///             tokio::time::sleep(Duration::from_millis(100)).await;
///             continue;
///         };
///         // The handle goes along with every request of the connection.
///         let app = stream.connection().layer().layer(app.clone());
///         let io = TokioIo::new(stream);
///         tokio::spawn(async move {
///             auto::Builder::new(TokioExecutor::new()).serve_connection(io, TowerToHyperService::new(app)).await
///         });
///     }
/// });
///
/// let mut client = TcpStream::connect(address).await?;
/// client.write_all(b"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n").await?;
/// let error = client.read_u8().await.unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a listener does nothing until it accepts"]
pub struct FaultListener<L> {
    inner: L,
    faults: Vec<Fault>,
    set: Option<FaultSet>,
}

impl<L> FaultListener<L> {
    /// Wraps this listener.
    pub fn new(inner: L) -> Self {
        Self { inner, faults: Vec::new(), set: None }
    }

    /// Adds a fault of connections. There is one draw per connection, when the first bytes are
    /// transferred while the fault is enabled; its filter sees a `CONNECT` to the peer's address.
    pub fn fault(mut self, fault: &Fault) -> Self {
        self.faults.push(fault.clone());
        self
    }

    /// Returns the inner listener.
    pub fn get_ref(&self) -> &L {
        &self.inner
    }
}

impl FaultSet {
    /// Returns a listener whose connections are under the set's faults for listeners, and which
    /// gives the faults of layers a handle of each connection.
    pub fn listener<L>(&self, inner: L) -> FaultListener<L> {
        FaultListener { inner, faults: Vec::new(), set: Some(self.clone()) }
    }
}

impl<L: Accept> FaultListener<L> {
    /// Waits for the next connection.
    ///
    /// # Errors
    /// The error of the listener.
    pub async fn accept(&self) -> io::Result<(FaultStream<L::Io>, L::Addr)> {
        let (io, addr) = self.inner.accept().await?;
        let mut stream = FaultStream::accepted(io, L::peer(&addr));
        if let Some(reset) = L::RESET {
            stream = stream.reset_by(reset);
        }
        if let Some(set) = &self.set {
            stream = stream.fault_set(set);
        }
        Ok((self.faults.iter().fold(stream, FaultStream::fault), addr))
    }

    /// Returns the local address.
    ///
    /// # Errors
    /// The error of the listener.
    pub fn local_addr(&self) -> io::Result<L::Addr> {
        self.inner.local_addr()
    }
}

impl<L: fmt::Debug> fmt::Debug for FaultListener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultListener").field("inner", &self.inner).field("faults", &self.faults).finish()
    }
}

#[cfg(feature = "net")]
impl Accept for TcpListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    const RESET: Option<ResetBy<TcpStream>> = Some(TcpStream::set_zero_linger);

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.accept().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn peer(addr: &SocketAddr) -> Option<SocketAddr> {
        Some(*addr)
    }
}

#[cfg(all(feature = "net", unix))]
impl Accept for tokio::net::UnixListener {
    type Io = tokio::net::UnixStream;
    type Addr = tokio::net::unix::SocketAddr;

    async fn accept(&self) -> io::Result<(Self::Io, Self::Addr)> {
        self.accept().await
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.local_addr()
    }

    fn peer(_: &Self::Addr) -> Option<SocketAddr> {
        None
    }
}
