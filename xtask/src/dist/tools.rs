//! The C compiler and linker for all targets, zig, from PyPI in a fixed version.
//!
//! zig brings the C libraries of all targets, in any version of glibc, so one tool replaces a cross compiler for each.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::target::Target;
use crate::files::create_folder;
use crate::toolchain::write_program;
use crate::{Complaints, Result, command};

const REQUIREMENTS: &str = "packaging/requirements.txt";

pub(super) struct Tools {
    home: PathBuf,
    zig: PathBuf,
}

impl Tools {
    /// Installs zig in a virtual environment, if that was not done before.
    pub(super) fn open(target_directory: &Path) -> Result<Self> {
        let home = target_directory.join("dist-tools");
        let python = home.join("bin/python3");
        if !python.exists() {
            command::run(Command::new("python3").args(["-m", "venv"]).arg(&home))
                .map_err(|complaints| advice(complaints, "on Debian, run `apt-get install python3-venv` as root"))?;
        }
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
        command::run(pip.args(["--requirement", REQUIREMENTS]))
            .map_err(|complaints| advice(complaints, "zig comes from PyPI; check the network connection"))?;
        let find = "import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), 'zig'))";
        let zig = command::output(Command::new(&python).args(["-c", find]))?;
        Ok(Self { zig: zig.trim_end().into(), home })
    }

    /// Returns the version of zig.
    pub(super) fn version(&self) -> Result<String> {
        command::output(Command::new(&self.zig).arg("version")).map(|version| version.trim_end().to_owned())
    }

    /// Makes cargo and the crate `cc` use zig for a target.
    pub(super) fn set(&self, cargo: &mut Command, target: &Target, renamed: &[(PathBuf, &str)]) -> Result {
        // The crate `cc` adds the target in Rust's notation, which zig does not parse. zig ignores `-static-pie`.
        let script = format!(
            "#!/bin/sh\nfor word do\n    shift\n    case \"$word\" in\n    --target=*) ;;\n    \
             -static-pie) set -- \"$@\" -static -pie ;;\n    *) set -- \"$@\" \"$word\" ;;\n    esac\ndone\n\
             exec '{}' cc -target {} \"$@\"\n",
            self.zig.display(),
            target.zig,
        );
        let compiler = write_program(&self.home.join("bin").join(format!("cc-{}", target.triple)), &script)?;
        let script = format!("#!/bin/sh\nexec '{}' ar \"$@\"\n", self.zig.display());
        let archiver = write_program(&self.home.join("bin/zig-ar"), &script)?;
        let flags: Vec<_> =
            renamed.iter().map(|(path, name)| format!("-ffile-prefix-map={}={name}", path.display())).collect();
        let cache = self.home.join("cache");
        create_folder(&cache)?;
        cargo
            .env(target.cargo_variable("LINKER"), &compiler)
            .env(target.cc_variable("CC"), &compiler)
            .env(target.cc_variable("AR"), archiver)
            .env(target.cc_variable("CFLAGS"), flags.join(" "))
            .env("ZIG_GLOBAL_CACHE_DIR", &cache)
            .env("ZIG_LOCAL_CACHE_DIR", &cache);
        Ok(())
    }
}

fn advice(Complaints(mut complaints): Complaints, advice: &str) -> Complaints {
    complaints.push(advice.into());
    Complaints(complaints)
}
