//! Nothing of its own: `suite.rs` is all.
