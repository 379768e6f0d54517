//! Tasks that only run tests or a program of `tests`, with the options that it needs.

use crate::workspace::Workspace;
use crate::{Result, book, command};

/// Rules of the project that the compiler does not check.
pub(crate) fn tidy(_: &[String]) -> Result {
    command::run(&mut command::cargo(["test", "--quiet", "--package", "tidy", "--", "--show-output"]))
}

/// The cases of Ably's test suite.
pub(crate) fn conformance(_: &[String]) -> Result {
    let tests = ["test", "--package", "ably-auth-tests", "--test", "conformance", "--test", "realtime"];
    command::run(&mut command::cargo(tests))
}

/// Kills a service on a folder repeatedly.
pub(crate) fn chaos(options: &[String]) -> Result {
    endurance("chaos", options)
}

/// Runs a service at full load.
pub(crate) fn soak(options: &[String]) -> Result {
    endurance("soak", options)
}

fn endurance(test: &str, options: &[String]) -> Result {
    let mut run = command::cargo(["test", "--quiet", "--locked", "--package", "endurance", "--test", test, "--"]);
    command::run(run.args(options))
}

/// Attacks on the service, with the memory, the CPU time and the latency that each causes.
pub(crate) fn attack(options: &[String]) -> Result {
    let test = ["test", "--quiet", "--locked", "--release", "--package", "ably-auth-cli", "--test", "attack"];
    let mut attacks = command::cargo(test);
    attacks.args(["--", "--nocapture", "--test-threads=1"]);
    if options.iter().any(|option| option == "--long") {
        attacks.env("ABLY_AUTH_ATTACK", "long");
    }
    command::run(&mut attacks)
}

/// Model checking of the blocking cache: every interleaving of its threads.
pub(crate) fn loom(_: &[String]) -> Result {
    let mut tests = command::cargo(["test", "--locked", "--package", "loom-model", "--target-dir"]);
    // `cfg(loom)` builds all crates with loom's locks instead of the standard library's.
    command::run(tests.arg(Workspace::load()?.target_directory.join("loom")).env("RUSTFLAGS", "--cfg loom"))
}

/// Core without an operating system, with and without an allocator.
///
/// `tests/targets/no-std` links core into a program with its own panic handler. If a dependency used std, the program would
/// have two panic handlers; if one used `alloc`, it would lack an allocator. The compiler refuses both. It cannot see a
/// crate that avoids std on this host only; `tests/tidy/weight.rs` has the list that guards against those.
pub(crate) fn probe(_: &[String]) -> Result {
    let target = Workspace::load()?.target_directory.join("no-std-probe");
    for features in [&[][..], &["--features", "alloc"]] {
        let mut probe = command::cargo(["run", "--release", "--manifest-path", "tests/targets/no-std/Cargo.toml"]);
        command::run(probe.args(features).arg("--target-dir").arg(&target))?;
    }
    println!("core parses a key and signs without std, with and without an allocator");
    Ok(())
}

/// Builds `ably-auth` and all examples, with the options of the tests, so that nothing is built twice.
pub(crate) fn build_programs() -> Result {
    let build = ["build", "--quiet", "--locked", "--workspace", "--all-features", "--examples", "--bin", "ably-auth"];
    command::run(&mut command::cargo(build))
}

/// Ably's SDKs and our clients with the service.
pub(crate) fn interop(_: &[String]) -> Result {
    build_programs()?;
    others("sdks", &[])
}

/// The service against its description.
pub(crate) fn openapi(_: &[String]) -> Result {
    build_programs()?;
    others("openapi", &[])
}

/// The console and the guide's explorer in a browser.
pub(crate) fn browser(options: &[String]) -> Result {
    book::run(&[])?;
    build_programs()?;
    others("browser", options)
}

/// The test vectors, made with other implementations.
pub(crate) fn vectors(_: &[String]) -> Result {
    others("vectors", &[])
}

pub(crate) fn others(task: &str, options: &[String]) -> Result {
    command::run(command::cargo(["run", "--quiet", "--package", "interop", "--", task]).args(options))
}
