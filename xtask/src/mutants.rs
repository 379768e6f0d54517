//! Mutation testing: small changes of the code that decides about credentials, each of which a test must notice.
//!
//! cargo-mutants makes the changes. It works in a copy of the sources, because an interrupted run leaves a change behind.

mod known;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use known::{Known, List, Outcome};

use crate::files::{absolute, create_folder, read, remove_folder, update_sources, write};
use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

/// Survivors that are accepted, each with the reason.
const KNOWN: &str = "tests/mutants.txt";

/// The version whose names of mutants the file of survivors has.
const VERSION: &str = "27.1.0";

/// The exit codes for mutants that survived, and for tests that took too long. The lists name them.
const SURVIVORS: &[i32] = &[2, 3];

/// A package, the files that are changed, and the tests that must notice it. A run per mutant must take seconds.
struct Suite {
    package: &'static str,
    files: &'static [&'static str],
    /// Options of `cargo test`.
    build: &'static [&'static str],
    /// Tests that are left out, because they take long, or need sockets, files or processes.
    skipped: &'static [&'static str],
}

const SUITES: &[Suite] = &[
    Suite {
        package: "ably-auth-core",
        files: &["src/**"],
        build: &["--all-features", "--lib", "--test=api"],
        skipped: &["matcher_works_with_large_capability", "longest_jwt"],
    },
    Suite {
        package: "ably-auth",
        files: &["src/cache/**", "src/exchange/**", "src/connection/machine/**"],
        build: &["--features=realtime", "--lib", "--test=api"],
        skipped: &[],
    },
    Suite {
        package: "ably-auth-server",
        files: &["src/policy/**", "src/state/**"],
        build: &["--features=console", "--lib", "--test=service"],
        skipped: &[
            "bounds::",
            "connections::",
            "framing::",
            "large_",
            "limits::",
            "net::",
            "raw::",
            "streaming::",
            "tls::",
        ],
    },
];

impl Suite {
    fn folder(&self) -> String {
        format!("crates/{}/", self.package)
    }

    /// Returns the globs of the files to change: all of the suite, or the named ones of this package.
    fn globs(&self, named: &[String]) -> Vec<String> {
        if named.is_empty() {
            return self.files.iter().map(|glob| self.folder() + glob).collect();
        }
        named.iter().filter(|file| file.starts_with(&self.folder())).cloned().collect()
    }
}

pub(crate) fn run(options: &[String]) -> Result {
    let Options { diff, shard, files } = Options::parse(options)?;
    let folder = Workspace::load()?.target_directory.join("mutants");
    let known = Known::parse(&read(KNOWN.as_ref())?)?;
    let lab = Lab { program: program(&folder)?, tree: folder.join("tree"), folder };
    update_sources(&["."], &lab.tree)?;
    let mut narrowing = Vec::new();
    if let Some(reference) = diff {
        // Compares with the commit where the branches part, so that changes of the other branch do not count.
        let diff = command::output(Command::new("git").args(["diff", "--merge-base", &reference, "--", "*.rs"]))?;
        let path = lab.folder.join("changes.diff");
        write(&path, diff)?;
        narrowing.push(format!("--in-diff={}", absolute(&path)?.display()));
    }
    narrowing.extend(shard.map(|shard| format!("--shard={shard}")));

    let mut outcome = Outcome::default();
    for suite in SUITES {
        let mut list = lab.command(suite, &suite.globs(&[]));
        outcome.add(List::All, &command::output(list.args(["--list", "--line-col=false"]))?);
        let globs = suite.globs(&files);
        if !globs.is_empty() {
            lab.run(suite, &globs, &narrowing, &mut outcome)?;
        }
    }
    println!("{}", outcome.summary());
    let complaints = known.compare(&outcome);
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

#[derive(Default)]
struct Options {
    diff: Option<String>,
    shard: Option<String>,
    files: Vec<String>,
}

impl Options {
    fn parse(options: &[String]) -> Result<Self> {
        let mut parsed = Self::default();
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let mut value = |example| {
                let value = options.next().filter(|value| !value.starts_with("--")).cloned();
                value.ok_or_else(|| Complaints::from(format!("`{option}` needs a value, such as `{option} {example}`")))
            };
            match option.as_str() {
                "--in-diff" => parsed.diff = Some(value("main")?),
                "--shard" => parsed.shard = Some(value("0/4")?),
                file if Path::new(file).is_file() && SUITES.iter().any(|suite| file.starts_with(&suite.folder())) => {
                    parsed.files.push(file.to_owned());
                }
                file => {
                    let folders: Vec<_> = SUITES.iter().map(Suite::folder).collect();
                    return Err(format!("cannot change `{file}`; name a source file in {}", folders.join(", ")).into());
                }
            }
        }
        Ok(parsed)
    }
}

