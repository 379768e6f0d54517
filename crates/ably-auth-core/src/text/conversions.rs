//! Conversions from text that setters accept.

/// Implements `TryFrom` for texts, in the same way as `FromStr`, so that setters accept `"bob"` in place of a value.
macro_rules! try_from_text {
    ($($type:ty),+ $(,)?) => {$(
        impl TryFrom<&str> for $type {
            type Error = <Self as core::str::FromStr>::Err;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<&alloc::string::String> for $type {
            type Error = <Self as core::str::FromStr>::Err;

            fn try_from(text: &alloc::string::String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        /// Wipes the text, because it may be a secret.
        impl TryFrom<alloc::string::String> for $type {
            type Error = <Self as core::str::FromStr>::Err;

            fn try_from(text: alloc::string::String) -> Result<Self, Self::Error> {
                zeroize::Zeroizing::new(text).parse()
            }
        }
    )+};
}
pub(crate) use try_from_text;
