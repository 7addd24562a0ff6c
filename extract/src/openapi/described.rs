//! Whether generated code describes structs: as this crate's features say, not the user's.

/// Hands its tokens on.
#[cfg(feature = "openapi")]
#[doc(hidden)]
#[macro_export]
macro_rules! __described {
    ($($tokens:tt)*) => { $($tokens)* };
}
