//! Apps and keys.

mod app;
pub(crate) mod control_token;
mod file;
mod key;
pub(crate) mod namespaces;

pub use app::{App, Apps};
pub(crate) use app::{random_id, random_key};
pub use key::Key;
