//! Tells the linker where the target's machine has its memory.

use std::path::Path;
use std::{env, error, fs};

fn main() -> Result<(), Box<dyn error::Error>> {
    let target = env::var("TARGET")?;
    let machine = format!("memory/{target}.x");
    println!("cargo:rerun-if-changed=memory");
    if Path::new(&machine).exists() {
        let out = env::var("OUT_DIR")?;
        fs::copy(machine, Path::new(&out).join("memory.x"))?;
        println!("cargo:rustc-link-search={out}");
        // The runtime of Cortex-M reads memory.x by itself.
        if target.starts_with("riscv") {
            println!("cargo:rustc-link-arg-bins=-Tmemory.x");
        }
        println!("cargo:rustc-link-arg-bins=-Tlink.x");
    }
    Ok(())
}
