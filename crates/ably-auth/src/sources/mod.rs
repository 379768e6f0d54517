//! The sources of tokens that there are: a key, an auth callback, a token that somebody handed over.

mod callback;
mod fixed;
mod key;

pub use callback::{AuthCallback, AuthCallbackAnswer, BlockingAuthCallback, CallbackSource};
pub use fixed::FixedTokenSource;
pub use key::KeySource;
