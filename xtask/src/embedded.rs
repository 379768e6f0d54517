//! Core on bare metal: builds `tests/targets/firmware` for machines without an operating system, and runs it in QEMU and node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{Complaints, Result, book, command, examples};

const FIRMWARE: &str = "tests/targets/firmware/Cargo.toml";
const SENSOR: &str = "tests/targets/firmware/src/bin/sensor.rs";
/// The target on which the flash of signing is compared with its lower bound.
const MEASURE: &str = "thumbv7em-none-eabihf";
const WASM: &str = "wasm32-unknown-unknown";
/// Selects SHA-256 as a loop: half the flash at half the speed.
const COMPACT: &str = "--cfg sha2_backend=\"soft\" --cfg sha2_backend_soft=\"compact\"";
/// Timeout of one run, in seconds. A run takes about 1 s; crashed firmware hangs.
const TIMEOUT_SECONDS: &str = "60";

struct Machine {
    target: &'static str,
    emulator: &'static str,
    options: &'static [&'static str],
}

const EMULATORS: &[&str] = &["qemu-system-arm", "qemu-system-misc"];

const MACHINES: &[Machine] = &[
    Machine { target: MEASURE, emulator: "qemu-system-arm", options: &["-M", "mps2-an386"] },
    Machine { target: "thumbv6m-none-eabi", emulator: "qemu-system-arm", options: &["-M", "microbit"] },
    Machine {
        target: "riscv32imc-unknown-none-elf",
        emulator: "qemu-system-riscv32",
        options: &["-M", "virt", "-bios", "none"],
    },
];

pub(crate) fn run(options: &[String]) -> Result {
    let toolchain = Toolchain::open()?;
    let targets: Vec<&str> = MACHINES.iter().map(|machine| machine.target).chain([WASM]).collect();
    toolchain.add_core(&targets)?;
    let mut bench = Bench {
        toolchain,
        folder: Workspace::load()?.target_directory.join("embedded"),
        images: Vec::new(),
        complaints: Vec::new(),
    };
    for machine in MACHINES {
        bench.run_machine(machine, "")?;
        bench.run_machine(machine, COMPACT)?;
    }
    bench.run_wasm()?;
    bench.run_explorer()?;
    bench.finish(options)
}

struct Bench {
    toolchain: Toolchain,
    folder: PathBuf,
    /// The arguments of `budgets` for each image, with its peak stack.
    images: Vec<String>,
    complaints: Vec<String>,
}

impl Bench {
    fn run_machine(&mut self, machine: &Machine, flags: &str) -> Result {
        let folder = self.build(&["build"], machine.target, flags, &[])?;
        for image in ["checks", "sign"] {
            self.run_image(machine, flags, &folder.join(image))?;
        }
        if machine.target == MEASURE && flags.is_empty() {
            let emulator = self.toolchain.program(machine.emulator, "qemu", EMULATORS)?;
            self.play(SENSOR, &[("qemu-system-arm", &emulator), ("sensor", &folder.join("sensor"))]);
        }
        if machine.target == MEASURE {
            // Without core: core would enable features in the libraries.
            let folder = self.build(&["build", "--no-default-features"], machine.target, flags, &[])?;
            self.run_image(machine, flags, &folder.join("floor"))?;
        }
        Ok(())
    }

    fn run_image(&mut self, machine: &Machine, flags: &str, image: &Path) -> Result {
        let emulator = self.toolchain.program(machine.emulator, "qemu", EMULATORS)?;
        let mut qemu = limited(&emulator);
        qemu.args(machine.options).args(["-display", "none", "-serial", "none", "-monitor", "none"]);
        qemu.args(["-chardev", "file,id=output,path=/dev/stdout"]);
        qemu.args(["-semihosting-config", "enable=on,target=native,chardev=output", "-kernel"]).arg(image);
        self.measure(&title(machine.target, flags), image, &mut qemu)
    }