/// Returns cargo-mutants: what the variable names, or what is built on the first call.
fn program(folder: &Path) -> Result<PathBuf> {
    if let Some(program) = env::var_os("CARGO_MUTANTS") {
        return Ok(program.into());
    }
    let root = folder.join("tools");
    // A debug build takes half the time; it only waits for cargo.
    let mut install = command::cargo(["install", "--quiet", "--locked", "--debug", "cargo-mutants", "--version"]);
    install.arg(format!("={VERSION}")).arg("--root").arg(&root);
    // Without the variable, cargo builds in a temporary directory and deletes it.
    command::run(install.env_remove("CARGO_TARGET_DIR")).map_err(|Complaints(mut complaints)| {
        complaints.push("cargo-mutants is built from crates.io; check the network connection".into());
        Complaints(complaints)
    })?;
    Ok(root.join("bin/cargo-mutants"))
}

struct Lab {
    program: PathBuf,
    folder: PathBuf,
    tree: PathBuf,
}

impl Lab {
    /// Tests the mutants of one package, and adds their outcome.
    fn run(&self, suite: &Suite, globs: &[String], narrowing: &[String], outcome: &mut Outcome) -> Result {
        let output = absolute(&self.folder.join(suite.package))?;
        let results = output.join("mutants.out");
        remove_folder(&results)?;
        create_folder(&output)?;
        let mut mutants = self.command(suite, globs);
        mutants.args(narrowing).arg("--in-place").arg("--output").arg(&output);
        mutants.args(suite.build.iter().map(|option| format!("--cargo-arg={option}")));
        if !suite.skipped.is_empty() {
            mutants.args(["--", "--"]).args(suite.skipped.iter().flat_map(|test| ["--skip", test]));
        }
        // The same folder as in the last run, so that dependencies are not built again.
        mutants.env("CARGO_TARGET_DIR", absolute(&self.folder.join("build"))?);
        // Only what a change concerns is compiled again, without what a debugger needs.
        mutants.env("CARGO_INCREMENTAL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
        // A change that matters fails a property within a few cases, and each test runs for every change.
        mutants.env("PROPTEST_CASES", "32");
        command::run_accepting(&mut mutants, SURVIVORS)?;
        for (list, name) in List::RESULTS {
            let path = results.join(name);
            // A diff without changes of these files leaves nothing to do, and no lists.
            if path.exists() {
                outcome.add(list, &read(&path)?);
            }
        }
        Ok(())
    }

    fn command(&self, suite: &Suite, globs: &[String]) -> Command {
        let mut mutants = command::program(self.program.as_os_str());
        mutants.args(["mutants", "--no-config", "--colors=never", "--package", suite.package]);
        mutants.args(globs.iter().map(|glob| format!("--file={glob}"))).current_dir(&self.tree);
        mutants
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str]) -> Result<Options> {
        Options::parse(&options.iter().map(|&option| option.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn option_without_value_is_rejected() {
        assert_eq!(parse(&["--shard", "1/4"]).ok().and_then(|options| options.shard).as_deref(), Some("1/4"));
        assert!(parse(&["--shard"]).is_err());
        assert!(parse(&["--in-diff", "--shard", "1/4"]).is_err());
    }

    #[test]
    fn file_outside_of_mutated_packages_is_rejected() {
        let Err(Complaints(complaints)) = parse(&["xtask/src/main.rs"]) else { panic!("the file was accepted") };
        assert!(complaints[0].contains("crates/ably-auth-core/"), "{complaints:?}");
    }

    #[test]
    fn named_files_replace_globs_of_their_package() {
        let named = ["crates/ably-auth-core/src/lib.rs".to_owned()];
        let globs: Vec<_> = SUITES.iter().map(|suite| suite.globs(&named)).collect();
        assert_eq!(globs, [named.to_vec(), vec![], vec![]]);
    }
}
