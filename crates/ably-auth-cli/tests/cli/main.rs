//! The program as scripts see it: arguments, environment and stdin go in; stdout, stderr and an exit status come out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests break")]

#[cfg(unix)]
mod auditing;
mod capabilities;
mod capability_algebra;
mod connecting;
mod connections;
mod console_blocks;
mod control;
mod credential_inputs;
mod demo;
mod exchanging;
#[cfg(unix)]
mod file_modes;
mod health;
mod help;
mod inspecting;
mod jwt_problems;
mod jwts;
mod keeping;
mod keys;
mod manuals;
mod misplaced_keys;
mod operating;
mod outputs;
mod proxies;
mod revocations;
mod sandboxes;
mod serving;
mod sign;
mod support;
#[cfg(unix)]
mod terminals;
mod times_and_endpoints;
mod tls;
mod token_try;
mod tokens;
mod usage;
mod verify;
