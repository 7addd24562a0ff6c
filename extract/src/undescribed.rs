//! Where documents are not asked for, generated code describes nothing.

/// Drops its tokens.
#[doc(hidden)]
#[macro_export]
macro_rules! __described {
    ($($tokens:tt)*) => {};
}
