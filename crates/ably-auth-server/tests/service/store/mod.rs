//! Tests of the promises that every store keeps, and tests of single stores.

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
#[cfg(all(feature = "redis", unix))]
mod relay;
#[cfg(all(feature = "redis", unix))]
mod relay_nodes;
#[cfg(any(feature = "redb", all(feature = "redis", unix)))]
mod served;

use std::sync::Arc;

use ably_auth_server::Apps;
use tokio::runtime::{Builder, Runtime};

use crate::support::World;

/// A store of one kind, and services over it.
trait StoreSetup {
    /// Opens the store and creates a service over it.
    fn open(&self, before: Option<&World>) -> World;

    /// Drops the service and creates another one over the same store. In memory, it is the same service.
    fn reopen(&self, before: World) -> World {
        let shared = before.clone_without_service();
        drop(before);
        self.open(Some(&shared))
    }

    /// Like `reopen`, but with other apps in the configuration.
    fn reopen_with(&self, before: World, apps: Apps) -> World {
        let shared = before.clone_without_service().with_apps(apps);
        drop(before);
        self.open(Some(&shared))
    }
}

fn runtime() -> Arc<Runtime> {
    Arc::new(Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

/// A folder that is deleted on drop.
#[cfg(any(feature = "redb", all(feature = "redis", unix)))]
struct TempDir(std::path::PathBuf);

#[cfg(any(feature = "redb", all(feature = "redis", unix)))]
impl TempDir {
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
impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Generates a test of each promise for a store.
macro_rules! every_promise {
    ($setup:expr) => {
        crate::store::every_promise! { $setup,
            token_request_is_exchanged_once,
            concurrent_duplicates_are_exchanged_once,
            forged_request_does_not_use_nonce,
            revocation_survives_restart,
            revocation_covers_token_issued_by_clock_ahead,
            revocation_of_jwt_of_fast_clock_survives_restart,
            large_token_is_valid_until_it_expires,
            runtime_key_changes_survive_restart,
            runtime_app_changes_survive_restart,
            identified_namespaces_survive_restart,
            clock_that_steps_back_revives_nothing,
            clock_that_was_ahead_refuses_only_what_may_be_replayed,
            text_with_quotes_survives_restart,
            revocation_covers_earlier_tokens_at_any_clock,
            time_advances_after_clock_is_set_back,
            expired_token_stays_expired,
            clock_that_is_far_off_grants_nothing,
            trusted_clock_is_followed,
            key_removed_from_configuration_stays_revoked,
            concurrent_changes_are_all_stored,
        }
    };
    ($setup:expr, $($promise:ident,)*) => {
        $(
            #[test]
            fn $promise() {
                if let Some(setup) = $setup {
                    crate::store::promises::$promise(&setup);
                }
            }
        )*
    };
}
use every_promise;
