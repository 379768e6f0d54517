//! The mode of a client: async or blocking.

use crate::source::{BlockingTokenSource, TokenSource};
use crate::sources::{AuthCallback, BlockingAuthCallback};

/// The mode of a client: its kind of auth callback and of token source.
pub trait Mode: sealed::Sealed + 'static {
    /// The auth callback of this mode.
    type Callback: ?Sized + Send + Sync;
    /// The token source of this mode.
    type Source: ?Sized + Send + Sync;
}

/// The mode of async clients.
#[derive(Debug)]
pub enum Async {}

/// The mode of blocking clients.
#[derive(Debug)]
pub enum Blocking {}

impl Mode for Async {
    type Callback = dyn AuthCallback;
    type Source = dyn TokenSource;
}

impl Mode for Blocking {
    type Callback = dyn BlockingAuthCallback;
    type Source = dyn BlockingTokenSource;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Async {}
    impl Sealed for super::Blocking {}
}
