//! The README's examples, run as they stand: lines after `$ ` are commands, what follows each is what it prints.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::support::File;

const README: &str = include_str!("../../README.md");

/// The commands of a README and what is said that they print.
fn examples() -> Vec<(String, String)> {
    let blocks = README.split("```console\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let mut examples: Vec<(String, String)> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        match line.strip_prefix("$ ") {
            Some(command) => examples.push((command.into(), String::new())),
            None => {
                let (_, printed) = examples.last_mut().unwrap();
                printed.push_str(line);
                printed.push('\n');
            }
        }
    }
    examples
}

#[test]
#[cfg(unix)]
fn the_readme_s_examples_print_what_it_says() {
    let examples = examples();
    assert!(examples.len() >= 10, "{examples:?}");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_ably-auth"));
    let path = env::join_paths(
        std::iter::once(program.parent().unwrap().to_owned()).chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    // In one shell, since one example may set what others use.
    const MARK: &str = "=== the next example ===";
    let script: String = examples.iter().map(|(command, _)| format!("{command}\necho '{MARK}'\n")).collect();
    let script = File::new("readme.sh", &script);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-readme", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let output = Command::new("sh")
        .arg(&script.0)
        .current_dir(&folder)
        .env("PATH", path.unwrap())
        .env_remove("ABLY_API_KEY")
        .env_remove("ABLY_TOKEN")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let printed: Vec<_> = printed.split(&format!("{MARK}\n")).collect();
    assert_eq!(printed.len(), examples.len() + 1);
    for ((command, expected), printed) in examples.iter().zip(printed) {
        assert_eq!(printed, expected, "{command}");
    }
}
