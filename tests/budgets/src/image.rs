//! The size of a linked image.

/// Sizes in bytes.
#[derive(Debug, PartialEq)]
pub(crate) struct Image {
    /// Code, constants and the initial values of variables. Excludes the interrupt vectors, whose number depends on the
    /// chip.
    pub flash: u64,
    /// Variables.
    pub ram: u64,
}

/// Parts of mangled function names that must not be in an image, and what each of them stands for.
const UNWANTED: &[(&str, &str)] =
    &[("__rust_alloc", "an allocator"), ("4core3fmt", "`core::fmt`, which is 12 KB of code"), PANIC];
const PANIC: (&str, &str) = ("4core9panicking", "a call that can panic");

/// Returns the unwanted parts that the image has. `may_check` permits panics: base64 with a variable length has bounds
/// checks that the compiler cannot remove.
pub(crate) fn unwanted(image: &[u8], may_check: bool) -> Vec<&'static str> {
    let has = |name: &str| image.windows(name.len()).any(|window| window == name.as_bytes());
    let unwanted = UNWANTED.iter().filter(|sign| !(may_check && **sign == PANIC));
    unwanted.filter(|(name, _)| has(name)).map(|(_, what)| *what).collect()
}

/// Measures an ELF file for 32 bits or a WebAssembly module.
pub(crate) fn measure(image: &[u8]) -> Option<Image> {
    match image.get(..4)? {
        b"\x7fELF" => elf(image),
        b"\0asm" => wasm(image.get(8..)?),
        _ => None,
    }
}

const SECTION_NO_BITS: u32 = 8;
const SECTION_WRITE: u32 = 1;
const SECTION_ALLOCATE: u32 = 2;

fn elf(image: &[u8]) -> Option<Image> {
    let (start, size) = (word(image, 32)?, half(image, 46)?);
    let section = |index: usize| Some(usize::try_from(start).ok()? + usize::from(size) * index);
    let names = usize::try_from(word(image, section(half(image, 50)?.into())? + 16)?).ok()?;
    let mut measured = Image { flash: 0, ram: 0 };
    for index in 0..half(image, 48)? {
        let at = section(index.into())?;
        let (kind, flags, size) = (word(image, at + 4)?, word(image, at + 8)?, word(image, at + 20)?);
        let name = image.get(names + usize::try_from(word(image, at)?).ok()?..)?.split(|&byte| byte == 0).next()?;
        if flags & SECTION_ALLOCATE == 0 || matches!(name, b".vector_table" | b".stack" | b".heap") {
            continue;
        }
        if kind != SECTION_NO_BITS {
            measured.flash += u64::from(size);
        }
        if flags & SECTION_WRITE != 0 {
            measured.ram += u64::from(size);
        }
    }
    Some(measured)
}

fn half(image: &[u8], at: usize) -> Option<u16> {
    image.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn word(image: &[u8], at: usize) -> Option<u32> {
    image.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// Measures a module: all sections except custom ones, which hold debug names, and the memory, stack and constants
/// included.
fn wasm(mut module: &[u8]) -> Option<Image> {
    const CUSTOM: u8 = 0;
    const MEMORY: u8 = 5;
    const PAGE: u64 = 64 * 1024;
    let mut measured = Image { flash: 0, ram: 0 };
    while let Some((&id, rest)) = module.split_first() {
        let (size, rest) = number(rest)?;
        let (content, rest) = rest.split_at_checked(usize::try_from(size).ok()?)?;
        if id != CUSTOM {
            measured.flash += size;
        }
        if id == MEMORY {
            // The number of memories, the kind of the limits, and the minimum number of pages.
            measured.ram = number(content.get(2..)?)?.0 * PAGE;
        }
        module = rest;
    }
    Some(measured)
}

/// Parses a LEB128 number: seven bits a byte, lowest first; all bytes except the last have the highest bit set.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes.iter().take(9).position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at_checked(length)?;
    Some((number.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_is_measured_without_custom_sections() {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([5, 3, 1, 0, 2]); // memory: two pages
        module.extend([10, 0x81, 0x01]); // code: 129 bytes
        module.extend([0; 129]);
        module.extend(b"\0\x05\x04name"); // a custom section
        assert_eq!(measure(&module), Some(Image { flash: 132, ram: 2 * 65536 }));
    }

    #[test]
    fn elf_sections_count_by_kind() {
        let names = b"\0.text\0.bss\0.stack\0.vector_table\0.comment\0";
        let offset = |name: &str| names.windows(name.len()).position(|at| at == name.as_bytes()).unwrap() as u32;
        // Name, kind, flags and size; the first section holds the names.
        let sections = [
            [0, 3, 0, names.len() as u32],
            [offset(".text"), 1, 6, 1000],
            [offset(".bss"), 8, 3, 24],
            [offset(".stack"), 8, 3, 4096],
            [offset(".vector_table"), 1, 2, 1024],
            [offset(".comment"), 1, 0, 50],
        ];
        let mut image = b"\x7fELF".to_vec();
        image.resize(52, 0);
        image.extend(names);
        image[32..36].copy_from_slice(&(52 + names.len() as u32).to_le_bytes());
        image[46..48].copy_from_slice(&40_u16.to_le_bytes());
        image[48..50].copy_from_slice(&(sections.len() as u16).to_le_bytes());
        for [name, kind, flags, size] in sections {
            for field in [name, kind, flags, 0, 52, size, 0, 0, 0, 0] {
                image.extend(field.to_le_bytes());
            }
        }
        assert_eq!(measure(&image), Some(Image { flash: 1000, ram: 24 }));
    }

    #[test]
    fn file_of_other_kind_is_not_measured() {
        assert_eq!(measure(b"\x7fELF"), None);
        assert_eq!(measure(b"#!/bin/sh\n"), None);
    }

    #[test]
    fn formatting_and_panics_are_found() {
        assert_eq!(unwanted(b"_ZN11firmware4mainE", false), [] as [&str; 0]);
        assert_eq!(unwanted(b"\0_ZN4core3fmt5write17h\0", true).len(), 1);
        assert_eq!(unwanted(b"_ZN4core9panicking9panic_fmt", false), ["a call that can panic"]);
        assert_eq!(unwanted(b"_ZN4core9panicking9panic_fmt", true), [] as [&str; 0]);
    }
}
