//! The names of the journal's files, and errors about these files.

use std::path::Path;

use super::identity::Position;
use crate::error::{Error, ErrorKind};

pub(super) const FOLDER: &str = "nonces";
pub(super) const NEW_FOLDER: &str = "nonces.new";

/// The number of digits in a file name, with leading zeros, so that names sort as numbers do.
const DIGITS: usize = 10;

pub(super) fn name(number: u64) -> String {
    format!("{number:0DIGITS$}")
}

/// Returns the number in the file's name; `None` if it is not a file of the journal.
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
        "`{}` is damaged: {problem}; restore a copy of the folder `{FOLDER}`, or delete it: then earlier token requests and \
         those of the next minutes are refused",
        path.display()
    );
    Error::new(ErrorKind::Store, message)
}
