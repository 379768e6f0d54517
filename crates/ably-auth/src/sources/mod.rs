//! The sources of tokens that there are: a key, an auth callback, an auth URL, a token that somebody handed over, and
//! several in a row.

mod answers;
mod auth_url;
mod callback;
mod chain;
mod fixed;
mod jwt;
mod key;

pub use auth_url::AuthUrlSource;
pub use callback::{AuthCallback, AuthCallbackAnswer, BlockingAuthCallback, CallbackSource};
pub use chain::ChainSource;
pub use fixed::FixedTokenSource;
pub use jwt::JwtSource;
pub use key::{KeySigner, KeySource};
