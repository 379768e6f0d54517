//! libFuzzer over one target, which the environment variable `FUZZ_TARGET` names. With `FUZZ_MAX_LEN`, it only prints the
//! longest input of the target.
#![no_main]

use std::sync::OnceLock;

use fuzz::targets::{TARGETS, Target};

static TARGET: OnceLock<&Target> = OnceLock::new();

fn target() -> &'static Target {
    TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        let target = TARGETS.iter().find(|target| target.name == name);
        target.unwrap_or_else(|| panic!("FUZZ_TARGET is `{name}`, not one of {}", names.join(", ")))
    })
}

fn init() {
    if std::env::var_os("FUZZ_MAX_LEN").is_some() {
        println!("{}", target().max_len);
        std::process::exit(0);
    }
}

libfuzzer_sys::fuzz_target!(init: init(), |data: &[u8]| (target().run)(data));
