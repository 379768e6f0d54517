//! Semihosting calls to the debugger, which QEMU emulates: text output and an exit status.

use core::panic::PanicInfo;

const WRITE0: usize = 0x04;
const EXIT: usize = 0x18;
/// The reason for a successful end (ADP_Stopped_ApplicationExit). Any other reason is a failure.
const APPLICATION_EXIT: usize = 0x2_0026;

/// Makes a semihosting call. If `argument` points to a text, the text must end in a NUL.
fn call(operation: usize, argument: usize) {
    #[cfg(target_arch = "arm")]
    // SAFETY: the debugger returns its result in r0 and changes nothing else, except as the operation defines.
    unsafe {
        core::arch::asm!("bkpt 0xab", inlateout("r0") operation => _, in("r1") argument);
    }
    #[cfg(target_arch = "riscv32")]
    // SAFETY: as above, with a0. The debugger recognizes the three instructions only if they are uncompressed and
    // adjacent.
    unsafe {
        core::arch::asm!(
            ".balign 16", ".option push", ".option norvc",
            "slli zero, zero, 0x1f", "ebreak", "srai zero, zero, 7",
            ".option pop",
            inlateout("a0") operation => _, in("a1") argument,
        );
    }
}

/// Writes text without `core::fmt`, which takes 12 KB.
pub fn write(text: &str) {
    for byte in text.bytes() {
        let piece = [byte, 0];
        call(WRITE0, core::ptr::from_ref(&piece).addr());
    }
}

/// Writes a number in decimal.
pub fn write_number(number: usize) {
    if number >= 10 {
        write_number(number / 10);
    }
    let digit = b'0' + (number % 10) as u8;
    let piece = [digit, 0];
    call(WRITE0, core::ptr::from_ref(&piece).addr());
}

/// Ends QEMU, with status 0 for success and 1 for failure.
pub fn exit(well: bool) -> ! {
    call(EXIT, if well { APPLICATION_EXIT } else { 0 });
    loop {}
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(false)
}
