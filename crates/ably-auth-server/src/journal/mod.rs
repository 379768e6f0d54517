//! The journal: what happened to requests and connections, for the console. It is bounded: the oldest entries make room
//! for new ones.

#[cfg(feature = "console")]
mod admission;
pub(crate) mod checks;
#[cfg(feature = "console")]
mod chunk;
#[cfg(feature = "console")]
pub(crate) mod filter;
#[cfg(feature = "console")]
mod list;
#[cfg(feature = "console")]
pub(crate) mod row;
#[cfg(feature = "console")]
mod stream;

#[cfg(feature = "console")]
pub(crate) use list::{Journal, Range};
#[cfg(feature = "console")]
pub(crate) use stream::LogStream;
