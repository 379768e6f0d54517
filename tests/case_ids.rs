//! Ids of the cases of Ably's universal test suite: in lists, in exceptions and in sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Parses the list of ids: one a line, except for comments and headings.
pub(crate) fn listed(list: &str) -> BTreeSet<&str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Parses lines of `"id" = "reason"`, and comments.
pub(crate) fn exceptions(text: &str) -> BTreeMap<&str, &str> {
    listed(text).into_iter().map(|line| exception(line).unwrap_or_else(|| panic!("invalid line: {line}"))).collect()
}

/// Parses a line of `"id" = "reason"`.
pub(crate) fn exception(line: &str) -> Option<(&str, &str)> {
    let (id, reason) = line.strip_prefix('"')?.strip_suffix('"')?.split_once("\" = \"")?;
    (!reason.trim().is_empty()).then_some((id, reason))
}

/// Checks that each id in the sources is in the list, except in the file of the check. Ids stand in the names of cases, in
/// comments and in data. An id with a mistake would look like a covered case.
pub(crate) fn check_sources(list: &str, starts: &[&str], this_file: &str) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let listed = listed(list);
    let mut files = sources(&project.join("tests"));
    files.extend(sources(&project.join("crates")));
    assert!(files.len() > 300, "the sources were not found");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let unknown: Vec<_> = ids(&text, starts).into_iter().filter(|id| !listed.contains(id)).collect();
        let is_this_file = file.ends_with(this_file);
        assert!(unknown.is_empty() || is_this_file, "`{}` has ids that are not listed: {unknown:?}", file.display());
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let (folders, files): (Vec<_>, Vec<_>) =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).partition(|path| path.is_dir());
    let is_source = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs" || extension == "json");
    files.into_iter().filter(is_source).chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// Finds everything in the text that has the form of an id: one of the starts, then names, then a number.
pub(crate) fn ids<'a>(text: &'a str, starts: &[&str]) -> BTreeSet<&'a str> {
    let starts = starts.iter().flat_map(|start| text.match_indices(*start));
    let words = starts.map(|(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"/-_".contains(c)).unwrap_or(rest.len());
        &rest[..end]
    });
    // The suite's file names start in the same way, but do not end in a number.
    let is_numbered = |word: &&str| {
        word.rsplit_once('-').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    words.filter(is_numbered).collect()
}
