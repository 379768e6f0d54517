//! The packages for npm and PyPI, installed in empty folders: each README's programs, and the files of `tests/packages`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::{NPM_SDK, PYPI_SDK, absolute, install_missing, npm, python, target};
use crate::{Result, run as run_command};

/// For programs of the guide that no test can run, and for the types of the package.
const COMPILED: [&str; 3] = ["testcontainers@12.2.0", "typescript@7.0.2", "@types/node@26.6.7"];
const PYTHON_TOOLS: [&str; 3] = ["pytest==9.2.0", "mypy==2.4.1", "uv==0.13.9"];
const COMPILER: [&str; 10] = [
    "--noEmit",
    "--types",
    "node",
    "--strict",
    "--exactOptionalPropertyTypes",
    "--noUncheckedIndexedAccess",
    "--target",
    "es2022",
    "--module",
    "nodenext",
];

const TESTS: [&str; 4] = ["readme.test.mjs", "sandbox.test.mjs", "action.test.mjs", "containers.test.mjs"];
const INSTALL: &str = "docs/install.md";

pub(crate) fn run() -> Result {
    install_missing(&["node", "npm", "python3"])?;
    let packages = target()?.join("packages");
    in_node(&packages)?;
    in_python(&packages)
}

fn in_node(packages: &Path) -> Result {
    let folder = empty(&packages.join("try-npm"))?;
    let packed = packed(packages, ".tgz")?;
    let packed: Vec<String> = packed.iter().map(|path| path.display().to_string()).collect();
    write(&folder.join("package.json"), "{\"type\":\"module\"}\n")?;
    let wanted: Vec<&str> = packed.iter().map(String::as_str).chain([NPM_SDK]).chain(COMPILED).collect();
    npm(&folder, &wanted)?;
    copy(Path::new("tests/packages/npm"), &folder)?;
    write(&folder.join("readme.test.mjs"), &block("packaging/npm/ably-auth/README.md", "js", 0)?)?;
    write(&folder.join("install.mjs"), &block(INSTALL, "js", 0)?)?;
    write(&folder.join("testcontainers.mts"), &block(INSTALL, "ts", 0)?)?;
    let node = |args: &[&str]| -> Result {
        let mut node = Command::new("node");
        node.env("ACTION", absolute(Path::new("packaging/action"))?).env("GUIDE", absolute(Path::new("docs"))?);
        run_command(node.args(args).current_dir(&folder))
    };
    node(&[&["--test", "--test-reporter=spec"], &TESTS[..]].concat())?;
    node(&["install.mjs"])?;
    let compile = |args: &[&str]| {
        let mut compiler = Command::new("npx");
        run_command(compiler.args(["--no", "--", "tsc"]).args(COMPILER).args(args).current_dir(&folder))
    };
    compile(&["types.mts"])?;
    compile(&["--skipLibCheck", "testcontainers.mts"])
}

fn in_python(packages: &Path) -> Result {
    let folder = empty(&packages.join("try-python"))?;
    let wheels = packed(packages, ".whl")?;
    let [wheel] = &wheels[..] else { return Err(vec![format!("expected one wheel, and found {wheels:?}")]) };
    let wheel = wheel.display().to_string();
    let wanted: Vec<&str> = [&*wheel, PYPI_SDK].into_iter().chain(PYTHON_TOOLS).collect();
    let python = absolute(&python(&folder.join("python"), &wanted)?)?;
    copy(Path::new("tests/packages/pypi"), &folder)?;
    let readme = "packaging/pypi/ably-auth/README.md";
    write(&folder.join("test_readme.py"), &block(readme, "python", 0)?)?;
    write(&folder.join("test_install.py"), &block(INSTALL, "python", 0)?)?;
    write(&folder.join("without_pytest.py"), &block(readme, "python", 1)?)?;
    let python = |args: &[&str]| run_command(Command::new(&python).args(args).current_dir(&folder));
    python(&["-m", "pytest", "-q", "-W", "error", "test_readme.py", "test_install.py", "test_sandbox.py"])?;
    python(&["without_pytest.py"])?;
    python(&["-m", "mypy", "--strict", "types_example.py"])?;
    let sources = absolute(Path::new("packaging/pypi/ably-auth/src"))?;
    python(&["-m", "mypy", "--strict", &sources.display().to_string()])?;
    python(&["-m", "uv", "tool", "run", "--quiet", "--from", &wheel, "ably-auth", "--version"])
}

/// Returns the code of the README's block with this index among those of the language.
fn block(readme: &str, language: &str, index: usize) -> Result<String> {
    let text = fs::read_to_string(readme).map_err(|error| vec![format!("cannot read `{readme}`: {error}")])?;
    let block = text.split(&format!("\n```{language}\n")).nth(index + 1).and_then(|rest| rest.split("\n```").next());
    block.map(|code| format!("{code}\n")).ok_or_else(|| vec![format!("`{readme}` has no such {language} block")])
}

/// Returns the packed files with this ending.
fn packed(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut files = files(folder)?;
    files.retain(|path| path.to_string_lossy().ends_with(ending));
    files.sort();
    Ok(files)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let fault = |error| vec![format!("cannot read `{}`: {error}", folder.display())];
    let entries = fs::read_dir(folder).map_err(fault)?;
    entries.map(|entry| absolute(&entry.map_err(fault)?.path())).collect()
}

/// Copies the files of a folder into another.
fn copy(from: &Path, to: &Path) -> Result {
    for file in files(from)? {
        let wanted = to.join(file.file_name().unwrap_or_default());
        fs::copy(&file, &wanted).map_err(|error| vec![format!("cannot write `{}`: {error}", wanted.display())])?;
    }
    Ok(())
}

/// Returns the folder, without files of an earlier run.
fn empty(folder: &Path) -> Result<PathBuf> {
    let fault = |error| vec![format!("cannot empty `{}`: {error}", folder.display())];
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(fault)?;
    }
    fs::create_dir_all(folder).map_err(fault)?;
    absolute(folder)
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| vec![format!("cannot write `{}`: {error}", path.display())])
}
