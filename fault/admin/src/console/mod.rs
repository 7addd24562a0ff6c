//! Console: one page for a browser, without other files.

mod page;

pub(crate) use self::page::page;
