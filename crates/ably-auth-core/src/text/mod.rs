//! Text as credentials and the wire have it: JSON, base64url, numbers, and what is safe to print.

pub(crate) mod base64url_encoder;
pub(crate) mod canonical;
pub(crate) mod json_writer;
mod scan;

#[cfg(feature = "alloc")]
pub(crate) mod base64url;
#[cfg(feature = "alloc")]
pub(crate) mod json_reader;
#[cfg(feature = "serde")]
pub(crate) mod printable;
#[cfg(feature = "serde")]
pub(crate) mod redaction;
