//! Files of the journal of used nonces, encoded here from their description. All frames are read; a file that ends early
//! gives its whole frames; and no byte of a frame that others follow can change unnoticed.
//!
//! The first byte selects raw bytes, or the damage of a valid file.

use sha2::{Digest as _, Sha256};

use crate::choices::Choices;
use crate::doors::journal;
use crate::memory::Bound;

/// A frame of 20 bytes and the body takes a struct, in a vector that grows by doubling.
const MEMORY: Bound = Bound { fixed: 8 * 1024, factor: 16 };

const MAGIC: &[u8; 16] = b"used nonces, v1\n";
const SALT: [u8; 16] = *b"salt of the fuzz";

fn checksum(at: usize, body: &[u8]) -> Vec<u8> {
    let digest = Sha256::new().chain_update(SALT).chain_update((at as u64).to_le_bytes()).chain_update(body).finalize();
    digest[..16].to_vec()
}

pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let damage = choices.below(6);
    if damage == 0 {
        let bytes = choices.rest();
        let _ = MEMORY.check(bytes.len(), || journal(bytes));
        // The same bytes as the content of a frame with the right checksum.
        let file = with_frame(head(), bytes);
        let _ = MEMORY.check(file.len(), || journal(&file));
        return;
    }
    let (mut file, mut frames, mut ends) = (head(), Vec::new(), Vec::new());
    for _ in 0..choices.below(5) {
        let (body, frame) = body(&mut choices);
        file = with_frame(file, &body);
        frames.push(frame);
        ends.push(file.len());
    }
    let place = usize::from(choices.byte()) << 8 | usize::from(choices.byte());
    let whole = file.len();
    let at = place % whole;
    let before_last = ends.iter().rev().nth(1).copied().unwrap_or(head().len());
    match damage {
        1 => {
            file.resize(whole + place % 300, 0);
            assert_eq!(journal(&file).as_ref(), Ok(&frames));
        }
        2 => {
            file.truncate(at);
            let whole_frames = ends.iter().filter(|end| **end <= at).count();
            assert_eq!(journal(&file).as_deref(), Ok(&frames[..whole_frames]), "cut off at {at}");
        }
        3 => {
            file[at] ^= choices.byte().max(1);
            match journal(&file) {
                Err(damaged) => assert!(damaged <= at, "{damaged} is reported, and {at} was changed"),
                Ok(found) => {
                    assert!(at >= before_last || frames.is_empty(), "the change at {at} is not noticed");
                    assert_eq!(found, frames[..frames.len().saturating_sub(1)]);
                }
            }
        }
        4 => {
            let copied = file[at..].to_vec();
            file.extend(&copied);
            // The copy after the last frame counts as an unfinished frame, or as damage.
            if let Ok(found) = journal(&file) {
                assert_eq!(found, frames);
            }
        }
        _ => {
            let end = (at + choices.below(64)).min(whole);
            let original = file.clone();
            file[at..end].fill(0);
            let is_changed = |place: &usize| file[*place] != original[*place];
            let (Some(from), Some(to)) = ((at..end).find(is_changed), (at..end).rfind(is_changed)) else { return };
            if let Ok(found) = journal(&file) {
                // Damaged frames that no whole one follows count as unfinished: the pairing with the database notices them.
                let first = ends.iter().filter(|end| **end <= from).count();
                let begins = |frame: usize| if frame == 0 { head().len() } else { ends[frame - 1] };
                let is_whole = |frame: usize| begins(frame) > to;
                assert!(found == frames || found == frames[..first], "{found:?} of {frames:?}");
                assert!(found == frames || !(first..frames.len()).any(is_whole), "a frame after the damage is lost");
            }
        }
    }
}

fn head() -> Vec<u8> {
    let end_before = 0_u64;
    let check = checksum(0, MAGIC);
    [&MAGIC[..], &SALT, &end_before.to_le_bytes(), &check].concat()
}

fn with_frame(mut file: Vec<u8>, body: &[u8]) -> Vec<u8> {
    let check = checksum(file.len(), body);
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(check);
    file.extend(body);
    file
}

/// Returns the body of a frame, with its time and the number of its nonces.
fn body(choices: &mut Choices<'_>) -> (Vec<u8>, (u64, usize)) {
    let kind = 2 + choices.below(3);
    let latest = u64::from(choices.byte()) << choices.below(56);
    let mut body = vec![kind as u8];
    body.extend(latest.to_le_bytes());
    body.extend(u64::from(choices.byte()).to_le_bytes());
    body.extend(u64::from(choices.byte()).to_le_bytes());
    let count = choices.below(4);
    let (words, nonces) = match kind {
        2 => (3 * count, count),
        3 => (1, 0),
        _ => (1 + 2 * count, 0),
    };
    for _ in 0..words {
        body.extend((u64::from(choices.byte()) << choices.below(56)).to_le_bytes());
    }
    (body, (latest, nonces))
}
