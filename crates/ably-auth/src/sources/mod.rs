//! Token sources: a key, an auth callback, an auth URL, a fixed token, and a chain of several sources.

mod auth_url;
mod callback;
mod callback_response;
mod chain;
mod fixed;
mod jwt;
mod key;

pub use auth_url::AuthUrlSource;
pub use callback::{AuthCallback, BlockingAuthCallback, CallbackSource};
pub use chain::ChainSource;
pub use fixed::FixedTokenSource;
pub use jwt::JwtSource;
pub use key::KeySource;

pub use crate::callback_answer::AuthCallbackAnswer;
pub use crate::key_signer::KeySigner;
