//! The C library: `bindings/c`, with its tests in C and in PHP.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cases;
use super::folders::{blocks, check_paths, kib, lint, target, without_paths};
use crate::files::{absolute, copy_files, empty_folder, read, write};
use crate::{Result, command};

const SOURCE: &str = "bindings/c";
const MANIFEST: &str = "bindings/c/Cargo.toml";
const SHARED: &str = "libably_auth.so";
const STATIC: &str = "libably_auth.a";
/// Libraries that a program needs in addition to the static library.
const SYSTEM: [&str; 3] = ["-lpthread", "-ldl", "-lm"];
const WARNINGS: [&str; 4] = ["-std=gnu11", "-Wall", "-Wextra", "-Werror"];
const SANITIZERS: &str = "-fsanitize=address,undefined";
const CASES: &str = "cases.txt";
/// The key of the programs in the README.
const KEY: &str = "app.key:a-secret-for-tests";
/// The beginning of what they print: a token request that is signed with the key.
const SIGNED: &str =
    "{\"keyName\":\"app.key\",\"capability\":\"{\\\"chat:*\\\":[\\\"subscribe\\\"]}\",\"clientId\":\"bob\"";

/// Builds the library, and tests it with programs in C and in PHP.
pub(super) fn run(_: &[String]) -> Result {
    let target = target("c")?;
    let crates = target.join("cargo");
    lint(MANIFEST, &crates)?;
    cargo("test", &["--test", "header"], &crates)?;
    cargo("build", &["--release"], &crates)?;
    let folder = absolute(&target.join("tests"))?;
    empty_folder(&folder)?;
    for file in [SHARED, STATIC] {
        copy_files(&crates.join("release"), file, &folder)?;
        check_paths(&folder.join(file))?;
        println!("`{file}` has {} KiB", kib(&folder.join(file))?);
    }
    check_symbols(&folder)?;
    copy_files(&Path::new(SOURCE).join("include"), ".h", &folder.join("include"))?;
    copy_files(&Path::new(SOURCE).join("tests"), "", &folder)?;
    write(&folder.join(CASES), &cases::lines()?)?;
    check_c(&folder)?;
    check_php(&folder)?;
    check_readme(&folder)
}

fn cargo(task: &str, options: &[&str], crates: &Path) -> Result {
    let mut cargo = command::cargo([task, "--quiet", "--locked", "--manifest-path", MANIFEST, "--target-dir"]);
    without_paths(&mut cargo)?;
    command::run(cargo.arg(crates).args(options))
}

/// Checks that the library exports only the functions of the header.
fn check_symbols(folder: &Path) -> Result {
    let symbols = command::output(Command::new("nm").args(["-D", "--defined-only"]).arg(folder.join(SHARED)))?;
    let exported: Vec<&str> = symbols.lines().filter_map(|line| line.split_whitespace().last()).collect();
    let header = read(&Path::new(SOURCE).join("include/ably_auth.h"))?;
    let is_declared = |symbol: &&str| header.contains(&format!("{symbol}("));
    match exported.iter().find(|symbol| !is_declared(symbol)) {
        Some(foreign) => Err(format!("`{SHARED}` exports `{foreign}`, which the header does not declare").into()),
        None if exported.is_empty() => Err(format!("`{SHARED}` exports nothing").into()),
        None => Ok(()),
    }
}

/// Compiles the test program, and runs it with the shared and with the static library.
fn check_c(folder: &Path) -> Result {
    let sanitizers = sanitizers(folder);
    for library in [SHARED, STATIC] {
        let program = compile(folder, "vectors.c", library, sanitizers)?;
        command::run(Command::new(program).arg(CASES).current_dir(folder))?;
    }
    let mut pedantic = Command::new("cc");
    pedantic.args(["-std=c99", "-pedantic-errors", "-Wall", "-Werror", "-fsyntax-only", "include/ably_auth.h"]);
    command::run(pedantic.current_dir(folder))
}

/// Compiles a program of the folder, and returns its path.
fn compile(folder: &Path, source: &str, library: &str, options: &[&str]) -> Result<PathBuf> {
    let program = folder.join(format!("{source}-{library}").replace('.', "-"));
    let mut cc = Command::new("cc");
    cc.args(WARNINGS).args(options).args(["-g", "-Iinclude", source, library]).args(SYSTEM);
    command::run(cc.arg("-Wl,-rpath,$ORIGIN").arg("-o").arg(&program).current_dir(folder))?;
    Ok(program)
}

/// Returns the option for sanitizers, if the compiler can link a program with them.
fn sanitizers(folder: &Path) -> &'static [&'static str] {
    let mut cc = Command::new("cc");
    cc.args([SANITIZERS, "empty.c", "-o", "sanitized"]).current_dir(folder).stderr(Stdio::null());
    let is_written = write(&folder.join("empty.c"), "int main(void) { return 0; }\n").is_ok();
    if is_written && cc.status().is_ok_and(|status| status.success()) {
        return &[SANITIZERS, "-fno-sanitize-recover=all"];
    }
    println!("the C compiler has no sanitizers; the tests run without them");
    &[]
}

/// Runs the test program in PHP, which is installed from Debian's packages if it is missing.
fn check_php(folder: &Path) -> Result {
    let is_here = || Command::new("php").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !is_here() {
        let install = ["install", "-qqy", "--no-install-recommends", "php-cli"];
        let installed = command::run(Command::new("apt-get").args(install).stdout(Stdio::null()));
        installed.map_err(|_| "php is missing; on Debian, run `apt-get install php-cli` as root")?;
    }
    let program = ["vectors.php", &format!("./{SHARED}"), "include/ably_auth.h", CASES];
    command::run(Command::new("php").args(program).current_dir(folder))
}

/// Compiles and runs the programs of the README.
fn check_readme(folder: &Path) -> Result {
    let readme = read(&Path::new(SOURCE).join("README.md"))?;
    let ([c], [php]) = (&blocks(&readme, "c")[..], &blocks(&readme, "php")[..]) else {
        return Err(format!("`{SOURCE}/README.md` has not one program in C and one in PHP").into());
    };
    write(&folder.join("readme.c"), c)?;
    write(&folder.join("readme.php"), php)?;
    let program = compile(folder, "readme.c", SHARED, &[])?;
    for (mut run, name) in [(Command::new(program), "C"), (php_program(), "PHP")] {
        let printed = command::output(run.current_dir(folder).env("ABLY_API_KEY", KEY))?;
        if !printed.starts_with(SIGNED) || !printed.contains("\npermitted: no\n") {
            return Err(format!("the {name} program of `{SOURCE}/README.md` printed `{printed}`").into());
        }
        println!("the {name} program of the README signs a token request");
    }
    Ok(())
}

fn php_program() -> Command {
    let mut php = Command::new("php");
    php.arg("readme.php");
    php
}
