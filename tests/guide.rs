//! The guide in `docs` is whole, and what its tables say is so.
//!
//! Its Rust blocks are tests of this package's library, and its console blocks are run by those of the command line.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ably_auth::ErrorCode;
use ably_auth_core::Operation;

const RUN: &str = include_str!("lib.rs");
const CODES: &str = include_str!("../crates/ably-auth-core/src/error/code.rs");

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The guide's pages, by the names of their files.
fn pages() -> Vec<(String, String)> {
    let files = fs::read_dir(project().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = files.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

fn page(name: &str) -> String {
    fs::read_to_string(project().join("docs").join(name)).unwrap()
}

/// The cells of each line of the tables, without those of headings.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with("| "));
    lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

/// What stands between backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// All sources below a folder, as one text.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(extension) if extension == "rs" => fs::read_to_string(path).unwrap(),
            _ => String::new(),
        })
        .collect()
}

#[test]
fn no_page_is_forgotten() {
    let (pages, contents) = (pages(), page("README.md"));
    assert!(pages.len() >= 11, "the guide is not where it was");
    for (name, _) in pages {
        assert!(
            RUN.contains(&format!("= \"../docs/{name}\"")),
            "add `{name}` to `tests/lib.rs`, so that its blocks are run"
        );
        assert!(
            name == "README.md" || contents.contains(&format!("]({name})")),
            "link to `{name}` in `docs/README.md`"
        );
    }
}

#[test]
fn every_block_is_of_a_kind_that_is_run_or_that_nobody_could_run() {
    // That of `ably-auth-axum` has a server that waits for requests: it is one of the crate's examples, and run as such.
    let crates =
        ["ably-auth-core", "ably-auth", "ably-auth-reqwest", "ably-auth-blocking", "ably-auth-server", "ably-auth-cli"];
    let readmes = crates.map(|name| format!("crates/{name}/README.md")).into_iter().chain(["README.md".to_owned()]);
    let readmes = readmes.map(|path| (path.clone(), fs::read_to_string(project().join(path)).unwrap()));
    for (name, text) in pages().into_iter().chain(readmes) {
        for language in text.split("\n```").skip(1).step_by(2).map(|block| block.lines().next().unwrap_or_default()) {
            // `no_run` is for servers, which serve until they are interrupted.
            let is_run = ["rust", "rust,no_run", "console", "sh"].contains(&language);
            assert!(
                is_run || ["json", "mermaid", "text", "toml"].contains(&language),
                "`{name}` has a block of `{language}`"
            );
        }
    }
}

/// Returns the Rust blocks of a page.
fn programs(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n```").skip(1).step_by(2).filter(|block| block.starts_with("rust"))
}

#[test]
fn servers_of_the_readmes_serve_until_interrupted() {
    let mut servers = 0;
    for path in ["README.md", "crates/ably-auth-server/README.md"] {
        let text = fs::read_to_string(project().join(path)).unwrap();
        for program in programs(&text).filter(|program| program.contains("server.run(")) {
            let serves_on =
                ["std::future::pending()", "tokio::signal::ctrl_c()"].iter().any(|end| program.contains(end));
            assert!(serves_on, "a server of `{path}` ends at once:{program}");
            let is_awaited = program.contains("server.run(interrupted).await");
            assert_eq!(program.starts_with("rust,no_run"), is_awaited, "`{path}`:{program}");
            servers += 1;
        }
    }
    assert_eq!(servers, 4);
}

#[test]
fn readme_says_first_what_the_project_is_not() {
    let text = fs::read_to_string(project().join("README.md")).unwrap();
    let top = text.lines().take(10).collect::<Vec<_>>().join(" ");
    for said in ["Unofficial", "not affiliated with", "Not yet published", "does not serve realtime connections"] {
        assert!(top.contains(said), "the top of the README does not say `{said}`");
    }
}

#[test]
fn every_code_is_explained_as_the_core_does() {
    let page = page("errors.md");
    let told: Vec<_> = rows(&page).filter(|row| row.len() == 7 && row[0].parse::<u32>().is_ok()).collect();
    let of = |folder| sources(&project().join("crates").join(folder).join("src"));
    let core = of("ably-auth-core");
    let sayers = [("service", of("ably-auth-server")), ("kit", of("ably-auth-axum")), ("client", of("ably-auth"))];
    let codes: Vec<_> = told.iter().map(|row| ErrorCode::new(row[0].parse().unwrap())).collect();
    assert_eq!(codes, ErrorCode::KNOWN, "`docs/errors.md` has each code that the core knows, in order");
    for (code, row) in codes.iter().zip(told) {
        let [number, status, name, means, said_by, seen_by, advice] = row[..] else { unreachable!() };
        assert_eq!((status, advice), (&*code.status().to_string(), code.advice().unwrap()), "{number}");
        assert!(
            CODES.contains(&format!("/// {means}\n    {} = {number},", name.trim_matches('`'))),
            "{number}: {means}"
        );
        assert!(!seen_by.is_empty(), "{number}");
        for sayer in said_by.split(", ").filter(|sayer| *sayer != "Ably") {
            let (_, source) = sayers.iter().find(|(known, _)| *known == sayer).expect(sayer);
            let constant = format!("ErrorCode::{}", name.trim_matches('`'));
            assert!(source.contains(&constant) || core.contains(&constant), "{number} is not said by the {sayer}");
        }
    }
}

