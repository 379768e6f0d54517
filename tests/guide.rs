//! The guide in `docs` is complete, and its tables are correct.
//!
//! Its Rust blocks are doctests of this package's library, and its console blocks are run by the tests of the CLI.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ably_auth::ErrorCode;
use ably_auth_core::Operation;

const RUN: &str = include_str!("lib.rs");
const SUMMARY: &str = "SUMMARY.md";
const CODES: &str = include_str!("../crates/ably-auth-core/src/error/code.rs");

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the guide's pages with their file names, without the list of pages that mdBook reads.
fn pages() -> Vec<(String, String)> {
    let files = fs::read_dir(project().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = files.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let pages = pages.filter(|path| !path.ends_with(SUMMARY));
    pages
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

fn page(name: &str) -> String {
    fs::read_to_string(project().join("docs").join(name)).unwrap()
}

/// Returns the cells of each table row, headings included.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with("| "));
    lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

/// Returns the texts between backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Returns all sources below a folder as one text.
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
fn every_page_is_linked_and_run() {
    let (pages, contents, summary) = (pages(), page("README.md"), page(SUMMARY));
    assert!(pages.len() >= 11, "the guide was not found");
    for (name, _) in pages {
        assert!(
            RUN.contains(&format!("= \"../docs/{name}\"")),
            "add `{name}` to `tests/lib.rs`, so that its blocks are run"
        );
        assert!(
            name == "README.md" || contents.contains(&format!("]({name})")),
            "link to `{name}` in `docs/README.md`"
        );
        assert!(summary.contains(&format!("]({name})")), "link to `{name}` in `docs/{SUMMARY}`");
    }
}

/// Blocks that `cargo xtask packages` and `cargo xtask bindings` run: the page, and the language.
const OTHER_LANGUAGES: [(&str, &str); 5] = [
    ("install.md", "js"),
    ("install.md", "python"),
    ("install.md", "ts"),
    ("languages.md", "js"),
    ("languages.md", "python"),
];

#[test]
fn every_block_is_run_or_is_no_program() {
    // The README of `ably-auth-axum` has a server that waits for requests. It is one of the crate's examples, and run
    // as such.
    let crates = [
        "ably-auth-core",
        "ably-auth-inspect",
        "ably-auth",
        "ably-auth-reqwest",
        "ably-auth-blocking",
        "ably-auth-websocket",
        "ably-auth-server",
        "ably-auth-cli",
    ];
    let readmes = crates.map(|name| format!("crates/{name}/README.md")).into_iter().chain(["README.md".to_owned()]);
    let readmes = readmes.map(|path| (path.clone(), fs::read_to_string(project().join(path)).unwrap()));
    for (name, text) in pages().into_iter().chain(readmes) {
        for language in text.split("\n```").skip(1).step_by(2).map(|block| block.lines().next().unwrap_or_default()) {
            // The service's own tests play transcripts. `no_run` is for servers, which run until they are interrupted.
            let is_run = ["rust", "rust,no_run", "console", "sh"].contains(&language)
                || OTHER_LANGUAGES.contains(&(&*name, language));
            assert!(
                is_run || ["json", "mermaid", "text", "toml", "transcript", "yaml"].contains(&language),
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
            assert!(serves_on, "a server in `{path}` ends at once:{program}");
            let is_awaited = program.contains("server.run(interrupted).await");
            assert_eq!(program.starts_with("rust,no_run"), is_awaited, "`{path}`:{program}");
            servers += 1;
        }
    }
    assert_eq!(servers, 4);
}

#[test]
fn readme_states_limits_of_project_first() {
    let text = fs::read_to_string(project().join("README.md")).unwrap();
    let top = text.lines().take(10).collect::<Vec<_>>().join(" ");
    for said in ["Unofficial", "not affiliated with", "Not yet published", "does not serve SSE"] {
        assert!(top.contains(said), "the top of the README does not say `{said}`");
    }
}

#[test]
fn every_code_is_explained_as_in_core() {
    let page = page("errors.md");
    let listed: Vec<_> = rows(&page).filter(|row| row.len() == 7 && row[0].parse::<u32>().is_ok()).collect();
    let of = |folder| sources(&project().join("crates").join(folder).join("src"));
    let core = of("ably-auth-core");
    let sources_of = [
        ("service", of("ably-auth-server") + &of("ably-auth-backend")),
        ("kit", of("ably-auth-backend") + &of("ably-auth-axum")),
        ("client", of("ably-auth")),
    ];
    let codes: Vec<_> = listed.iter().map(|row| ErrorCode::new(row[0].parse().unwrap())).collect();
    assert_eq!(codes, ErrorCode::KNOWN, "`docs/errors.md` must list every code of core, in order");
    for (code, row) in codes.iter().zip(listed) {
        let [number, status, name, means, said_by, seen_by, advice] = row[..] else { unreachable!() };
        assert_eq!((status, advice), (&*code.status().to_string(), code.advice().unwrap()), "{number}");
        assert!(
            CODES.contains(&format!("/// {means}\n    {} = {number},", name.trim_matches('`'))),
            "{number}: {means}"
        );
        assert!(!seen_by.is_empty(), "{number}");
        for source_name in said_by.split(", ").filter(|source_name| *source_name != "Ably") {
            let (_, source) = sources_of.iter().find(|(known, _)| *known == source_name).expect(source_name);
            let constant = format!("ErrorCode::{}", name.trim_matches('`'));
            assert!(
                source.contains(&constant) || core.contains(&constant),
                "{number} is not used by the {source_name}"
            );
        }
    }
}

#[test]
fn every_operation_is_explained() {
    let page = page("capabilities.md");
    let listed: BTreeSet<&str> =
        rows(&page).filter(|row| row.len() == 2).flat_map(|row| code(row[0]).collect::<Vec<_>>()).collect();
    let known: BTreeSet<&str> = Operation::ALL.iter().map(|operation| operation.as_str()).chain(["*"]).collect();
    assert_eq!(listed.intersection(&known).count(), known.len(), "{:?}", known.difference(&listed));
}

/// The names in the tables are those of public types, functions, fields and constants.
#[test]
fn every_name_is_public() {
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
                        "`{name}` has `{path}`, but no public item has the name `{part}`"
                    );
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 80, "only {asked} names were found");
}

/// Every test that the threat model names exists in the file that it names.
#[test]
fn every_named_test_exists() {
    let folders = [
        "tests",
        "crates/ably-auth-core/tests",
        "crates/ably-auth/tests",
        "crates/ably-auth-server/tests",
        "crates/ably-auth-axum/tests/kit",
        "crates/ably-auth-websocket/tests",
        "crates/ably-auth-cli/tests/cli",
    ];
    let page = page("threat-model.md");
    let mut file = None;
    let mut named = 0;
    for word in page.split("## Attackers and defences").nth(1).unwrap().lines().flat_map(code) {
        if word.ends_with(".rs") {
            file = Some(folders.iter().flat_map(|folder| find(&project().join(folder), word)).collect::<String>());
            assert_ne!(file.as_deref(), Some(""), "file `{word}` not found");
        } else if word.len() > 12 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            let file = file.as_deref().unwrap_or_default();
            assert!(file.contains(&format!("fn {word}(")), "test `{word}` not found in the file that the page names");
            named += 1;
        }
    }
    assert!(named > 30, "only {named} tests were found");
}

/// Returns the contents of all files with this name below a folder. The name may include a folder.
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

/// Returns the crates that a program names, except std.
fn named(program: &str) -> BTreeSet<&str> {
    let words = program.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let roots = words.filter_map(|word| Some(word.split_once("::")?.0));
    roots.filter(|root| root.starts_with(|c: char| c.is_ascii_lowercase()) && *root != "std").collect()
}

#[test]
fn readme_adds_all_crates_of_its_first_program() {
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
            assert!(added.contains(root), "{}: the commands do not add `{root}`", folder.display());
        }
        pages += 1;
    }
    assert_eq!(pages, 9);
}
