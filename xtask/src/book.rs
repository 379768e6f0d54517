//! The guide as a book: mdBook's pages, and the credential explorer with its module and the console's parts.

use std::path::{Path, PathBuf};

use crate::files::{copy, paths};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{Result, command, lint};

const EXPLORER: &str = "tests/targets/explorer/Cargo.toml";
const WASM: &str = "wasm32-unknown-unknown";
/// The parts that the explorer shares with the console of the service.
const CONSOLE: &str = "crates/ably-auth-server/console";

/// Builds the book, complete with the module of the explorer.
pub(crate) fn run(_: &[String]) -> Result {
    let target = Workspace::load()?.target_directory;
    let module = module(&Toolchain::open()?, &target)?;
    let book = build(&target)?;
    let explorer = book.join("explorer");
    copy(&module, &explorer.join("explorer.wasm"))?;
    for file in paths(Path::new(CONSOLE))? {
        copy(&file, &explorer.join("console").join(file.file_name().unwrap_or_default()))?;
    }
    println!("the book is in `{}`; read it over HTTP, for example:", book.display());
    println!("  python3 -m http.server --bind 127.0.0.1 --directory {}", book.display());
    Ok(())
}

/// Builds the explorer's module, with the standard library that is built for browsers from Debian's source.
pub(crate) fn module(toolchain: &Toolchain, target: &Path) -> Result<PathBuf> {
    let folder = target.join("embedded/explorer");
    let mut cargo = toolchain.cargo(&["build", "--quiet", "--locked", "--release", "--manifest-path", EXPLORER]);
    cargo.args(["--target", WASM, "-Zbuild-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1");
    command::run(cargo.arg("--target-dir").arg(&folder))?;
    Ok(folder.join(WASM).join("release/explorer.wasm"))
}

/// Builds the pages with mdBook, and returns their folder. A warning is an error.
pub(crate) fn build(target: &Path) -> Result<PathBuf> {
    let mut mdbook = lint::tool("mdbook", "MDBOOK")?;
    let built = mdbook.args(["build", "docs"]).output().map_err(|error| format!("cannot run mdbook: {error}"))?;
    let messages = String::from_utf8_lossy(&built.stderr);
    eprint!("{messages}");
    if !built.status.success() || messages.lines().any(|line| line.starts_with(" WARN")) {
        return Err("`mdbook build docs` failed or warned; its messages above say why".into());
    }
    Ok(target.join("book"))
}
