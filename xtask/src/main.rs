//! The project's own tasks: `cargo xtask help` lists them.

mod api;
mod attack;
mod bench;
mod chaos;
mod command;
mod conformance;
mod cross;
mod embedded;
mod examples;
mod interop;
mod lint;
mod loom;
mod msrv;
mod openapi;
mod package;
mod probe;
mod report;
mod soak;
mod test;
mod tidy;
mod toolchain;
mod vectors;
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
    Task { name: "test", options: &[], about: "every test there is, with totals in the last line", run: test::run },
    Task { name: "lint", options: &[], about: "formatting, clippy, docs, tidy and cargo-deny", run: lint::run },
    Task { name: "tidy", options: &[], about: "the dependency rule and the rules for files", run: tidy::run },
    Task { name: "probe", options: &[], about: "core runs without std, and without an allocator", run: probe::run },
    Task {
        name: "embedded",
        options: &["--accept"],
        about: "core on the metal: firmware in QEMU, its sizes within budget; --accept takes these for the budget",
        run: embedded::run,
    },
    Task {
        name: "cross",
        options: &[],
        about: "core's tests on i686, and on s390x, which is big-endian",
        run: cross::run,
    },
    Task {
        name: "msrv",
        options: &[],
        about: "each crate with Rust 1.85, the oldest that it promises to build with",
        run: msrv::run,
    },
    Task {
        name: "package",
        options: &[],
        about: "what would be published, and a program that is built from it alone",
        run: package::run,
    },
    Task {
        name: "examples",
        options: &[],
        about: "the examples do what their documentation shows; needs curl",
        run: examples::run,
    },
    Task {
        name: "api",
        options: &["--accept"],
        about: "what each library promises is what its public-api.txt lists; --accept lists it anew",
        run: api::run,
    },
    Task { name: "loom", options: &[], about: "the blocking cache in every order of its threads", run: loom::run },
    Task {
        name: "bench",
        options: &["core", "auth", "service", "scale", "--instructions", "--save", "--strict"],
        about: "core's speed, by counting and by the clock, the token caches' or the token service's by the clock, or what the service costs as it grows; --instructions only counts, --save takes the counts for the \
                baseline, --strict fails where the clock says too slow",
        run: bench::run,
    },
    Task {
        name: "chaos",
        options: &["--minutes", "--seconds"],
        about: "kills a service that keeps its promises in a folder, again and again for 1 minute or so many, and holds it to them",
        run: chaos::run,
    },
    Task {
        name: "soak",
        options: &["--minutes", "--seconds"],
        about: "a service at full load for 1 minute or so many, with reloads, revocations and slow clients: what it has in memory, \
                and what it refused without a cause",
        run: soak::run,
    },
    Task {
        name: "attack",
        options: &["--long"],
        about: "attacks on the service, with the memory, CPU time and client latency of each; --long sends more",
        run: attack::run,
    },
    Task {
        name: "conformance",
        options: &["--missing"],
        about: "cases of Ably's test suite that pass with each client; --missing lists those that have no test",
        run: conformance::run,
    },
    Task {
        name: "interop",
        options: &[],
        about: "Ably's own SDKs and our clients against the service, as a matrix; needs node, npm, python3 and the network",
        run: interop::run,
    },
    Task {
        name: "openapi",
        options: &[],
        about: "the service against `docs/openapi.yaml`; needs python3 and the network",
        run: openapi::run,
    },
    Task {
        name: "vectors",
        options: &[],
        about: "makes `tests/vectors/jwt.json` anew; needs node, npm, python3 and the network",
        run: vectors::run,
    },
];

/// What a task has to complain of. Empty when it failed and has already said why.
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
        eprint!("error: there is no task `{name}`; take one of these:\n{}", list());
        return ExitCode::from(2);
    };
    // A number belongs to the option before it; the task itself sees to that.
    let takes_numbers = task.options.contains(&"--minutes");
    let is_known = |option: &String| {
        let is_number = takes_numbers && option.bytes().all(|byte| byte.is_ascii_digit());
        is_number || task.options.contains(&option.as_str())
    };
    if let Some(surplus) = options.iter().find(|option| !is_known(option)) {
        let known = if task.options.is_empty() { "nothing".into() } else { format!("`{}`", task.options.join("`, `")) };
        eprintln!("error: `{name}` does not know `{surplus}`; leave it out, {name} takes {known}");
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

/// All paths in the tasks start at the workspace's root, wherever cargo was called.
fn enter_workspace() -> Result {
    let xtask = env::var_os("CARGO_MANIFEST_DIR").ok_or("started without cargo; run `cargo xtask`")?;
    let root = Path::new(&xtask).parent().ok_or("xtask has no parent folder; run `cargo xtask` in a checkout")?;
    env::set_current_dir(root).map_err(|error| format!("cannot enter `{}`: {error}", root.display()).into())
}
