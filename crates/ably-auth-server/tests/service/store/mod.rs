//! What every store promises, asked of each of them; and what one promises alone.

mod faults;
mod memory;
mod promises;
#[cfg(feature = "redb")]
mod redb;
#[cfg(all(feature = "redis", unix))]
mod redis;
#[cfg(all(feature = "redis", unix))]
mod redis_server;

pub(crate) use faults::Failing;

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use crate::support::World;

/// Somewhere to keep things, and services over it.
trait Place {
    /// A service, with all that is kept there.
    fn open(&self, before: Option<&World>) -> World;

    /// A service that comes after that one: another one or, in memory, the same.
    fn again(&self, before: World) -> World {
        let shared = before.clone_without_service();
        drop(before);
        self.open(Some(&shared))
    }
}

fn runtime() -> Arc<Runtime> {
    Arc::new(Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

/// A folder that goes with the test.
#[cfg(any(feature = "redb", all(feature = "redis", unix)))]
struct Folder(std::path::PathBuf);

#[cfg(any(feature = "redb", all(feature = "redis", unix)))]
impl Folder {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};

        static NTH: AtomicU64 = AtomicU64::new(0);
        let name = format!("ably-auth-{}-{}", std::process::id(), NTH.fetch_add(1, Ordering::SeqCst));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

#[cfg(any(feature = "redb", all(feature = "redis", unix)))]
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Each promise, as a test of that place.
macro_rules! every_promise {
    ($place:expr) => {
        crate::store::every_promise! { $place,
            a_request_is_exchanged_once,
            the_same_request_at_once_is_exchanged_once,
            what_is_not_signed_leaves_nothing,
            what_was_revoked_stays_revoked,
            a_revocation_without_a_moment_takes_what_a_clock_ahead_issued,
            a_large_token_is_good_until_it_expires,
            keys_made_and_changed_at_run_time_stay,
            apps_made_and_deleted_at_run_time_stay,
            a_clock_that_steps_back_opens_nothing,
            changes_at_once_are_all_made,
        }
    };
    ($place:expr, $($promise:ident,)*) => {
        $(
            #[test]
            fn $promise() {
                if let Some(place) = $place {
                    crate::store::promises::$promise(&place);
                }
            }
        )*
    };
}
use every_promise;
