//! The module of the npm package `ably-capability`: `ably-auth-core` for JavaScript.
//!
//! The names of JavaScript, the classes that users see and the conversions of objects are in `js/`. This crate only passes
//! texts and numbers on to core, so that the module stays small.

#![forbid(unsafe_code)]

mod capability;
mod failure;
mod json;
mod jwt;
mod key;
mod numbers;
mod token_request;
