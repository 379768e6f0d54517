//! The only source of randomness.

use std::cell::RefCell;

use zeroize::Zeroize as _;

use crate::error::{Error, ErrorKind};

/// The number of random bytes that are read from the system at once. A system call for each token would take as long as
/// sealing it.
const BUFFER_BYTES: usize = 1024;

/// Random bytes that were read from the system. Bytes that were returned are overwritten with zeros.
struct Buffer {
    bytes: [u8; BUFFER_BYTES],
    left: usize,
}

thread_local! {
    static BUFFER: RefCell<Buffer> = const { RefCell::new(Buffer { bytes: [0; BUFFER_BYTES], left: 0 }) };
}

/// Returns `N` bytes of the system's cryptographic generator; `N` is at most 1024.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    const { assert!(N <= BUFFER_BYTES, "more bytes than the buffer holds") };
    BUFFER.with_borrow_mut(|buffer| {
        let mut output = [0; N];
        if buffer.left < N {
            getrandom::fill(&mut buffer.bytes).map_err(random_error)?;
            buffer.left = BUFFER_BYTES;
        }
        let from = buffer.left.saturating_sub(N);
        if let Some(taken) = buffer.bytes.get_mut(from..buffer.left) {
            output.copy_from_slice(taken);
            taken.zeroize();
        }
        buffer.left = from;
        Ok(output)
    })
}

fn random_error(error: getrandom::Error) -> Error {
    let message = "the system has no random numbers; fix the cause, then restart the service";
    Error::new(ErrorKind::Random, message).because(error)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn bytes_are_returned_once() {
        let output: HashSet<[u8; 40]> = (0..1_000).map(|_| bytes().unwrap()).collect();
        assert_eq!(output.len(), 1_000);
        assert!(!output.contains(&[0; 40]));
        let whole = bytes::<BUFFER_BYTES>().unwrap();
        assert!(whole.chunks(40).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
    }
}
