//! The one place where randomness comes from.

use std::cell::RefCell;

use zeroize::Zeroize as _;

use crate::error::{Error, ErrorKind};

/// So many bytes are asked of the system at once: to ask for each token is as much work as to seal it.
const STOCK_BYTES: usize = 1024;

/// Bytes that were asked for and not given out yet. Those that were are wiped.
struct Stock {
    bytes: [u8; STOCK_BYTES],
    left: usize,
}

thread_local! {
    static STOCK: RefCell<Stock> = const { RefCell::new(Stock { bytes: [0; STOCK_BYTES], left: 0 }) };
}

/// That many bytes from the system's cryptographic source, at most 1024.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    const { assert!(N <= STOCK_BYTES, "more than there ever is in stock") };
    STOCK.with_borrow_mut(|stock| {
        let mut given = [0; N];
        if stock.left < N {
            getrandom::fill(&mut stock.bytes).map_err(none)?;
            stock.left = STOCK_BYTES;
        }
        let from = stock.left.saturating_sub(N);
        if let Some(taken) = stock.bytes.get_mut(from..stock.left) {
            given.copy_from_slice(taken);
            taken.zeroize();
        }
        stock.left = from;
        Ok(given)
    })
}

fn none(error: getrandom::Error) -> Error {
    let message = "the system gave no random numbers; see why, then start the service again";
    Error::new(ErrorKind::Random, message).because(error)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nothing_is_given_twice() {
        let given: HashSet<[u8; 40]> = (0..1_000).map(|_| bytes().unwrap()).collect();
        assert_eq!(given.len(), 1_000);
        assert!(!given.contains(&[0; 40]));
        let whole = bytes::<STOCK_BYTES>().unwrap();
        assert!(whole.chunks(40).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
    }
}
