//! Servers of the programs: time limits, a cap on connections, graceful stop.

mod connection;
mod idle;
mod limits;
mod port;
mod request;

pub use connection::Connection;
pub use idle::IdleClock;
pub use limits::{Limits, duration};
pub use port::{Port, stop_on_signal};
