//! The names of the journal's files, and the errors about them.

use std::path::Path;

use super::identity::Position;
use crate::error::{Error, ErrorKind};

pub(super) const FOLDER: &str = "nonces";
pub(super) const NEW_FOLDER: &str = "nonces.new";

/// The digits of a file's number, so that names sort as numbers do.
const DIGITS: usize = 10;

pub(super) fn name(number: u64) -> String {
    format!("{number:0DIGITS$}")
}

/// The number that the file is named by; none if it is none of ours.
pub(super) fn number(path: &Path) -> Option<u64> {
    let text = path.file_name()?.to_str()?;
    text.parse().ok().filter(|number| name(*number) == text)
}

/// Returns the error for a journal that ends before the position which the database recorded.
pub(super) fn end_is_missing(folder: &Path, found: Position, expected: Position) -> Error {
    let path = |number| folder.join(FOLDER).join(name(number));
    if found.number < expected.number {
        return damaged(&path(expected.number), "it is missing");
    }
    damaged(&path(found.number), "its end is missing, or has changed since it was written")
}

pub(super) fn damaged(path: &Path, problem: &str) -> Error {
    let message = format!(
        "`{}` cannot be believed: {problem}; put back a copy of the folder `{FOLDER}`, or delete it: then no token request of \
         before is exchanged, and none of the next minutes",
        path.display()
    );
    Error::new(ErrorKind::Store, message)
}
