//! The paths that a start creates, which `--check-config` checks without creating them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::args::Serve;
use crate::output::Failure;

/// Checks the paths of `--data`, `--audit-log` and `--tls-self-signed`. Folders may be missing: a package or a service
/// manager may create them before the start.
pub(super) fn check(args: &Serve) -> Result<(), Failure> {
    let paths = [
        ("--data", &args.store.data, true),
        ("--audit-log", &args.log.audit_log, false),
        ("--tls-self-signed", &args.tls_self_signed, false),
    ];
    paths.into_iter().try_for_each(|(option, path, is_folder)| {
        let Some(path) = path else { return Ok(()) };
        check_path(path, is_folder)
            .map_err(|error| Failure::file(&format!("{option} {}", path.display()), &error.into()))
    })
}

/// Checks that each existing part of the path above the last one is a folder, and that the path itself is one if
/// `is_folder`.
fn check_path(path: &Path, is_folder: bool) -> Result<(), ErrorKind> {
    let existing = path.ancestors().find_map(|part| fs::metadata(part).ok().map(|metadata| (part, metadata)));
    match existing {
        Some((part, found)) if part == path && !is_folder && found.is_dir() => Err(ErrorKind::IsADirectory),
        Some((part, found)) if (part != path || is_folder) && !found.is_dir() => Err(ErrorKind::NotADirectory),
        _ => Ok(()),
    }
}
