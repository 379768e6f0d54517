//! The project's tasks; `cargo xtask help` lists them.

mod api;
mod bench;
mod bindings;
mod book;
mod command;
mod cross;
mod dist;
mod embedded;
mod examples;
mod files;
mod fuzz;
mod lint;
mod msrv;
mod mutants;
mod package;
mod packages;
mod report;
mod simulate;
mod suites;
mod test;
mod toolchain;
mod workspace;

use std::process::ExitCode;
use std::{env, fmt, path::Path};

struct Task {
    name: &'static str,
    options: &'static [&'static str],
    about: &'static str,
    run: fn(&[String]) -> Result,
}

const TASKS: &[Task] = &[
    Task { name: "test", options: &[], about: "run all tests, and print totals in the last line", run: test::run },
    Task {
        name: "lint",
        options: &[],
        about: "check formatting, clippy, docs, links, the book, tidy and cargo-deny",
        run: lint::run,
    },
    Task { name: "tidy", options: &[], about: "check dependencies, files and language", run: suites::tidy },
    Task {
        name: "probe",
        options: &[],
        about: "run core without std, with and without an allocator",
        run: suites::probe,
    },
    Task {
        name: "embedded",
        options: &["--accept"],
        about: "run core as firmware in QEMU and check its sizes against the budget; --accept updates the budget",
        run: embedded::run,
    },
    Task { name: "cross", options: &[], about: "run core's tests on i686 and on big-endian s390x", run: cross::run },
    Task { name: "msrv", options: &[], about: "check each crate with Rust 1.85, the minimum version", run: msrv::run },
    Task {
        name: "package",
        options: &[],
        about: "package each crate, and build and run a program from the packages alone",
        run: package::run,
    },
    Task {
        name: "packages",
        options: &[],
        about: "pack the program for npm and PyPI, and run tests of apps with the packages; needs node, npm, python3 and the network",
        run: packages::run,
    },
    Task {
        name: "dist",
        options: &["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", "x86_64-unknown-linux-gnu", "--verify"],
        about: "build the published binaries, archives, Debian packages and images in target/dist, for all targets by default; \
            --verify builds them again in another folder, and compares every byte",
        run: dist::run,
    },
    Task {
        name: "examples",
        options: &[],
        about: "run the examples, and compare their output with their documentation; needs curl",
        run: examples::run,
    },
    Task {
        name: "bindings",
        options: &["javascript", "python", "c", "--bench"],
        about: "build and test the packages for other languages, or only the named ones; --bench measures them instead; \
            needs chromium, node, npm, php, python3 and the network",
        run: bindings::run,
    },
    Task { name: "book", options: &[], about: "build the guide as a book, with its explorer", run: book::run },
    Task {
        name: "api",
        options: &["--accept"],
        about: "compare each library's public API with its public-api.txt; --accept updates the file",
        run: api::run,
    },
    Task {
        name: "loom",
        options: &[],
        about: "check the blocking cache in every interleaving of its threads",
        run: suites::loom,
    },
    Task {
        name: "bench",
        options: &["core", "auth", "service", "scale", "realtime", "build", "--instructions", "--save", "--strict"],
        about: "benchmark core, the token caches (auth), the service, the service's cost as it grows (scale), its realtime \
            connections, or the build of the program from nothing; --instructions only counts, for core and the service, --save updates the baseline, --strict fails if \
            it is too slow",
        run: bench::run,
    },
    Task {
        name: "simulate",
        options: &["VALUE", "--replay", "--bugs"],
        about: "run services, stores and clients on virtual time with faults, for 2000 seeds by default; --replay SEED \
            prints one run; --bugs puts each known bug into the product and checks that it is found",
        run: simulate::run,
    },
    Task {
        name: "chaos",
        options: &["--minutes", "--seconds"],
        about: "kill a service on a folder repeatedly, for 1 minute by default; check that no confirmed data is lost",
        run: suites::chaos,
    },
    Task {
        name: "soak",
        options: &["--minutes", "--seconds"],
        about: "run a service at full load, for 1 minute by default, with reloads, revocations and slow \
            clients; check its memory and its responses",
        run: suites::soak,
    },
    Task {
        name: "attack",
        options: &["--long"],
        about: "attack the service; print memory, CPU time and client latency of each attack; --long sends more",
        run: suites::attack,
    },
    Task {
        name: "fuzz",
        options: &["SECONDS", "TARGET", "--merge"],
        about: "fuzz each target of tests/fuzz, or only the named ones, for 60 s; 0 s only runs the committed inputs, as a test; \
            --merge commits the inputs that were found here; needs c++",
        run: fuzz::run,
    },
    Task {
        name: "mutants",
        options: &["--in-diff", "--shard", "FILE"],
        about: "change the code that decides about credentials in small ways, and check that a test notices each change; \
            --in-diff REF changes only what differs from a branch or commit, --shard K/N only a part, FILE only that file",
        run: mutants::run,
    },
    Task {
        name: "conformance",
        options: &[],
        about: "run the cases of Ably's test suite with each client",
        run: suites::conformance,
    },
    Task {
        name: "interop",
        options: &[],
        about: "run Ably's SDKs and our clients against the service; needs node, npm, python3 and the network",
        run: suites::interop,
    },
    Task {
        name: "browser",
        options: &["--screenshots"],
        about: "test the console and the guide's explorer in Chromium, with npm's `ably`; --screenshots renews the images of \
            the guide; needs chromium, node, npm and the network",
        run: suites::browser,
    },
    Task {
        name: "openapi",
        options: &[],
        about: "test the service against `docs/openapi.yaml`; needs python3 and the network",
        run: suites::openapi,
    },
    Task {
        name: "vectors",
        options: &[],
        about: "regenerate `tests/vectors/jwt.json`; needs node, npm, python3 and the network",
        run: suites::vectors,
    },
];

