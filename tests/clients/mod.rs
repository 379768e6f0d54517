//! The two clients against the real service, over real HTTP.

mod asynchronous;
mod blocking;
mod redaction;
mod redirects;
mod support;
