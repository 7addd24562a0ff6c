//! Console: one page for a browser, without other files.
