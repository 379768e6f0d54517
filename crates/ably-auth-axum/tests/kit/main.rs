//! The auth URL and the protected routes, asked without a socket.

mod cors;
mod endpoint;
mod examples;
mod identities;
mod narrowing;
mod protected;
mod support;
mod tokens;
