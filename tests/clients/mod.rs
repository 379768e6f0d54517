//! The two clients against the real service, over real HTTP.

mod asynchronous;
mod blocking;
mod fallback;
mod faults;
mod logs;
mod names;
mod paths;
mod redaction;
mod redirects;
mod roots;
mod sandbox;
pub(crate) mod scripted;
mod second_user;
pub(crate) mod support;
