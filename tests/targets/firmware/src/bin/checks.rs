//! Runs every function of core that needs no heap. Prints one line for each check: `ok <peak stack> <name>`.

#![no_std]
#![no_main]

use firmware::checks::ALL;
use firmware::semihosting::{exit, write, write_number};
use firmware::stack::measure;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let mut well = true;
    for check in ALL {
        let (right, peak) = measure(check.run);
        write(if right { "ok " } else { "FAILED " });
        write_number(peak);
        write(" ");
        write(check.name);
        write("\n");
        well &= right;
    }
    exit(well)
}
