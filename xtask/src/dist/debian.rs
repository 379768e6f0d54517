//! The Debian package: the program, its manual pages and completions, and the service's unit and configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::archive::{Entry, gzip};
use super::contents::Contents;
use crate::files::{empty_folder, read, read_bytes};
use crate::{Result, command};

/// The files of the package that users edit. An upgrade keeps their changes.
const CONFIGURATION: [(&str, &str); 2] = [
    ("deploy/ably-auth.toml", "etc/ably-auth/ably-auth.toml"),
    ("deploy/ably-auth.logrotate", "etc/logrotate.d/ably-auth"),
];
const UNIT: &str = "deploy/ably-auth.service";
const DOCUMENTS: &str = "usr/share/doc/ably-auth";
const PAGES: &str = "usr/share/man/man1";

/// Returns the name of the package file.
pub(super) fn name(version: &str, architecture: &str) -> String {
    format!("ably-auth_{version}-1_{architecture}.deb")
}

/// Builds the package in `folder`. `scratch` is a folder for its files.
pub(super) fn pack(
    contents: &Contents,
    version: &str,
    architecture: &str,
    epoch: u64,
    scratch: &Path,
    package: &Path,
) -> Result {
    empty_folder(scratch)?;
    let files = files(contents)?;
    let size: usize = files.iter().map(|file| file.bytes.len().div_ceil(1024)).sum();
    let mut control = vec![
        Entry::file("control", control(version, architecture, size)),
        Entry::file("conffiles", CONFIGURATION.map(|(_, path)| format!("/{path}\n")).concat()),
        Entry::program("postinst", read_bytes(Path::new("packaging/debian/postinst"))?),
        Entry::program("prerm", read_bytes(Path::new("packaging/debian/prerm"))?),
    ];
    files.iter().try_for_each(|file| write(scratch, file))?;
    let mut sums = Command::new("md5sum");
    sums.args(files.iter().map(|file| &file.path).filter(|path| !path.starts_with("etc/"))).current_dir(scratch);
    control.push(Entry::file("md5sums", command::output(&mut sums)?));
    for file in &mut control {
        file.path = format!("DEBIAN/{}", file.path);
        write(scratch, file)?;
    }
    // One thread, because the compressed bytes depend on the number of threads.
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Zxz", "--threads-max=1", "--build"]).arg(scratch).arg(package);
    command::output(build.env("SOURCE_DATE_EPOCH", epoch.to_string())).map(drop)
}

/// Returns the files below the root folder, at the places that Debian's policy names.
fn files(contents: &Contents) -> Result<Vec<Entry>> {
    let mut files = vec![Entry::program("usr/bin/ably-auth", contents.binary.clone())];
    for (source, path) in CONFIGURATION {
        files.push(Entry::file(path, read_bytes(Path::new(source))?));
    }
    let unit = read(Path::new(UNIT))?;
    files.push(Entry::file("usr/lib/systemd/system/ably-auth.service", without_setup(&unit)));
    for (source, path) in [
        ("packaging/debian/sysusers.conf", "usr/lib/sysusers.d/ably-auth.conf".to_owned()),
        ("packaging/debian/copyright", format!("{DOCUMENTS}/copyright")),
        ("crates/ably-auth-cli/README.md", format!("{DOCUMENTS}/README.md")),
    ] {
        files.push(Entry::file(path, read_bytes(Path::new(source))?));
    }
    files.push(Entry::file(format!("{DOCUMENTS}/changelog.gz"), gzip(&read_bytes(Path::new("CHANGELOG.md"))?)?));
    for (name, page) in &contents.pages {
        files.push(Entry::file(format!("{PAGES}/{name}.gz"), gzip(page)?));
    }
    for (name, script) in &contents.completions {
        files.push(Entry::file(completion(name), script.clone()));
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Returns the place of a completion script, by its name in the archive.
fn completion(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((program, "bash")) => format!("usr/share/bash-completion/completions/{program}"),
        Some((_, "fish")) => format!("usr/share/fish/vendor_completions.d/{name}"),
        _ => format!("usr/share/zsh/vendor-completions/{name}"),
    }
}

/// Removes the first comment of the unit: the package does what it says.
fn without_setup(unit: &str) -> &str {
    unit.find("[Unit]").and_then(|start| unit.get(start..)).unwrap_or(unit)
}

/// Returns the control file. The binary is static, so there is nothing to depend on.
fn control(version: &str, architecture: &str, kilobytes: usize) -> String {
    format!(
        "Package: ably-auth\nVersion: {version}-1\nArchitecture: {architecture}\nMaintainer: The ably-auth contributors\n\
         Installed-Size: {kilobytes}\nSection: net\nPriority: optional\nSuggests: logrotate, systemd\n\
         Description: Ably authentication: command line and token service\n \
         Inspects, signs, verifies and exchanges Ably credentials, and serves a token\n \
         service that issues and verifies tokens.\n .\n \
         The service does not start by itself: it needs /etc/ably-auth/apps.json first.\n"
    )
}

fn write(root: &Path, file: &Entry) -> Result {
    let path = root.join(&file.path);
    let fault = |error| format!("cannot write `{}`: {error}", path.display());
    let mut folder = root.to_owned();
    for name in Path::new(&file.path).parent().into_iter().flatten() {
        folder.push(name);
        fs::create_dir_all(&folder).map_err(fault)?;
        // The mode must not depend on the umask.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).map_err(fault)?;
    }
    fs::write(&path, &file.bytes).map_err(fault)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(file.mode)).map_err(|error| fault(error).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_file_has_version_and_architecture() {
        let control = control("1.2.3", "arm64", 17);
        let field = |name: &str| control.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        assert_eq!(
            [field("Version"), field("Architecture"), field("Installed-Size")],
            [Some("1.2.3-1"), Some("arm64"), Some("17")]
        );
        assert!(control.ends_with(".\n"), "dpkg-deb refuses a file without a newline at its end");
        assert_eq!(name("1.2.3", "arm64"), "ably-auth_1.2.3-1_arm64.deb");
    }

    #[test]
    fn completions_are_where_shells_look() {
        let paths = crate::dist::contents::COMPLETIONS.map(|(_, name)| completion(name));
        assert_eq!(
            paths,
            [
                "usr/share/bash-completion/completions/ably-auth",
                "usr/share/fish/vendor_completions.d/ably-auth.fish",
                "usr/share/zsh/vendor-completions/_ably-auth"
            ]
        );
    }

    #[test]
    fn unit_of_package_runs_its_program_and_user() {
        let unit = include_str!("../../../deploy/ably-auth.service");
        let packaged = without_setup(unit);
        assert!(packaged.starts_with("[Unit]\n") && packaged.contains("\nExecStart=/usr/bin/ably-auth "));
        assert!(!packaged.contains("useradd"));
        let users = include_str!("../../../packaging/debian/sysusers.conf");
        assert!(packaged.contains("\nUser=ably-auth\n") && users.contains("\nu ably-auth "));
    }
}
