//! The examples do what their documentation shows: each begins with a transcript of a shell, which is played here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, net};

use crate::report::Report;
use crate::workspace::{self, Workspace};
use crate::{Complaints, Result, command};

/// Where those that are servers listen.
const ADDRESS: &str = "127.0.0.1:3000";
/// An example ends, or listens, within seconds; one that waits for ever is stopped.
const SECONDS: &str = "60";
/// Stands for what is another each time.
const ANYTHING: char = '…';

pub(crate) fn run(_: &[String]) -> Result {
    let target = Workspace::load()?.target_directory;
    // As the tests build them, so that it is done once.
    let build = ["build", "--quiet", "--workspace", "--all-features", "--examples", "--bin", "ably-auth"];
    command::run(&mut command::cargo(build))?;
    let mut report = Report::default();
    for path in workspace::files()?.into_iter().filter(|path| is_example(path)) {
        report.step(&path.display().to_string(), || play(&path, &target));
    }
    report.finish().1
}

fn is_example(path: &Path) -> bool {
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    is_rust && path.parent().is_some_and(|folder| folder.ends_with("examples"))
}

fn play(path: &Path, target: &Path) -> Result {
    if net::TcpListener::bind(ADDRESS).is_err() {
        return Err(format!("somebody listens on {ADDRESS}, where the examples do; stop that program").into());
    }
    let built = target.join("debug");
    // What cargo would run; it is built already.
    play_with(path, target, &[("cargo run --example ", &format!("{}/examples/", built.display()))], &built)
}

/// Plays the transcript in a file, in a folder of its own, with some of its words replaced and with more programs to be found.
pub(crate) fn play_with(path: &Path, target: &Path, words: &[(&str, &str)], programs: &Path) -> Result {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    let expected = transcript(&text);
    if !expected.iter().any(|line| line.starts_with("$ ")) {
        return Err("it shows no transcript; begin its documentation with one, in a block of the kind `console`".into());
    }
    let folder = folder(target)?;
    let mut shell = Command::new("timeout");
    shell.args([SECONDS, "sh", "-c"]).arg(script(&expected, words)).current_dir(&folder);
    let mut path = programs.to_owned().into_os_string();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let shown = command::output(shell.env("PATH", path).env_remove("ABLY_API_KEY").env_remove("ABLY_ENDPOINT"))?;
    print!("{shown}");
    let shown: Vec<&str> = shown.lines().collect();
    let complaints: Vec<String> = differences(&expected, &shown);
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

/// A folder for what the examples write.
fn folder(target: &Path) -> Result<PathBuf> {
    let folder = target.join("examples");
    let made = if folder.exists() { fs::remove_dir_all(&folder) } else { Ok(()) };
    made.and_then(|()| fs::create_dir_all(&folder))
        .map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
    Ok(folder)
}

/// The lines of the block of the kind `console` in the documentation of a file.
fn transcript(text: &str) -> Vec<&str> {
    let lines =
        text.lines().map_while(|line| line.strip_prefix("//!")).map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.skip_while(|line| *line != "```console").skip(1).take_while(|line| *line != "```").collect()
}

/// The commands, each of which says itself before it runs. A server is waited for until it listens.
fn script(transcript: &[&str], words: &[(&str, &str)]) -> String {
    let mut script = String::from("trap 'kill $server 2>/dev/null; wait' EXIT\n");
    for line in transcript.iter().filter_map(|line| line.strip_prefix("$ ")) {
        script.push_str(&format!("cat <<'SAID'\n$ {line}\nSAID\n"));
        let run = words.iter().fold(line.to_owned(), |line, (word, other)| line.replace(word, other));
        match run.strip_suffix('&') {
            // What ends in no new line is given one.
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
        (Some(expected), Some(shown)) => !fits(shown, expected),
        _ => true,
    });
    let said = |line: Option<&str>| line.map_or_else(|| "nothing".into(), |line| format!("`{line}`"));
    different
        .map(|(expected, shown)| {
            format!("it shows {}, and its documentation {}; change one", said(shown), said(expected))
        })
        .collect()
}

/// Whether a line is as expected, where `…` is anything.
fn fits(line: &str, expected: &str) -> bool {
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
    fn a_transcript_is_read_from_the_documentation_of_the_file() {
        let text = "//! A thing.\n//!\n//! ```console\n//! $ run it\n//! out\n//! ```\n//! More.\n\n//! ```console\n//! $ no\n";
        assert_eq!(transcript(text), ["$ run it", "out"]);
        assert!(transcript("//! A thing.\nfn main() {}").is_empty());
    }

    #[test]
    fn lines_fit_with_anything_where_there_are_dots() {
        assert!(fits("token abc lives", "token … lives") && fits("a-b-c", "…b…") && fits("same", "same"));
        assert!(!fits("token abc dies", "token … lives") && !fits("samesame", "same") && !fits("x", "…y…"));
    }

    #[test]
    fn lines_that_differ_are_named_and_so_are_missing_ones() {
        assert_eq!(differences(&["a", "b…"], &["a", "bcd"]), Vec::<String>::new());
        assert_eq!(
            differences(&["a", "b"], &["c"]),
            [
                "it shows `c`, and its documentation `a`; change one",
                "it shows nothing, and its documentation `b`; change one"
            ]
        );
    }

    #[test]
    fn what_runs_is_what_is_shown_but_for_what_is_built_already() {
        let script =
            script(&["$ KEY=a cargo run --example worker", "out"], &[("cargo run --example ", "built/examples/")]);
        assert!(script.contains("\n$ KEY=a cargo run --example worker\n"), "{script}");
        assert!(script.contains("\n{ KEY=a built/examples/worker\n}"), "{script}");
    }
}
