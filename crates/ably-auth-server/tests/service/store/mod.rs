//! What every store promises, asked of each of them; and what one promises alone.

pub(crate) mod faults;
#[cfg(any(feature = "redb", all(feature = "redis", unix)))]
mod log;
mod memory;
mod promises;
pub(crate) mod ready;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "redb")]
mod redb_damage;
#[cfg(feature = "redb")]
mod redb_loss;
#[cfg(all(feature = "redis", unix))]
mod redis;
#[cfg(all(feature = "redis", unix))]
mod redis_log;
#[cfg(all(feature = "redis", unix))]
mod redis_loss;
#[cfg(all(feature = "redis", unix))]
mod redis_room;
#[cfg(all(feature = "redis", unix))]
mod redis_server;
#[cfg(any(feature = "redb", all(feature = "redis", unix)))]
mod served;

use std::sync::Arc;

use ably_auth_server::Apps;
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

    /// The same, but that it is told of other apps.
    fn again_with(&self, before: World, apps: Apps) -> World {
        let shared = before.clone_without_service().with_apps(apps);
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
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(&folder).unwrap();
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
            a_revocation_takes_jwts_of_a_fast_clock_for_good,
            a_large_token_is_good_until_it_expires,
            keys_made_and_changed_at_run_time_stay,
            apps_made_and_deleted_at_run_time_stay,
            a_clock_that_steps_back_opens_nothing,
            clock_that_was_ahead_refuses_only_what_may_be_replayed,
            text_with_quotes_comes_back,
            a_revocation_takes_what_was_issued_before_whatever_the_clock,
            time_goes_on_though_the_clock_was_set_back,
            what_was_seen_to_be_over_stays_over,
            a_clock_that_is_far_off_grants_nothing,
            a_clock_that_is_said_to_be_right_is_gone_by,
            a_key_that_the_service_is_not_told_of_any_more_does_not_come_back,
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