/// Error messages of a task. Empty if the task has already printed them.
#[derive(Debug)]
struct Complaints(Vec<String>);

type Result<T = ()> = std::result::Result<T, Complaints>;

impl<T: Into<String>> From<T> for Complaints {
    fn from(complaint: T) -> Self {
        Self(vec![complaint.into()])
    }
}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|complaint| writeln!(f, "error: {complaint}"))
    }
}

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "help".into());
    let options: Vec<String> = args.collect();
    if name == "help" || name == "--help" {
        print!("{}", list());
        return ExitCode::SUCCESS;
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprint!("error: unknown task `{name}`; the tasks are:\n{}", list());
        return ExitCode::from(2);
    };
    // A number is the value of the option before it; the task checks that, and other words.
    let takes_numbers = task.options.contains(&"--minutes");
    let takes_words = task.options.iter().any(|option| ["FILE", "TARGET", "VALUE"].contains(option));
    let is_known = |option: &String| {
        let is_number = takes_numbers && option.bytes().all(|byte| byte.is_ascii_digit());
        takes_words && !option.starts_with("--") || is_number || task.options.contains(&option.as_str())
    };
    if let Some(surplus) = options.iter().find(|option| !is_known(option)) {
        let known = if task.options.is_empty() { "nothing".into() } else { format!("`{}`", task.options.join("`, `")) };
        eprintln!("error: unknown option `{surplus}` of `{name}`; it takes {known}");
        return ExitCode::from(2);
    }
    match enter_workspace().and_then(|()| (task.run)(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaints) => {
            eprint!("{complaints}");
            ExitCode::FAILURE
        }
    }
}

fn list() -> String {
    TASKS.iter().map(|task| format!("  cargo xtask {:12} {}\n", task.name, task.about)).collect()
}

/// Changes to the workspace's root, which all paths in the tasks are relative to.
fn enter_workspace() -> Result {
    let xtask = env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set; run `cargo xtask`")?;
    let root = Path::new(&xtask).parent().ok_or("xtask has no parent folder; run `cargo xtask` in a checkout")?;
    env::set_current_dir(root).map_err(|error| format!("cannot enter `{}`: {error}", root.display()).into())
}
