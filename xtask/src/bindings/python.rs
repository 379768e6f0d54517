//! The Python package `ably-capability`: `bindings/python`.

use std::ffi::OsStr;
use std::path::{self, Path, PathBuf};
use std::process::Command;

use super::folders::{
    PROGRAM, VECTORS, check_paths, kib, lint, run_guide, service, target, without_cargo_variables, without_paths,
};
use crate::files::{absolute, copy_files, empty_folder, paths, read};
use crate::{Result, command};

const SOURCE: &str = "bindings/python";
const MANIFEST: &str = "bindings/python/Cargo.toml";

/// Builds the wheel, installs it in a new environment, and tests it there. With `--bench`, measures it instead.
pub(super) fn run(options: &[String]) -> Result {
    let target = target("python")?;
    let crates = target.join("cargo");
    lint(MANIFEST, &crates)?;
    let wheel = build(&target, &crates)?;
    println!("`{}` has {} KiB", wheel.file_name().unwrap_or_default().to_string_lossy(), kib(&wheel)?);
    let environment = environment(&target.join("environment"), &["--clear"])?;
    let requirements = format!("{SOURCE}/requirements-test.txt");
    install(&environment, &["--requirement".as_ref(), requirements.as_ref(), wheel.as_ref()])?;
    if options.iter().any(|option| option == "--bench") {
        return command::run(python(&environment).arg(format!("{SOURCE}/bench.py")));
    }
    test(&target, &environment)?;
    let folder = target.join("tests");
    run_guide("python", "py", &folder, || python(&environment))
}

/// Builds the wheel, and returns its path.
pub(super) fn packed() -> Result<PathBuf> {
    let target = target("python")?;
    build(&target, &target.join("cargo"))
}

/// Builds the wheel with the version of maturin that the project names, and returns its path. maturin chooses the tag
/// `manylinux` by the symbols of glibc that the module uses.
fn build(target: &Path, crates: &Path) -> Result<PathBuf> {
    let tools = environment(&target.join("tools"), &[])?;
    let project = read(&Path::new(SOURCE).join("pyproject.toml"))?;
    let maturin = quoted(&project, "maturin==").ok_or("`pyproject.toml` pins no version of maturin")?;
    install(&tools, &[maturin.as_ref()])?;
    let wheels = target.join("wheels");
    empty_folder(&wheels)?;
    let mut build = python(&tools);
    build.args(["-m", "maturin", "build", "--quiet", "--release", "--manifest-path", MANIFEST, "--out"]).arg(&wheels);
    without_paths(&mut build)?;
    command::run(build.env("CARGO_TARGET_DIR", absolute(crates)?))?;
    check_paths(&crates.join("release/lib_native.so"))?;
    let wheel = paths(&wheels)?.pop();
    absolute(&wheel.ok_or_else(|| format!("maturin has left no wheel in `{}`", wheels.display()))?)
}

/// Runs the tests in a folder without the sources, so that only the installed wheel is tested.
fn test(target: &Path, environment: &Path) -> Result {
    let folder = target.join("tests");
    empty_folder(&folder)?;
    copy_files(&Path::new(SOURCE).join("tests"), ".py", &folder)?;
    for file in ["README.md", "bench.py"] {
        copy_files(Path::new(SOURCE), file, &folder)?;
    }
    let mut tests = python(&absolute(environment)?);
    tests.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "."]).current_dir(&folder);
    command::run(tests.env("VECTORS", absolute(Path::new(VECTORS))?).env(PROGRAM, service()?))
}

/// Creates a Python environment, and returns its folder.
fn environment(folder: &Path, options: &[&str]) -> Result<PathBuf> {
    let made = command::run(Command::new("python3").args(["-m", "venv"]).args(options).arg(folder));
    made.map_err(|_| "cannot create a Python environment; on Debian, run `apt-get install python3-venv`")?;
    Ok(folder.to_owned())
}

fn install(environment: &Path, packages: &[&OsStr]) -> Result {
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    command::run(python(environment).args(pip).args(packages))
}

/// Returns a command for the Python of an environment.
fn python(environment: &Path) -> Command {
    // The program may run in another folder.
    let program = environment.join("bin/python");
    let mut python = Command::new(path::absolute(&program).unwrap_or(program));
    without_cargo_variables(&mut python);
    python.env_remove("PYTHONPATH").env_remove("VIRTUAL_ENV");
    python
}

/// Returns the first text in double quotes that begins with `start`.
fn quoted<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.split('"').skip(1).step_by(2).find(|part| part.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn pinned_version_is_found_in_quotes() {
        let project = "requires = [\"maturin==1.2.3\"]\nbuild-backend = \"maturin\"";
        assert_eq!(quoted(project, "maturin=="), Some("maturin==1.2.3"));
        assert_eq!(quoted(project, "backend"), None);
    }
}
