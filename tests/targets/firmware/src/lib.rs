//! Code that the images share. `checks` runs every function of core that needs no heap, and compares the results with
//! known answers. `sign` is the smallest image that signs a token request. `floor` computes the same mac with the
//! libraries below core, to compare the sizes.

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
