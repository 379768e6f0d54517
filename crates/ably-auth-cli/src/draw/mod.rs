//! Drawing at a terminal: a capability as a table, a life as a bar.

pub(crate) mod life;
pub(crate) mod matrix;
mod paint;
mod text;

pub(crate) use paint::Paint;
pub(crate) use text::{facts, is_invisible, moment, printable, printable_json, printable_lines};
