//! Admin::serve: the admin API on its own listener.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::server::accept::accept;
use crate::server::admin::Admin;

impl Admin {
    /// Serves the API over HTTP/1.1 and HTTP/2 (by prior knowledge), for as long as this is polled.
    ///
    /// A token that was generated, not given, is printed once on standard error, in the address of the console.
    ///
    /// ```no_run
    /// # async fn run(set: waylay_fault::FaultSet) -> Result<(), Box<dyn std::error::Error>> {
    /// use waylay_fault_admin::{Admin, Token};
    ///
    /// let admin = Admin::builder(&set).token(Token::from_env("WAYLAY_ADMIN_TOKEN")?).build()?;
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:9901").await?;
    /// tokio::spawn(async move { admin.serve(listener).await });
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The listener can be reached from other machines, and no [host](crate::AdminBuilder::hosts) is named; or it
    /// has no address.
    pub async fn serve(&self, listener: TcpListener) -> Result<(), ServeError> {
        let address = listener.local_addr().map_err(ServeError::Io)?;
        if !address.ip().to_canonical().is_loopback() && !self.access().is_remote() {
            return Err(ServeError::NotLoopback(address));
        }
        if !self.is_token_given() {
            eprintln!("console: {}", self.console_url(&format!("http://{address}")));
        }
        accept(&listener, self.service()).await;
        Ok(())
    }
}

/// Why an [`Admin`] does not serve a listener.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The address can be reached from other machines, and no host was named for them.
    NotLoopback(SocketAddr),
    /// The listener has no address.
    Io(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(address) => write!(
                f,
                "{address} can be reached from other machines; listen on a loopback address, or name the hosts of this API (`AdminBuilder::hosts`)"
            ),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::NotLoopback(_) => None,
        }
    }
}
