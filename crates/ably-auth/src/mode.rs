//! The mode of a client: async or blocking.

use crate::source::{BlockingTokenSource, TokenSource};
use crate::sources::{AuthCallback, BlockingAuthCallback};

/// The mode of a client: its kind of auth callback and of token source.
///
/// ```
/// use ably_auth::{Async, Blocking, ClientOptions, Mode};
///
/// fn with_my_key<M: Mode>(options: ClientOptions<M>) -> ClientOptions<M> {
///     options.key("app.key:secret").client_id("bob")
/// }
/// let options: ClientOptions<Async> = with_my_key(ClientOptions::new());
/// let options: ClientOptions<Blocking> = with_my_key(ClientOptions::new());
/// ```
pub trait Mode: sealed::Sealed + 'static {
    /// The auth callback of this mode.
    type Callback: ?Sized + Send + Sync;
    /// The token source of this mode.
    type Source: ?Sized + Send + Sync;
}

/// The mode of async clients.
///
/// ```
/// use ably_auth::{Async, ClientOptions};
///
/// let options = ClientOptions::<Async>::new().key("app.key:secret");
/// ```
#[derive(Debug)]
pub enum Async {}

/// The mode of blocking clients.
///
/// ```
/// use ably_auth::{Blocking, ClientOptions};
///
/// let options = ClientOptions::<Blocking>::new().key("app.key:secret");
/// ```
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
