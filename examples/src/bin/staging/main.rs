//! A shop that is broken on purpose.
fn main() {}
