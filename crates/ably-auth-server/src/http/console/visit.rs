//! A request to the console, with its mode.

use crate::http::call::Call;
use crate::http::console_path::Mode;

/// A request to the console, with its mode.
pub(super) struct Visit<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) mode: Mode,
}
