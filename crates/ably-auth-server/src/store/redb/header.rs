//! The header of the database file, which has no checksum of its own.
//!
//! redb trusts the sizes in the header. It panics if the file is shorter than they say, and allocates memory for them.
#![allow(clippy::result_large_err, reason = "`redb::Error` is large, but these functions are not hot")]

use std::io::{Read as _, Seek as _, SeekFrom};

use redb::StorageBackend;

use super::files::File;
use super::guard::Fault;

const HEADER_BYTES: usize = 64;
const MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";
/// The offset of the flags, after the magic bytes.
const FLAGS: u64 = 9;
/// The flag that selects which of the two slots holds the last commit.
const SLOT: u8 = 1;
/// The flag of a database that was not closed.
const NEEDS_RECOVERY: u8 = 2;
/// The offset of the two slots, the size of a slot, and the offset of the number of the commit in it.
const SLOTS: u64 = 64;
const SLOT_BYTES: u64 = 128;
const COMMIT: u64 = 104;
/// The offset of the sizes, after the flags and two unused bytes.
const SIZES: usize = 12;

const PAGE_BYTES: u64 = 4096;
/// The maximum number of pages that redb puts into a region, which is 4 GiB.
const MAX_REGION_PAGES: u64 = 1 << 20;
/// The maximum number of pages in a region's header, which holds a few bits for each page of the region.
const MAX_REGION_HEADER_PAGES: u64 = 1 << 10;

/// Refuses a file that is shorter than its header says, or whose header redb could not have written. Returns the flags.
pub(super) fn check(file: &mut File) -> Result<u8, Fault> {
    let length = file.metadata()?.len();
    let mut header = Vec::new();
    file.by_ref().take(u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX)).read_to_end(&mut header)?;
    file.seek(SeekFrom::Start(0))?;
    if !header.starts_with(MAGIC) {
        return Err(Fault::Corrupted("it is not a database".into()));
    }
    let Some(expected) = expected_length(&header) else {
        return Err(Fault::Corrupted("its header has changed".into()));
    };
    if length < expected {
        return Err(Fault::Corrupted(format!("the file is truncated to {length} of at least {expected} bytes")));
    }
    let flags = usize::try_from(FLAGS).ok().and_then(|at| header.get(at).copied());
    flags.ok_or_else(|| Fault::Corrupted("its header has changed".into()))
}

/// Makes redb verify the slots' checksums on opening, which it does not do for a database that was closed.
pub(super) fn demand_recovery(file: &impl StorageBackend, flags: u8) -> Result<(), Fault> {
    Ok(file.write(FLAGS, &[flags | NEEDS_RECOVERY])?)
}

/// Returns the number of the commit in the slot that the header selects.
pub(super) fn last_commit(file: &impl StorageBackend) -> Result<u64, Fault> {
    let [flags] = read(file, FLAGS)?;
    let slot = if flags & SLOT == 0 { SLOTS } else { SLOTS.saturating_add(SLOT_BYTES) };
    Ok(u64::from_le_bytes(read(file, slot.saturating_add(COMMIT))?))
}

/// Returns true if redb went back to an earlier commit on opening, although the database was closed. `before` is the number of
/// the last commit before opening.
///
/// A database that was closed after a failed write lacks the list of its free pages. redb then makes one more commit on
/// opening. After going back, that commit has a number that was in use before.
pub(super) fn has_gone_back(file: &impl StorageBackend, flags: u8, before: u64) -> Result<bool, Fault> {
    let [now] = read(file, FLAGS)?;
    Ok(flags & NEEDS_RECOVERY == 0 && (now ^ flags) & SLOT != 0 && last_commit(file)? <= before)
}

fn read<const N: usize>(file: &impl StorageBackend, at: u64) -> Result<[u8; N], Fault> {
    let bytes = file.read(at, N)?;
    bytes.first_chunk().copied().ok_or_else(|| Fault::Corrupted("its header is cut".into()))
}

fn expected_length(header: &[u8]) -> Option<u64> {
    let mut sizes = header.get(SIZES..)?.chunks_exact(4).map_while(|size| size.try_into().ok().map(u32::from_le_bytes));
    let mut next = || sizes.next().map(u64::from);
    let (page, header_pages, region_pages) = (next()?, next()?, next()?);
    let (full_regions, trailing_pages) = (next()?, next()?);
    let is_known = page == PAGE_BYTES
        && header_pages <= MAX_REGION_HEADER_PAGES
        && (1..=MAX_REGION_PAGES).contains(&region_pages)
        && trailing_pages <= region_pages
        && (full_regions > 0 || trailing_pages > 0);
    let trailing = if trailing_pages > 0 { header_pages.checked_add(trailing_pages)? } else { 0 };
    let full = full_regions.checked_mul(header_pages.checked_add(region_pages)?)?;
    let pages = full.checked_add(trailing)?.checked_add(1)?;
    is_known.then_some(pages.checked_mul(PAGE_BYTES)?)
}
