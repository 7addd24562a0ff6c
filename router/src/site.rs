//! Where a route or scope was written.

use std::fmt;
use std::panic::Location;

/// Where a route or scope was written: in code, or in a table's file.
///
/// ```
/// use waylay_router::{Route, Site, Table};
/// let table = Table::builder().route(Route::get("/").value(())).build()?;
/// let Site::Code(location) = table.routes().next().unwrap().site() else { unreachable!() };
/// assert!(location.line() > 0);
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Site {
    /// A line of code.
    Code(&'static Location<'static>),
    /// A line of a table's file, from 1 on.
    Line(u32),
}

impl Site {
    /// The caller of the function that asks.
    #[track_caller]
    pub(crate) fn caller() -> Self {
        Self::Code(Location::caller())
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(location) => location.fmt(f),
            Self::Line(line) => write!(f, "line {line}"),
        }
    }
}
