//! The published artefacts: binaries, archives, Debian packages, images, bills of materials and checksums.
//!
//! All are in `target/dist`, and contain the same bytes on every machine and in every folder.

mod archive;
mod compile;
mod contents;
mod debian;
mod image;
mod inspect;
mod sbom;
mod target;
mod tools;
mod verify;

use std::env;
use std::path::PathBuf;
use std::process::Command;

use sha2::{Digest as _, Sha256};

use self::contents::Contents;
use self::image::Image;
use self::sbom::Sources;
use self::target::Target;
use self::tools::Tools;
use crate::files::{copy, empty_folder, read_bytes, write};
use crate::report::Stopwatch;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{Result, bindings, command, packages};

const CLI: &str = "ably-auth-cli";
const PROGRAM: &str = "ably-auth";
const SUMS: &str = "SHA256SUMS";

pub(crate) fn run(options: &[String]) -> Result {
    let workspace = Workspace::load()?;
    let toolchain = Toolchain::open()?;
    let targets = Target::select(options);
    let epoch = epoch()?;
    let mut dist = Dist {
        tools: Tools::open(&workspace.target_directory)?,
        folder: workspace.target_directory.join("dist"),
        scratch: workspace.target_directory.join("dist-build/scratch"),
        version: workspace.version(CLI)?.to_owned(),
        toolchain: &toolchain,
        workspace: &workspace,
        epoch,
        watch: Stopwatch::start(),
        made: Vec::new(),
        images: Vec::new(),
    };
    empty_folder(&dist.folder)?;
    targets.iter().try_for_each(|target| dist.make(target))?;
    dist.make_packages(&targets)?;
    if dist.images.len() > 1 {
        let image = image::pack_all(&dist.images, &dist.version, epoch)?;
        dist.write(&image::name(&dist.version, None), &image)?;
    }
    dist.finish()?;
    if options.iter().any(|option| option == "--verify") {
        verify::run(&targets, &workspace, &toolchain, epoch)?;
        println!("a second build in another folder has the same bytes");
    }
    Ok(())
}

struct Dist<'a> {
    workspace: &'a Workspace,
    toolchain: &'a Toolchain,
    tools: Tools,
    folder: PathBuf,
    scratch: PathBuf,
    version: String,
    /// The modification time of all files in archives, in seconds since 1970.
    epoch: u64,
    watch: Stopwatch,
    made: Vec<Made>,
    images: Vec<Image>,
}

/// A file that was made, for the table and the checksums.
struct Made {
    name: String,
    size: usize,
    seconds: f64,
    sum: String,
}

impl Dist<'_> {
    /// Makes all files of a target, and checks the binary.
    fn make(&mut self, target: &Target) -> Result {
        let built = compile::run(target, &self.tools, self.toolchain, self.workspace, self.epoch)?;
        inspect::run(&built, target, self.workspace)?;
        let name = format!("{}/{PROGRAM}", target.triple);
        self.write(&name, &read_bytes(&built)?)?;
        let binary = self.folder.join(&name);
        copy(&built, &binary)?;
        inspect::try_out(&binary, target, self.toolchain, &self.version)?;

        let contents = Contents::gather(&binary, target, self.toolchain, &self.scratch)?;
        let packed = archive::pack(&contents, target, &self.version, self.epoch)?;
        self.write(&archive::name(target, &self.version), &packed)?;
        if let Some(architecture) = target.packaged {
            let name = debian::name(&self.version, architecture);
            let package = self.folder.join(&name);
            debian::pack(&contents, &self.version, architecture, self.epoch, &self.scratch.join("debian"), &package)?;
            self.note(&name, &read_bytes(&package)?);
            let image = Image::new(&contents, &self.version, architecture, self.epoch)?;
            // An emulated program would need the emulator in the image.
            if target.emulator.is_none() {
                image.try_out(&self.scratch.join("image"))?;
            }
            let packed = image.pack(&self.version, self.epoch)?;
            self.write(&image::name(&self.version, Some(architecture)), &packed)?;
            self.images.push(image);
        }
        let sources = Sources { rust: &self.toolchain.version()?, zig: &self.tools.version()? };
        let materials = sbom::write(target, &sources, self.epoch)?;
        self.write(&sbom::name(target, &self.version), &materials)
    }

    /// Makes the packages for npm and PyPI: of the program, and of the rules for other languages.
    fn make_packages(&mut self, targets: &[&Target]) -> Result {
        let is_packaged = |target: &&&Target| target.packaged.is_some();
        let architecture = |target: &Target| target.triple.split('-').next().unwrap_or_default();
        let program = |target: &&Target| (architecture(target), self.folder.join(target.triple).join(PROGRAM));
        let programs: Vec<_> = targets.iter().filter(is_packaged).map(program).collect();
        let mut packed = packages::pack_all(&programs, &self.scratch.join("packages"), self.epoch)?;
        packed.extend(bindings::packed()?);
        for path in packed {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.write(&name, &read_bytes(&path)?)?;
        }
        Ok(())
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result {
        write(&self.folder.join(name), bytes)?;
        self.note(name, bytes);
        Ok(())
    }

    fn note(&mut self, name: &str, bytes: &[u8]) {
        let made = Made { name: name.into(), size: bytes.len(), seconds: self.watch.lap(), sum: sha256(bytes) };
        self.made.push(made);
    }

    /// Writes the checksums, and prints the table.
    fn finish(&mut self) -> Result {
        self.made.sort_by(|one, other| one.name.cmp(&other.name));
        let sums: String = self.made.iter().map(|made| format!("{}  {}\n", made.sum, made.name)).collect();
        write(&self.folder.join(SUMS), sums)?;
        println!("\n{:52} {:>11} {:>8}", "file in target/dist", "bytes", "seconds");
        for Made { name, size, seconds, .. } in &self.made {
            println!("{name:52} {size:>11} {seconds:>8.1}");
        }
        Ok(())
    }
}

/// Returns the time of the sources, in seconds since 1970: `SOURCE_DATE_EPOCH`, or the time of the last commit.
pub(crate) fn epoch() -> Result<u64> {
    let text = match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => command::output(Command::new("git").args(["log", "-1", "--format=%ct"]))?,
    };
    let text = text.trim();
    text.parse().map_err(|_| format!("invalid SOURCE_DATE_EPOCH: `{text}` is not a number of seconds").into())
}

/// Formats seconds since 1970 as the date and time in UTC.
fn rfc3339(epoch: u64) -> String {
    let (days, seconds) = (epoch / 86_400, epoch % 86_400);
    // Years begin in March, so that the leap day is the last day.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year) } else { (month - 9, year + 1) };
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", year + 400 * era)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_formatted_in_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn checksum_is_in_hexadecimal() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
