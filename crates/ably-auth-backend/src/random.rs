//! The source of random numbers.

use std::cell::RefCell;
use std::sync::Arc;

use ably_auth_core::Nonce;

use crate::refusal::Refusal;

/// Number of nonces that are read from the system at once. To read each one separately takes longer than to sign with
/// it.
const STOCK_NONCES: usize = 32;

thread_local! {
    static STOCK: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
}

/// A function that returns nonces. It is called once for each token request.
#[derive(Clone)]
pub(crate) struct Random(Arc<dyn Fn() -> Result<[u8; 16], Refusal> + Send + Sync>);

impl Random {
    pub(crate) fn new(bytes: impl Fn() -> [u8; 16] + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || Ok(bytes())))
    }

    pub(crate) fn system() -> Self {
        Self(Arc::new(|| {
            STOCK.with_borrow_mut(|stock| {
                if stock.is_empty() {
                    let mut fresh = [[0; 16]; STOCK_NONCES];
                    let filled = getrandom::fill(fresh.as_flattened_mut());
                    filled.map_err(|_| {
                        Refusal::internal("the server cannot read random numbers; check its `/dev/urandom`")
                    })?;
                    stock.extend(fresh);
                }
                stock.pop().ok_or_else(|| Refusal::internal("the server has no random numbers left; try again"))
            })
        }))
    }

    pub(crate) fn nonce(&self) -> Result<Nonce, Refusal> {
        (self.0)().map(|bytes| Nonce::from_random(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nonces_are_unique() {
        let random = Random::system();
        let drawn = || -> Vec<String> { (0..1_000).map(|_| random.nonce().unwrap().as_str().to_owned()).collect() };
        let of_another_thread = std::thread::scope(|scope| scope.spawn(drawn).join().unwrap());
        let all: HashSet<String> = drawn().into_iter().chain(of_another_thread).collect();
        assert_eq!(all.len(), 2_000);
    }
}
