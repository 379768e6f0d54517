//! Drawings in text: a capability as a table, and a token's lifetime as a bar.

pub(crate) mod life;
pub(crate) mod matrix;
mod paint;
mod text;

pub(crate) use ably_auth_inspect::format_utc as moment;
pub(crate) use paint::Paint;
pub(crate) use text::{facts, is_invisible, printable, printable_json, printable_lines};
