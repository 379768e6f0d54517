//! The program, and the files that are published with it.

use std::path::Path;

use super::inspect::runner;
use super::target::Target;
use crate::files::{empty_folder, paths, read_bytes};
use crate::toolchain::Toolchain;
use crate::{Result, command};

/// Files by name, sorted.
type Files = Vec<(String, Vec<u8>)>;

pub(super) struct Contents {
    pub binary: Vec<u8>,
    /// Manual pages, such as `ably-auth.1`.
    pub pages: Files,
    /// Completions, by the file name that each shell looks for.
    pub completions: Files,
    /// The README and the licences.
    pub documents: Files,
}

/// Shells, and the names of their files.
pub(super) const COMPLETIONS: [(&str, &str); 3] =
    [("bash", "ably-auth.bash"), ("fish", "ably-auth.fish"), ("zsh", "_ably-auth")];
const DOCUMENTS: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

impl Contents {
    /// Reads the files, and runs the binary to get its manual pages and completions.
    pub(super) fn gather(binary: &Path, target: &Target, toolchain: &Toolchain, scratch: &Path) -> Result<Self> {
        let pages = scratch.join("man");
        empty_folder(&pages)?;
        command::output(runner(binary, target, toolchain)?.arg("man").arg("--dir").arg(&pages))?;
        let mut completions = Files::new();
        for (shell, name) in COMPLETIONS {
            let script = command::output(runner(binary, target, toolchain)?.args(["completions", shell]))?;
            completions.push((name.into(), script.into_bytes()));
        }
        let documents =
            DOCUMENTS.map(|name| Ok((name.into(), read_bytes(&Path::new("crates/ably-auth-cli").join(name))?)));
        Ok(Self {
            binary: read_bytes(binary)?,
            pages: files(&pages)?,
            completions,
            documents: documents.into_iter().collect::<Result<_>>()?,
        })
    }
}

fn files(folder: &Path) -> Result<Files> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths(folder)?.into_iter().map(|path| Ok((name(&path), read_bytes(&path)?))).collect()
}
