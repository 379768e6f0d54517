//! The doors through which a simulation replaces the machine: its files, threads and connections to Redis.
//!
//! They exist only with `--cfg simulation`. The code of the service and of its stores is the same in both cases; only
//! the types of the standard library that it imports are replaced.

pub mod files;
pub mod network;
pub mod threads;
