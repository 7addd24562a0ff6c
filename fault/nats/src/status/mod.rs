//! Status: what each replica reports, and the table of all of them.

pub(crate) mod report;
pub(crate) mod reporter;
