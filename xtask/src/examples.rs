//! Runs the examples: each begins with a shell transcript, and must print what that shows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, net};

use crate::files::{empty_folder, read};
use crate::report::Report;
use crate::workspace::Workspace;
use crate::{Complaints, Result, command, suites};

/// The address that example servers listen on.
const ADDRESS: &str = "127.0.0.1:3000";
/// Timeout of one example, in seconds. An example ends, or listens, within a few seconds.
const TIMEOUT_SECONDS: &str = "60";
/// Matches any text in a transcript line.
const ANYTHING: char = '…';

/// Examples that are packages of their own, because the workspace does not have their dependencies: folder and program.
const ALONE: &[(&str, &str)] = &[("crates/ably-auth-backend/examples/actix", "actix-auth-url")];

pub(crate) fn run(_: &[String]) -> Result {
    let workspace = Workspace::load()?;
    suites::build_programs()?;
    let mut report = Report::default();
    for path in workspace.examples() {
        let shown = path.strip_prefix(env::current_dir().unwrap_or_default()).unwrap_or(path);
        report.step(&shown.display().to_string(), || play(shown, &workspace.target_directory));
    }
    for (folder, program) in ALONE {
        report.step(folder, || play_alone(Path::new(folder), program, &workspace.target_directory));
    }
    report.finish().1
}

fn play(path: &Path, target: &Path) -> Result {
    check_address()?;
    let built = target.join("debug");
    // The examples are already built, so run the binaries directly.
    play_with(path, target, &[("cargo run --example ", &format!("{}/examples/", built.display()))], &built)
}

/// Builds a package of its own, and plays the transcript of its program.
fn play_alone(folder: &Path, program: &str, target: &Path) -> Result {
    check_address()?;
    let mut build = command::cargo(["build", "--quiet", "--locked", "--manifest-path"]);
    command::run(build.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(target))?;
    let built = target.join("debug");
    let program = built.join(program).display().to_string();
    play_with(&folder.join("src/main.rs"), target, &[("cargo run", &program)], &built)
}

/// Checks that the address of the examples is free.
fn check_address() -> Result {
    let free = net::TcpListener::bind(ADDRESS).map(drop);
    free.map_err(|_| format!("another program listens on {ADDRESS}, which the examples use; stop it").into())
}

/// Plays the transcript of a file in an empty folder. Replaces the given words, and adds `programs` to the PATH.
pub(crate) fn play_with(path: &Path, target: &Path, words: &[(&str, &str)], programs: &Path) -> Result {
    let text = read(path)?;
    let expected = transcript(&text);
    if !expected.iter().any(|line| line.starts_with("$ ")) {
        return Err("no transcript found; begin the file's documentation with a `console` block".into());
    }
    let folder = folder(target)?;
    let mut shell = Command::new("timeout");
    shell.args([TIMEOUT_SECONDS, "sh", "-c"]).arg(script(&expected, words)).current_dir(&folder);
    let mut path = programs.to_owned().into_os_string();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let shown = command::output(shell.env("PATH", path).env_remove("ABLY_API_KEY").env_remove("ABLY_ENDPOINT"))?;
    print!("{shown}");
    let shown: Vec<&str> = shown.lines().collect();
    let complaints: Vec<String> = differences(&expected, &shown);
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

/// Creates an empty folder for the examples' files.
fn folder(target: &Path) -> Result<PathBuf> {
    let folder = target.join("examples");
    empty_folder(&folder)?;
    Ok(folder)
}

/// Returns the lines of the first `console` block in a file's documentation.
fn transcript(text: &str) -> Vec<&str> {
    let lines =
        text.lines().map_while(|line| line.strip_prefix("//!")).map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.skip_while(|line| *line != "```console").skip(1).take_while(|line| *line != "```").collect()
}

/// Returns a script that prints each command and runs it. It waits for a server until that listens.
fn script(transcript: &[&str], words: &[(&str, &str)]) -> String {
    let mut script = String::from("trap 'kill $server 2>/dev/null; wait' EXIT\n");
    for line in transcript.iter().filter_map(|line| line.strip_prefix("$ ")) {
        script.push_str(&format!("cat <<'SAID'\n$ {line}\nSAID\n"));
        let run = words.iter().fold(line.to_owned(), |line, (word, other)| line.replace(word, other));
        match run.strip_suffix('&') {
            // awk adds a newline at the end if the output lacks one.
            None => script.push_str(&format!("{{ {run}\n}} >said 2>&1\nawk 1 said\n")),
            Some(run) => script.push_str(&format!(
                "{run} >server 2>&1 &\nserver=$!\n\
                 until curl -s -o answer http://{ADDRESS}/; do kill -0 $server || exit 1; sleep 0.02; done\ncat server\n"
            )),
        }
    }
    script
}

fn differences(expected: &[&str], shown: &[&str]) -> Vec<String> {
    let lines = expected.len().max(shown.len());
    let pairs = (0..lines).map(|nth| (expected.get(nth).copied(), shown.get(nth).copied()));
    let different = pairs.filter(|(expected, shown)| match (expected, shown) {
        (Some(expected), Some(shown)) => !matches_pattern(shown, expected),
        _ => true,
    });
    let said = |line: Option<&str>| line.map_or_else(|| "nothing".into(), |line| format!("`{line}`"));
    different
        .map(|(expected, shown)| {
            format!("the output has {}, its documentation {}; change one of them", said(shown), said(expected))
        })
        .collect()
}

/// Returns whether a line matches the expected one, in which `…` stands for any text.
fn matches_pattern(line: &str, expected: &str) -> bool {
    let mut parts = expected.split(ANYTHING);
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcript_is_read_from_file_documentation() {
        let text = "//! A thing.\n//!\n//! ```console\n//! $ run it\n//! out\n//! ```\n//! More.\n\n//! ```console\n//! $ no\n";
        assert_eq!(transcript(text), ["$ run it", "out"]);
        assert!(transcript("//! A thing.\nfn main() {}").is_empty());
    }

    #[test]
    fn dots_match_any_text() {
        assert!(
            matches_pattern("token abc lives", "token … lives")
                && matches_pattern("a-b-c", "…b…")
                && matches_pattern("same", "same")
        );
        assert!(
            !matches_pattern("token abc dies", "token … lives")
                && !matches_pattern("samesame", "same")
                && !matches_pattern("x", "…y…")
        );
    }

    #[test]
    fn different_and_missing_lines_are_reported() {
        assert_eq!(differences(&["a", "b…"], &["a", "bcd"]), Vec::<String>::new());
        assert_eq!(
            differences(&["a", "b"], &["c"]),
            [
                "the output has `c`, its documentation `a`; change one of them",
                "the output has nothing, its documentation `b`; change one of them"
            ]
        );
    }

    #[test]
    fn built_program_replaces_cargo_run_in_script_only() {
        let script =
            script(&["$ KEY=a cargo run --example worker", "out"], &[("cargo run --example ", "built/examples/")]);
        assert!(script.contains("\n$ KEY=a cargo run --example worker\n"), "{script}");
        assert!(script.contains("\n{ KEY=a built/examples/worker\n}"), "{script}");
    }
}