    fn run_wasm(&mut self) -> Result {
        // As much stack as the smallest machine has RAM. `checks.mjs` reads its bounds from the exported symbols.
        let linker = ["-zstack-size=16384", "--export=__stack_low", "--export=__stack_high"];
        let linker: Vec<String> = linker.iter().map(|option| format!("-Clink-arg={option}")).collect();
        let folder = self.build(&["rustc", "--lib", "--crate-type", "cdylib"], WASM, "", &linker)?;
        let (node, module) = (self.toolchain.program("node", "node", &["nodejs"])?, folder.join("firmware.wasm"));
        let mut node = limited(&node);
        self.measure(WASM, &module, node.arg("tests/targets/firmware/checks.mjs").arg(&module))
    }

    /// Builds the module of the guide's explorer, and asks it in node; `cargo xtask browser` tests its page.
    fn run_explorer(&mut self) -> Result {
        let module = book::module(&self.toolchain, &Workspace::load()?.target_directory)?;
        let node = self.toolchain.program("node", "node", &["nodejs"])?;
        let script = Path::new("tests/targets/explorer/explore.mjs");
        let script =
            fs::canonicalize(script).map_err(|error| format!("cannot find `{}`: {error}", script.display()))?;
        self.play(
            "tests/targets/explorer/src/lib.rs",
            &[("node", &node), ("explore.mjs", &script), ("explorer.wasm", &module)],
        );
        Ok(())
    }

    /// Plays an example that is already built, with each of `files` in the place of its word.
    fn play(&mut self, example: &str, files: &[(&str, &Path)]) {
        let shown: Vec<String> = files.iter().map(|(_, file)| file.display().to_string()).collect();
        let mut words = vec![("cargo build", ":")];
        words.extend(files.iter().zip(&shown).map(|((word, _), file)| (*word, file.as_str())));
        if let Err(complaints) = examples::play_with(Path::new(example), &self.folder, &words, Path::new("")) {
            self.complaints.extend(complaints.0.into_iter().map(|complaint| format!("`{example}`: {complaint}")));
        }
    }

    fn build(&self, what: &[&str], target: &str, flags: &str, last: &[String]) -> Result<PathBuf> {
        let folder = self.folder.join(if flags.is_empty() { "default" } else { "compact" });
        let mut cargo = self.toolchain.cargo(what);
        cargo.args(["--quiet", "--locked", "--release", "--manifest-path", FIRMWARE, "--target", target]);
        cargo.arg("--target-dir").arg(&folder).env("RUSTFLAGS", flags);
        if !last.is_empty() {
            cargo.arg("--").args(last);
        }
        command::run(&mut cargo)?;
        Ok(folder.join(target).join("release"))
    }

    /// Runs an image, and records its sizes.
    fn measure(&mut self, target: &str, image: &Path, run: &mut Command) -> Result {
        let name = format!("{target} {}", image.file_stem().unwrap_or_default().to_string_lossy());
        let mut stack = None;
        if command::watch(run, |line| stack = stack.max(peak(line))).is_err() {
            self.complaints
                .push(format!("`{name}` failed or ran longer than {TIMEOUT_SECONDS} s; see its output above"));
        }
        let stack = stack.map_or_else(String::new, |stack| format!("={stack}"));
        self.images.push(format!("{name}={}{stack}", image.display()));
        Ok(())
    }

    /// Compares the sizes of the images with the budget, or accepts them as the budget if all has passed.
    fn finish(self, options: &[String]) -> Result {
        let mut complaints = self.complaints;
        let options = if complaints.is_empty() { options } else { &[] };
        let mut budgets = command::cargo(["run", "--quiet", "--package", "budgets", "--", "sizes"]);
        if let Err(Complaints(more)) = command::run(budgets.args(options).args(self.images)) {
            complaints.extend(more);
        }
        if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
    }
}

fn title(target: &str, flags: &str) -> String {
    if flags.is_empty() { target.into() } else { format!("{target}, compact SHA-2") }
}

fn limited(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg(TIMEOUT_SECONDS).arg(program);
    command
}

/// Parses the peak stack out of a line such as `ok 1080 signs a token request`.
fn peak(line: &str) -> Option<u64> {
    let mut words = line.split(' ');
    matches!(words.next()?, "ok" | "FAILED").then(|| words.next()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::peak;

    #[test]
    fn peak_stack_is_parsed_from_output() {
        assert_eq!(peak("ok 1080 signs a token request"), Some(1080));
        assert_eq!(peak("FAILED 12 parses a key"), Some(12));
        assert_eq!(peak("qemu-system-arm: 12 things"), None);
    }
}
