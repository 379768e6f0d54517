//! Links from one of the project's files to another lead somewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::{Result, workspace};

pub(super) fn check() -> Result<Vec<String>> {
    let files = workspace::files()?;
    let is_page = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "md");
    // A page that is deleted, and git not told yet, is no page.
    let read = |path: &PathBuf| Some((path.clone(), fs::read_to_string(path).ok()?));
    let pages: BTreeMap<PathBuf, String> = files.iter().filter(is_page).filter_map(read).collect();
    Ok(complaints(&pages, Path::exists))
}

fn complaints(pages: &BTreeMap<PathBuf, String>, is_there: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for (page, text) in pages {
        for (number, target) in links(text) {
            let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
            let linked = if path.is_empty() { page.clone() } else { beside(page, path) };
            let whence = format!("`{}:{number}` links to `{target}`", page.display());
            if !is_there(&linked) {
                complaints.push(format!("{whence}, and there is no such file; correct the link"));
            } else if let (Some(anchor), Some(text)) = (anchor, pages.get(&linked)) {
                if !anchors(text).iter().any(|known| known == anchor) {
                    complaints.push(format!("{whence}, and no heading there reads so; correct the link"));
                }
            }
        }
    }
    complaints
}

/// The path of what is named in a file, from where that file's own path begins.
fn beside(page: &Path, named: &str) -> PathBuf {
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

/// The lines outside of code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// What is linked to within the project, each with its line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let is_elsewhere = |target: &str| ["https://", "http://", "mailto:"].iter().any(|start| target.starts_with(start));
    prose(text)
        .flat_map(|(number, line)| {
            let inline = line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
            let named = line.strip_prefix('[').and_then(|rest| Some(rest.split_once("]: ")?.1));
            inline.chain(named).map(move |target| (number, target))
        })
        // What names an item of Rust is rustdoc's to resolve.
        .filter(|(_, target)| !is_elsewhere(target) && !target.contains("::"))
        .collect()
}

/// The anchors that GitHub gives to a page's headings.
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
    fn links_that_lead_somewhere_are_left_alone() {
        let guide =
            "# Keys & `tokens`, in short\n[a](#keys--tokens-in-short) [b](../README.md#top) [c](https://x.y/z#q)";
        let readme = "# Top\n[guide](docs/a.md) [files](deploy/a.toml)\n```text\n[no](link.md)\n```\n[x]: docs/a.md";
        assert_eq!(complaints_of(&[("docs/a.md", guide), ("README.md", readme)]), Vec::<String>::new());
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let pages = [("docs/a.md", "\n[a](b.md)\n[c](../c.md#two) [d](../c.md#three)"), ("c.md", "# Two")];
        assert_eq!(
            complaints_of(&pages),
            [
                "`docs/a.md:2` links to `b.md`, and there is no such file; correct the link",
                "`docs/a.md:3` links to `../c.md#three`, and no heading there reads so; correct the link",
            ]
        );
    }

    #[test]
    fn headings_of_one_text_are_told_apart() {
        assert_eq!(anchors("# A\n## A\n#b\n### `x_y`: 1.2"), ["a", "a-1", "x_y-12"]);
    }
}
