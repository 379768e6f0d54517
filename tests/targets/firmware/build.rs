//! Gives the linker the memory layout of the target machine.

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
        // The Cortex-M runtime includes memory.x itself.
        if target.starts_with("riscv") {
            println!("cargo:rustc-link-arg-bins=-Tmemory.x");
        }
        println!("cargo:rustc-link-arg-bins=-Tlink.x");
    }
    Ok(())
}
