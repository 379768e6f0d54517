//! The README's Rust blocks, as tests.

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
pub struct Readme;
