//! Links between the project's files lead to existing files and headings.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::{Result, workspace};

pub(super) fn check() -> Result<Vec<String>> {
    let files = workspace::files()?;
    let is_page = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "md");
    // Deleted pages, which git still lists, are skipped.
    let read = |path: &PathBuf| Some((path.clone(), fs::read_to_string(path).ok()?));
    let pages: BTreeMap<PathBuf, String> = files.iter().filter(is_page).filter_map(read).collect();
    Ok(complaints(&pages, Path::exists))
}

fn complaints(pages: &BTreeMap<PathBuf, String>, is_there: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for (page, text) in pages {
        for (number, target) in links(text) {
            let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
            let linked = if path.is_empty() { page.clone() } else { resolve(page, path) };
            let place = format!("`{}:{number}` links to `{target}`", page.display());
            if !is_there(&linked) {
                complaints.push(format!("{place}, but there is no such file; correct the link"));
            } else if let (Some(anchor), Some(text)) = (anchor, pages.get(&linked)) {
                if !anchors(text).iter().any(|known| known == anchor) {
                    complaints.push(format!("{place}, but that page has no such heading; correct the link"));
                }
            }
        }
    }
    complaints
}

/// Resolves a path that a page names, relative to the page's folder.
fn resolve(page: &Path, named: &str) -> PathBuf {
    let mut path = page.parent().map(Path::to_owned).unwrap_or_default();
    for component in Path::new(named).components() {
        match component {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

/// Returns the lines outside of code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// Returns the link targets within the project, each with its line number.
fn links(text: &str) -> Vec<(usize, &str)> {
    let is_elsewhere = |target: &str| ["https://", "http://", "mailto:"].iter().any(|start| target.starts_with(start));
    prose(text)
        .flat_map(|(number, line)| {
            let inline = line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
            let named = line.strip_prefix('[').and_then(|rest| Some(rest.split_once("]: ")?.1));
            inline.chain(named).map(move |target| (number, target))
        })
        // rustdoc resolves links to Rust items.
        .filter(|(_, target)| !is_elsewhere(target) && !target.contains("::"))
        .collect()
}

/// Returns the anchors that GitHub gives to a page's headings.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = anchors.iter().filter(|known| **known == anchor).count();
        anchors.push(if before == 0 { anchor } else { format!("{anchor}-{before}") });
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints_of(pages: &[(&str, &str)]) -> Vec<String> {
        let pages = pages.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
        complaints(&pages, |path| pages.contains_key(path) || path == Path::new("deploy/a.toml"))
    }

    #[test]
    fn valid_links_pass() {
        let guide =
            "# Keys & `tokens`, in short\n[a](#keys--tokens-in-short) [b](../README.md#top) [c](https://x.y/z#q)";
        let readme = "# Top\n[guide](docs/a.md) [files](deploy/a.toml)\n```text\n[no](link.md)\n```\n[x]: docs/a.md";
        assert_eq!(complaints_of(&[("docs/a.md", guide), ("README.md", readme)]), Vec::<String>::new());
    }

    #[test]
    fn broken_links_are_reported() {
        let pages = [("docs/a.md", "\n[a](b.md)\n[c](../c.md#two) [d](../c.md#three)"), ("c.md", "# Two")];
        assert_eq!(
            complaints_of(&pages),
            [
                "`docs/a.md:2` links to `b.md`, but there is no such file; correct the link",
                "`docs/a.md:3` links to `../c.md#three`, but that page has no such heading; correct the link",
            ]
        );
    }

    #[test]
    fn equal_headings_get_numbered_anchors() {
        assert_eq!(anchors("# A\n## A\n#b\n### `x_y`: 1.2"), ["a", "a-1", "x_y-12"]);
    }
}
