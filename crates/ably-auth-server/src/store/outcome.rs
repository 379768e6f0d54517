//! Results of store operations.

use std::fmt;

use ably_auth_core::Timestamp;

use crate::refusal::Refusal;

/// The result of using a nonce.
///
/// ```
/// use ably_auth_core::{KeyName, Timestamp};
/// use ably_auth_server::store::{Fingerprint, Memory, Store as _, Use};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (store, now) = (Memory::new(), Timestamp::from_millis(1_449_746_287_318));
/// let nonce = Fingerprint::new(&KeyName::parse("shop.backend")?, "a-nonce-of-a-client", now);
/// assert_eq!(store.use_once(Some(nonce), now).await?, Use::First);
/// assert_eq!(store.use_once(Some(nonce), now).await?, Use::Again);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Use {
    /// The nonce was unused, and is used now.
    First,
    /// The nonce was used before.
    Again,
    /// Nonces with this nonce's timestamp were already dropped, because the clock was ahead. Requests with a timestamp
    /// later than `until` are not affected.
    Forgotten {
        /// The last timestamp of the dropped span that contains the request's timestamp.
        until: Timestamp,
    },
    /// The nonce may have been used and then lost with the store, as all nonces up to
    /// [`Feed::known_from`](super::Feed::known_from) may.
    Unknown,
    /// The store is full.
    Full,
}

/// The result of writing records.
///
/// ```
/// use ably_auth_core::Timestamp;
/// use ably_auth_server::store::{Memory, Record, Store as _, Written};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (store, now) = (Memory::new(), Timestamp::from_millis(1_449_746_287_318));
/// let app = Record { name: "app/shop".into(), value: Some(b"{}".to_vec().into()), expires: None };
/// let seen = store.feed().seen();
/// assert_eq!(store.write(vec![app.clone()], seen, now).await?, Written::Done);
/// assert_eq!(store.write(vec![app], seen, now).await?, Written::Outdated);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Written {
    /// The records are written.
    Done,
    /// Nothing is written, because another service changed one of the records. The change is in the feed.
    Outdated,
}

/// The store did not respond, or not in time. The operation may or may not have taken effect.
///
/// ```
/// use ably_auth_server::store::{Pending, Unavailable};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let written: Pending<()> = Pending::unavailable(Unavailable::new("the disk is full"));
/// let error = written.await.unwrap_err();
/// assert_eq!(error.to_string(), "the store is unavailable: the disk is full; check that it runs and has free space");
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Unavailable(pub(super) Box<str>);

impl Unavailable {
    /// Creates the error with a reason, which must contain no secret.
    pub fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string().into())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store is unavailable: {}; check that it runs and has free space", self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Hides the reason from clients.
impl From<Unavailable> for Refusal {
    fn from(_: Unavailable) -> Self {
        Self::unavailable()
    }
}
