//! Core's tests on a 32-bit and on a big-endian machine.

use std::process::Command;

use crate::lint::CORE;
use crate::report::{Report, Tally};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{Result, test};

struct Machine {
    target: &'static str,
    linker: &'static str,
    packages: &'static [&'static str],
    /// The emulator and its Debian package, for a target that this processor cannot run.
    emulator: Option<(&'static str, &'static str)>,
}

const MACHINES: &[Machine] = &[
    Machine {
        target: "i686-unknown-linux-gnu",
        linker: "i686-linux-gnu-gcc",
        packages: &["gcc-i686-linux-gnu", "libc6-dev-i386-cross"],
        emulator: None,
    },
    Machine {
        target: "s390x-unknown-linux-gnu",
        linker: "s390x-linux-gnu-gcc",
        packages: &["gcc-s390x-linux-gnu", "libc6-dev-s390x-cross"],
        emulator: Some(("qemu-s390x-static", "qemu-user-static")),
    },
];

pub(crate) fn run(_: &[String]) -> Result {
    let toolchain = Toolchain::open()?;
    let mut report = Report::default();
    for machine in MACHINES {
        report.counted(&format!("core's tests on {}", machine.target), |tally| {
            test::count_into(tally, &mut tests(&toolchain, machine)?)
        });
    }
    let (Tally { passed, failed, skipped }, outcome) = report.finish();
    println!("cross: {passed} passed, {failed} failed, {skipped} skipped");
    outcome
}

fn tests(toolchain: &Toolchain, machine: &Machine) -> Result<Command> {
    let folder = Workspace::load()?.target_directory.join("cross");
    let mut cargo = toolchain.cargo(&["test", "--quiet", "--locked", "--no-fail-fast", "--target", machine.target]);
    // Without debug information, which nobody reads, the build is faster.
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "false");
    // The standard library is built from source; RUSTC_BOOTSTRAP allows that in a released compiler.
    cargo
        .args(["--package", CORE])
        .arg("-Zbuild-std=std,panic_unwind,test")
        .arg("--target-dir")
        .arg(folder)
        .env("RUSTC_BOOTSTRAP", "1");
    // Static linking, so that no library of the target is needed at run time.
    for flags in ["RUSTFLAGS", "RUSTDOCFLAGS"] {
        cargo.env(flags, "-Ctarget-feature=+crt-static");
    }
    let setting = |name: &str| format!("CARGO_TARGET_{}_{name}", machine.target.to_uppercase().replace('-', "_"));
    cargo.env(setting("LINKER"), toolchain.program(machine.linker, machine.linker, machine.packages)?);
    if let Some((emulator, package)) = machine.emulator {
        cargo.env(setting("RUNNER"), toolchain.program(emulator, package, &[package])?);
        // The emulator runs at a tenth of the speed, and an error in the byte order shows in every case.
        cargo.env("PROPTEST_CASES", "64");
    }
    Ok(cargo)
}
