//! What the images share.
//!
//! `checks` does all that core does without a heap and compares it with known answers; `sign` is the least that signs a
//! token request; `floor` is the same mac made with the libraries below core, for comparing sizes.

#![no_std]

pub mod answers;
#[cfg(feature = "core")]
pub mod checks;
#[cfg(target_os = "none")]
pub mod semihosting;
#[cfg(target_os = "none")]
pub mod stack;
#[cfg(all(target_arch = "wasm32", feature = "core"))]
pub mod wasm;
