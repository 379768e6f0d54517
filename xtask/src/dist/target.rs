//! The targets of the published binaries, and the names of the files for each.

/// A platform that a binary is published for.
#[derive(Debug)]
pub(super) struct Target {
    /// The name in Rust's notation.
    pub triple: &'static str,
    /// The name in zig's notation; for glibc with the oldest version that the binary runs with.
    pub zig: &'static str,
    pub linkage: Linkage,
    /// The architecture of the Debian package and of the image that contain this binary.
    pub packaged: Option<&'static str>,
    /// The emulator that runs the binary on x86-64.
    pub emulator: Option<&'static str>,
}

#[derive(Debug)]
pub(super) enum Linkage {
    Static,
    /// Needs glibc, in this version or a later one.
    Glibc(Version),
}

/// A version of glibc: major and minor.
pub(super) type Version = (u32, u32);

/// The targets, in the order in which they are built. Static binaries are in the packages and images, because they run on
/// every distribution.
pub(super) const TARGETS: [Target; 3] = [
    Target {
        triple: "x86_64-unknown-linux-musl",
        zig: "x86_64-linux-musl",
        linkage: Linkage::Static,
        packaged: Some("amd64"),
        emulator: None,
    },
    Target {
        triple: "aarch64-unknown-linux-musl",
        zig: "aarch64-linux-musl",
        linkage: Linkage::Static,
        packaged: Some("arm64"),
        emulator: Some("qemu-aarch64-static"),
    },
    Target {
        triple: "x86_64-unknown-linux-gnu",
        zig: "x86_64-linux-gnu.2.17",
        linkage: Linkage::Glibc((2, 17)),
        packaged: None,
        emulator: None,
    },
];

impl Target {
    /// Returns the targets that are named, or all if none is.
    pub(super) fn select(names: &[String]) -> Vec<&'static Self> {
        let names_this = |target: &&Self| names.iter().any(|name| name == target.triple);
        let named: Vec<_> = TARGETS.iter().filter(names_this).collect();
        if named.is_empty() { TARGETS.iter().collect() } else { named }
    }

    /// Returns the name of the variable in which cargo reads a setting for this target.
    pub(super) fn cargo_variable(&self, name: &str) -> String {
        format!("CARGO_TARGET_{}_{name}", self.triple.to_uppercase().replace('-', "_"))
    }

    /// Returns the name of the variable in which the crate `cc` reads a setting for this target.
    pub(super) fn cc_variable(&self, name: &str) -> String {
        format!("{name}_{}", self.triple.replace('-', "_"))
    }

    /// Returns the name of the folder in the archive, which is also the start of the archive's name.
    pub(super) fn stem(&self, version: &str) -> String {
        format!("ably-auth-{version}-{}", self.triple)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::archive;

    #[test]
    fn targets_are_selected_by_name() {
        let select = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
            Target::select(&names).iter().map(|target| target.triple).collect::<Vec<_>>()
        };
        assert_eq!(select(&["--verify"]).len(), TARGETS.len());
        assert_eq!(select(&["--verify", "x86_64-unknown-linux-gnu"]), ["x86_64-unknown-linux-gnu"]);
    }

    #[test]
    fn every_target_is_an_option_of_the_task() {
        let task = crate::TASKS.iter().find(|task| task.name == "dist").unwrap();
        for target in &TARGETS {
            assert!(task.options.contains(&target.triple), "{}", target.triple);
        }
    }

    /// `cargo binstall` fills a template of the manifest in.
    #[test]
    fn binstall_finds_archives_and_the_program_in_them() {
        let manifest = include_str!("../../../crates/ably-auth-cli/Cargo.toml");
        let setting = |name: &str| {
            let (_, rest) = manifest.split_once("[package.metadata.binstall]\n").expect("section");
            let line = rest.lines().find_map(|line| line.strip_prefix(&format!("{name} = "))).expect(name);
            line.trim_matches('"').to_owned()
        };
        for target in &TARGETS {
            let fill = |text: &str| {
                text.replace("{ version }", "1.2.3")
                    .replace("{ target }", target.triple)
                    .replace("{ archive-suffix }", ".tar.gz")
                    .replace("{ bin }{ binary-ext }", "ably-auth")
            };
            let url = fill(&setting("pkg-url"));
            assert_eq!(url.rsplit('/').next(), Some(archive::name(target, "1.2.3").as_str()));
            assert_eq!(fill(&setting("bin-dir")), format!("{}/ably-auth", target.stem("1.2.3")));
            assert_eq!(setting("pkg-fmt"), "tgz");
        }
    }
}
