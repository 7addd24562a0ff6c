//! ToText: writes a value as text.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num;
use std::sync::Arc;

use crate::text::from_text::TextError;

/// A type that is written as one path, query, header, cookie or form value.
///
/// The inverse of [`FromText`](crate::FromText): the text is read as the same value.
/// A type without it is written through [`Display`](std::fmt::Display).
///
/// ```
/// use waylay_extract::{TextError, ToText};
/// use std::borrow::Cow;
///
/// struct Share(f64);
///
/// impl ToText for Share {
///     fn to_text(&self) -> Result<Cow<'_, str>, TextError> {
///         if !(0.0..=1.0).contains(&self.0) {
///             return Err(TextError::expected("a share from 0 to 1"));
///         }
///         Ok(format!("{}%", self.0 * 100.0).into())
///     }
/// }
///
/// assert_eq!(Share(0.5).to_text()?, "50%");
/// assert!(Share(2.0).to_text().is_err());
/// assert_eq!(7u8.to_text()?, "7");
/// # Ok::<(), TextError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as a text value of a request",
    label = "neither `ToText` nor `Display`",
    note = "implement `std::fmt::Display` or `waylay_extract::ToText` for `{Self}`",
    note = "lists are written `Vec<T>`, optional values `Option<T>`"
)]
pub trait ToText {
    /// Returns the value's text without escapes.
    ///
    /// # Errors
    ///
    /// What can be written.
    fn to_text(&self) -> Result<Cow<'_, str>, TextError>;
}

macro_rules! shown {
    ($($ty:ty)*) => {$(
        impl ToText for $ty {
            fn to_text(&self) -> Result<Cow<'_, str>, TextError> {
                Ok(self.to_string().into())
            }
        }
    )*};
}

shown! {
    i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize
    num::NonZeroI8 num::NonZeroI16 num::NonZeroI32 num::NonZeroI64
    num::NonZeroU8 num::NonZeroU16 num::NonZeroU32 num::NonZeroU64 num::NonZeroUsize
    char IpAddr Ipv4Addr Ipv6Addr SocketAddr
}

macro_rules! floats {
    ($($ty:ty)*) => {$(
        impl ToText for $ty {
            fn to_text(&self) -> Result<Cow<'_, str>, TextError> {
                // `Display` writes the shortest text that is read as the same number.
                let finite = self.is_finite().then(|| self.to_string().into());
                finite.ok_or(TextError::expected("a finite number"))
            }
        }
    )*};
}

floats! { f32 f64 }

impl ToText for bool {
    fn to_text(&self) -> Result<Cow<'_, str>, TextError> {
        Ok(if *self { "true" } else { "false" }.into())
    }
}

macro_rules! texts {
    ($($ty:ty)*) => {$(
        impl ToText for $ty {
            fn to_text(&self) -> Result<Cow<'_, str>, TextError> {
                Ok(Cow::Borrowed(self))
            }
        }
    )*};
}

texts! { str String Box<str> Arc<str> Cow<'_, str> }

impl<T: ToText + ?Sized> ToText for &T {
    fn to_text(&self) -> Result<Cow<'_, str>, TextError> {
        (**self).to_text()
    }
}
