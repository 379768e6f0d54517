//! Rules for single files.

use std::path::Path;
use std::{fs, io};

use crate::workspace;

const MAX_LINES: usize = 600;

fn check() -> Vec<String> {
    let mut complaints = Vec::new();
    for path in workspace::files() {
        match fs::read(&path) {
            Ok(bytes) => complaints.extend(check_file(&path, &String::from_utf8_lossy(&bytes))),
            // A deleted file that git still lists.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => complaints.push(format!("cannot read `{}`: {error}", path.display())),
        }
    }
    complaints
}

fn check_file(path: &Path, text: &str) -> Vec<String> {
    let name = path.display();
    let mut complaints = Vec::new();
    if path.file_stem().is_some_and(|stem| stem == "rust-toolchain") {
        complaints.push(format!(
            "`{name}` pins a toolchain, which every user of the checkout would have to download; delete the file"
        ));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(folder) = machine_folder(line) {
            complaints.push(format!(
                "`{name}:{number}` has an absolute path of one machine, under `/{folder}`; make it relative"
            ));
        }
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return complaints;
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        complaints.push(format!("`{name}` has {lines} lines, more than {MAX_LINES}; split it by subject"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        // In two parts, so that this file itself passes.
        for (start, end) in [("todo!", "("), ("unimplemented!", "("), ("#[", "ignore")] {
            if line.contains(&format!("{start}{end}")) {
                complaints.push(format!("`{name}:{number}` has unfinished work: `{start}{end}`; finish or remove it"));
            }
        }
    }
    complaints
}

/// Returns the folder of an absolute path, if it is one that checkouts on build machines are in.
fn machine_folder(line: &str) -> Option<&'static str> {
    ["work", "root", "home", "Users"].into_iter().find(|folder| {
        let path = format!("/{folder}/");
        // Inside a relative path, the folder's name is permitted.
        line.match_indices(&path)
            .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || ".-_".contains(c)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_rust(text: &str) -> Vec<String> {
        check_file(Path::new("src/lib.rs"), text)
    }

    #[test]
    fn files_follow_their_rules() {
        crate::assert_tidy(check);
    }

    #[test]
    fn long_file_is_reported() {
        assert_eq!(check_rust(&"\n".repeat(MAX_LINES)), Vec::<String>::new());
        assert_eq!(
            check_rust(&"\n".repeat(MAX_LINES + 1)),
            ["`src/lib.rs` has 601 lines, more than 600; split it by subject"]
        );
        assert_eq!(check_file(Path::new("list.txt"), &"\n".repeat(MAX_LINES + 1)), Vec::<String>::new());
    }

    #[test]
    fn unfinished_work_is_reported() {
        let complaint = check_rust(&format!("fn f() {{\n    todo{}()\n}}", '!')).concat();
        assert!(complaint.contains("`src/lib.rs:2` has unfinished work: `todo"), "{complaint}");
        assert_eq!(check_rust(&format!("#{}", "[ignore = \"slow\"]")).len(), 1);
    }

    #[test]
    fn absolute_path_is_reported_in_any_file() {
        let [work, root] = ["work", "root"].map(|folder| format!("/{folder}/"));
        assert_eq!(check_file(Path::new("README.md"), &format!("see `{work}x`")).len(), 1);
        assert_eq!(check_rust(&format!("let home = \"{root}\";")).len(), 1);
        assert_eq!(check_rust(&format!("see docs{work}x and ..{root}")), Vec::<String>::new());
    }

    #[test]
    fn pinned_toolchain_is_reported() {
        assert_eq!(check_file(Path::new("rust-toolchain.toml"), "").len(), 1);
        assert_eq!(check_file(Path::new("crates/a/rust-toolchain"), "").len(), 1);
    }
}
