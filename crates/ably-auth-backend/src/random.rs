//! The only source of random numbers.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use ably_auth_core::Nonce;
use zeroize::Zeroize as _;

use crate::refusal::Refusal;

/// The number of random bytes that are read from the system at once. A system call for each nonce or token would take as
/// long as signing or sealing it.
const BUFFER_BYTES: usize = 1024;

/// Random bytes that were read from the system. Bytes that were returned are overwritten with zeros.
struct Buffer {
    bytes: [u8; BUFFER_BYTES],
    left: usize,
}

thread_local! {
    static BUFFER: RefCell<Buffer> = const { RefCell::new(Buffer { bytes: [0; BUFFER_BYTES], left: 0 }) };
}

/// Returns `N` bytes of the operating system's cryptographic generator; `N` is at most 1024.
///
/// They are read in larger pieces, so a call rarely costs a system call. No byte is returned twice.
///
/// ```
/// let secret: [u8; 32] = ably_auth_backend::random_bytes()?;
/// assert_ne!(secret, ably_auth_backend::random_bytes()?);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// The error of the operating system if it has no random numbers.
pub fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    const { assert!(N <= BUFFER_BYTES, "more bytes than the buffer holds") };
    BUFFER.with_borrow_mut(|buffer| {
        let mut output = [0; N];
        if buffer.left < N {
            getrandom::fill(&mut buffer.bytes)?;
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

/// A function that returns nonces. It is called once for each token request.
#[derive(Clone)]
pub(crate) struct Random(Arc<dyn Fn() -> io::Result<[u8; 16]> + Send + Sync>);

impl Random {
    pub(crate) fn new(bytes: impl Fn() -> [u8; 16] + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || Ok(bytes())))
    }

    pub(crate) fn system() -> Self {
        Self(Arc::new(random_bytes))
    }

    pub(crate) fn nonce(&self) -> Result<Nonce, Refusal> {
        let bytes = (self.0)()
            .map_err(|_| Refusal::internal("the server cannot read random numbers; check its `/dev/urandom`"))?;
        Ok(Nonce::from_random(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn bytes_are_returned_once() {
        let output: HashSet<[u8; 40]> = (0..1_000).map(|_| random_bytes().unwrap()).collect();
        assert_eq!(output.len(), 1_000);
        assert!(!output.contains(&[0; 40]));
        let whole = random_bytes::<BUFFER_BYTES>().unwrap();
        assert!(whole.chunks(40).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
    }

    #[test]
    fn nonces_are_unique() {
        let random = Random::system();
        let drawn = || -> Vec<String> { (0..1_000).map(|_| random.nonce().unwrap().as_str().to_owned()).collect() };
        let of_another_thread = std::thread::scope(|scope| scope.spawn(drawn).join().unwrap());
        let all: HashSet<String> = drawn().into_iter().chain(of_another_thread).collect();
        assert_eq!(all.len(), 2_000);
    }
}