#[test]
fn every_operation_is_explained() {
    let page = page("capabilities.md");
    let told: BTreeSet<&str> =
        rows(&page).filter(|row| row.len() == 2).flat_map(|row| code(row[0]).collect::<Vec<_>>()).collect();
    let known: BTreeSet<&str> = Operation::ALL.iter().map(|operation| operation.as_str()).chain(["*"]).collect();
    assert_eq!(told.intersection(&known).count(), known.len(), "{:?}", known.difference(&told));
}

/// Names in the tables are those of things that there are: types, functions, fields, constants.
#[test]
fn every_name_is_that_of_something_public() {
    let all = sources(&project().join("crates"));
    let words: BTreeSet<&str> = all
        .lines()
        .map(str::trim_start)
        .filter_map(|line| line.strip_prefix("pub "))
        .flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').take(5))
        .collect();
    let codes: BTreeSet<&str> =
        CODES.lines().filter_map(|line| line.trim_start().split_once(" = ")).map(|(name, _)| name).collect();
    let mut asked = 0;
    for (name, column) in [("README.md", 1), ("coming-from-ably.md", 1)] {
        let text = page(name);
        for row in rows(&text).filter(|row| row.len() == 3) {
            for path in code(row[column]) {
                let path = path.split(['(', '<']).next().unwrap_or_default();
                for part in path.split("::").filter(|part| !["Client", "new"].contains(part)) {
                    assert!(
                        words.contains(part) || codes.contains(part),
                        "`{name}` has `{path}`, and there is no `{part}`"
                    );
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 80, "only {asked} names were found");
}

/// A test that a page names is there, in the file that it names.
#[test]
fn every_test_that_shows_something_is_there() {
    let folders =
        ["tests", "crates/ably-auth-server/tests", "crates/ably-auth-axum/tests/kit", "crates/ably-auth-cli/tests/cli"];
    let page = page("threat-model.md");
    let mut file = None;
    let mut named = 0;
    for word in page.split("## Who attacks").nth(1).unwrap().lines().flat_map(code) {
        if word.ends_with(".rs") {
            file = Some(folders.iter().flat_map(|folder| find(&project().join(folder), word)).collect::<String>());
            assert_ne!(file.as_deref(), Some(""), "there is no `{word}`");
        } else if word.len() > 12 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            let file = file.as_deref().unwrap_or_default();
            assert!(file.contains(&format!("fn {word}(")), "there is no test `{word}` where it is said to be");
            named += 1;
        }
    }
    assert!(named > 30, "only {named} tests were found");
}

/// The files of that name below a folder; the name may begin with a folder's.
fn find(folder: &Path, name: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => find(&path, name),
            false if path.ends_with(name) => vec![fs::read_to_string(path).unwrap()],
            false => Vec::new(),
        })
        .collect()
}

/// The crates that a program names, but for std.
fn named(program: &str) -> BTreeSet<&str> {
    let words = program.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let roots = words.filter_map(|word| Some(word.split_once("::")?.0));
    roots.filter(|root| root.starts_with(|c: char| c.is_ascii_lowercase()) && *root != "std").collect()
}

#[test]
fn a_front_page_says_to_add_all_that_its_first_program_needs() {
    let mut pages = 0;
    for folder in fs::read_dir(project().join("crates")).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.join("src/lib.rs").exists() {
            continue;
        }
        let page = fs::read_to_string(folder.join("README.md")).unwrap();
        let (_, rest) = page.split_once("```sh\n").unwrap();
        let (commands, rest) = rest.split_once("```").unwrap();
        let added: BTreeSet<_> = commands.split_whitespace().map(|word| word.replace('-', "_")).collect();
        let (_, program) = rest.split_once("```rust").unwrap();
        let (program, _) = program.split_once("```").unwrap();
        for root in named(program) {
            assert!(added.contains(root), "{}: `{root}` is not added", folder.display());
        }
        pages += 1;
    }
    assert_eq!(pages, 6);
}
