//! The paths and modules that `ARCHITECTURE.md` and `CONTRIBUTING.md` name exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::workspace;

const PAGES: [&str; 2] = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

/// The folders at the root of the project. A path that begins with one of them is relative to the root, or to a crate.
const ROOTS: [&str; 5] = [".ci", "crates", "deploy", "docs", "xtask"];

/// Words in the lists of modules that name a crate, a feature or a variable.
const NO_MODULES: [&str; 4] = ["axum", "http", "now", "rustls"];

const SERVICE: &str = "crates/ably-auth-server/src";

fn check() -> Vec<String> {
    let known = Known::of(workspace::files().iter().filter_map(|path| path.to_str()));
    let mut complaints = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(page).unwrap();
        complaints.extend(check_page(page, &text, &known));
    }
    complaints
}

/// All files and folders of the project.
struct Known(BTreeSet<String>);

impl Known {
    fn of<'a>(files: impl Iterator<Item = &'a str>) -> Self {
        let parents = |path: &'a str| Path::new(path).ancestors().filter_map(Path::to_str);
        Self(files.flat_map(parents).filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    /// Returns whether a path exists: below the root if it begins with one of [`ROOTS`], otherwise below any folder.
    fn has(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        self.0.iter().filter(|known| !path.ends_with('/') || !is_file(known)).any(|known| {
            let known: Vec<&str> = known.split('/').collect();
            let Some(skipped) = known.len().checked_sub(parts.len()) else { return false };
            (skipped == 0 || !ROOTS.contains(&parts[0]))
                && known[skipped..]
                    .iter()
                    .zip(&parts)
                    .all(|(known, part)| is_match(part, known) || is_module_file(part, known))
        })
    }

    /// Returns whether a folder has a module of this name, at any depth.
    fn has_module(&self, folder: &str, name: &str) -> bool {
        let inside = |known: &&String| known.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let mut modules = self.0.iter().filter(inside).filter_map(|known| known.rsplit('/').next());
        modules.any(|known| known == name || is_module_file(name, known))
    }
}

fn is_file(path: &str) -> bool {
    Path::new(path).extension().is_some()
}

/// Returns whether a file is the one of a module.
fn is_module_file(module: &str, file: &str) -> bool {
    file.strip_suffix(".rs") == Some(module)
}

/// Returns whether a name matches a pattern with at most one `*`.
fn is_match(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    }
}

fn check_page(page: &str, text: &str, known: &Known) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut section = "";
    for (number, line) in (1..).zip(text.lines()) {
        section = line.strip_prefix("## ").unwrap_or(section);
        for path in code(line).filter(|span| is_path(span)).filter(|path| !known.has(path)) {
            complaints
                .push(format!("`{page}:{number}` names `{path}`, which does not exist; name the path it has now"));
        }
        let mut cells = line.trim_matches('|').split(" | ");
        let (Some(first), Some(second)) = (cells.next(), cells.next()) else { continue };
        let sources: Vec<&str> = match section {
            "Code map" => code(first).filter(|folder| folder.contains("crates/")).collect(),
            "The rooms of the service" => vec![SERVICE],
            _ => continue,
        };
        let named = if section == "Code map" { second } else { line };
        for name in code(named).filter(|span| is_module(span)) {
            if !sources.is_empty() && !sources.iter().any(|folder| known.has_module(folder, name)) {
                complaints.push(format!(
                    "`{page}:{number}` names the module `{name}`, which is not in `{}`",
                    sources.join("`, `")
                ));
            }
        }
    }
    complaints
}

/// Returns the texts between backticks.
fn code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns whether a text is the name of a file or folder. Routes, code and commands are not.
fn is_path(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-*/".contains(c);
    let ends_as_one = [".rs", ".md", ".toml", ".json", ".yaml", ".txt", "/"].iter().any(|end| text.ends_with(end));
    text.chars().all(is_name) && !text.starts_with('/') && (ends_as_one || text.contains('/'))
}

fn is_module(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    !text.is_empty() && text.chars().all(is_name) && !NO_MODULES.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_paths_exist() {
        crate::assert_tidy(check);
    }

    fn complaints(text: &str) -> Vec<String> {
        let files = ["crates/a/src/jwt/mod.rs", "crates/a/tests/api/jwt_keys.rs", "tests/guide.rs", "docs/errors.md"];
        check_page("A.md", text, &Known::of(files.into_iter()))
    }

    #[test]
    fn missing_path_is_reported() {
        assert_eq!(complaints("`jwt/mod.rs`, `jwt/`, `tests/api/jwt_*.rs`, `crates/*/src`, `docs/errors.md`"), [""; 0]);
        assert_eq!(complaints("`/channels`, `http::Request`, `cargo xtask test`, `a/b c`"), [""; 0]);
        assert_eq!(
            complaints("\n`src/guide.rs`"),
            ["`A.md:2` names `src/guide.rs`, which does not exist; name the path it has now"]
        );
        for gone in
            ["`api.md`", "`crates/a/jwt/mod.rs`", "`jwt_keys/`", "`errors.md/`", "`docs/jwt/`", "`tests/api/key_*.rs`"]
        {
            assert_eq!(complaints(gone).len(), 1, "{gone}");
        }
    }

    #[test]
    fn missing_module_is_reported() {
        assert_eq!(complaints("## Code map\n| `crates/a/src` | `jwt` | "), [""; 0]);
        assert_eq!(
            complaints("## Code map\n| `crates/a/src` | `key`: keys |"),
            ["`A.md:2` names the module `key`, which is not in `crates/a/src`"]
        );
    }
}
