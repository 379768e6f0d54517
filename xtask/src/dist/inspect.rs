//! Checks of a binary: the libraries that it needs, and the paths in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::compile::cargo_home;
use super::target::{Linkage, Target, Version};
use crate::files::read_bytes;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

/// The libraries that are part of glibc.
const GLIBC: [&str; 6] =
    ["libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "ld-linux-x86-64.so.2"];

/// Checks that the binary runs on other machines, and contains no path of this one.
pub(super) fn run(binary: &Path, target: &Target, workspace: &Workspace) -> Result {
    let elf = command::output(Command::new("readelf").args(["--wide", "--dynamic", "--version-info"]).arg(binary))?;
    let mut complaints: Vec<String> = linkage(&elf, &target.linkage);
    let bytes = read_bytes(binary)?;
    let folders = [Some(workspace.workspace_root.clone()), Some(cargo_home()?), env::var_os("HOME").map(PathBuf::from)];
    for folder in folders.into_iter().flatten().filter(|folder| folder.iter().count() > 1) {
        let folder = folder.display().to_string();
        if contains(&bytes, format!("{folder}/").as_bytes()) {
            complaints.push(format!("`{}` contains the path `{folder}`; rename it in `compile.rs`", target.triple));
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

/// Runs the binary: its version, and the demo, which starts a service and sends requests to it.
pub(super) fn try_out(binary: &Path, target: &Target, toolchain: &Toolchain, version: &str) -> Result {
    let printed = command::output(runner(binary, target, toolchain)?.arg("--version"))?;
    if printed.trim_end() != format!("ably-auth {version}") {
        return Err(format!("`{} --version` printed `{}`", target.triple, printed.trim_end()).into());
    }
    command::output(runner(binary, target, toolchain)?.args(["demo", "--json"])).map(drop)
}

/// Returns a command that runs the binary on this machine.
pub(super) fn runner(binary: &Path, target: &Target, toolchain: &Toolchain) -> Result<Command> {
    let Some(emulator) = target.emulator else { return Ok(Command::new(binary)) };
    let mut command = Command::new(toolchain.program(emulator, "qemu-user-static", &["qemu-user-static"])?);
    command.arg(binary);
    Ok(command)
}

fn linkage(elf: &str, linkage: &Linkage) -> Vec<String> {
    let needed = elf.lines().filter(|line| line.contains("(NEEDED)"));
    let mut needed = needed.filter_map(|line| line.split(['[', ']']).nth(1));
    match linkage {
        Linkage::Static => {
            needed.map(|library| format!("a static binary needs the library `{library}`; link it statically")).collect()
        }
        Linkage::Glibc(oldest) => {
            let strange = needed.by_ref().filter(|library| !GLIBC.contains(library));
            let mut complaints: Vec<String> =
                strange.map(|library| format!("the binary needs `{library}`, which is not in glibc")).collect();
            let newer = glibc_versions(elf).filter(|version| version > oldest).max();
            complaints.extend(newer.map(|(major, minor)| {
                format!("the binary needs glibc {major}.{minor}, but must run with {}.{}", oldest.0, oldest.1)
            }));
            if glibc_versions(elf).next().is_none() {
                complaints.push("the binary names no version of glibc; is it the right file?".into());
            }
            complaints
        }
    }
}

/// Returns the versions that the symbols need, from lines such as `0x0010:   Name: GLIBC_2.14  Flags: none  Version: 2`.
fn glibc_versions(elf: &str) -> impl Iterator<Item = Version> {
    elf.lines().filter_map(|line| {
        let version = line.split("Name: GLIBC_").nth(1)?.split_whitespace().next()?;
        let mut numbers = version.split('.').map_while(|number| number.parse().ok());
        Some((numbers.next()?, numbers.next()?))
    })
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELF: &str = " 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]\n\
                       \x20 0x0010:   Name: GLIBC_2.14  Flags: none  Version: 4\n\
                       \x20 0x0020:   Name: GLIBC_2.2.5  Flags: none  Version: 3\n";

    #[test]
    fn newer_glibc_is_reported() {
        assert_eq!(linkage(ELF, &Linkage::Glibc((2, 14))), [""; 0]);
        assert_eq!(linkage(ELF, &Linkage::Glibc((2, 9))), ["the binary needs glibc 2.14, but must run with 2.9"]);
        assert_eq!(linkage("", &Linkage::Glibc((2, 17))).len(), 1);
    }

    #[test]
    fn libraries_are_reported() {
        assert_eq!(linkage(ELF, &Linkage::Static).len(), 1);
        assert_eq!(linkage("There is no dynamic section in this file.\n", &Linkage::Static), [""; 0]);
        let other = ELF.replace("libc.so.6", "libgcc_s.so.1");
        assert_eq!(
            linkage(&other, &Linkage::Glibc((2, 17))),
            ["the binary needs `libgcc_s.so.1`, which is not in glibc"]
        );
    }

    #[test]
    fn path_is_found_in_bytes() {
        assert!(contains(b"\0/checkout/src/main.rs\0", b"/checkout/"));
        assert!(!contains(b"\0./src/main.rs\0", b"/checkout/"));
    }
}
