//! The state that all requests share: the apps, keys and revocations in memory, and the store that keeps them.

pub(crate) mod app_memory;
#[cfg(feature = "console")]
pub(crate) mod console;
pub(crate) mod cutoffs;
#[cfg(feature = "sandbox")]
pub(crate) mod emulation;
#[cfg(feature = "sandbox")]
pub(crate) mod faults;
pub(crate) mod records;
pub(crate) mod registry;
pub(crate) mod revocations;
pub(crate) mod service_clock;
pub(crate) mod usage;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use ably_auth_core::{KeyName, Timestamp};
use tokio::sync::Semaphore;

use crate::apps::Key;
use crate::apps::control_token::ControlToken;
use crate::clock::{Clock, Stopwatch};
#[cfg(feature = "console")]
use crate::journal::Journal;
use crate::limits::budget::Budget;
use crate::limits::rate_limiter::Buckets;
use crate::limits::{self, Limits};
use crate::live::connections::Connections;
use crate::live::relay::Outbox;
use crate::ops::audit::Audit;
use crate::ops::metrics::{self, Metrics};
use crate::ops::request_id::RequestIds;
use crate::refusal::Refusal;
use crate::sandbox_access::SandboxAccess;
use crate::state::registry::{Registry, RunningApp};
use crate::state::revocations::{Revocations, Subject};
use crate::state::service_clock::Time;
use crate::store::{Record, Store, Unavailable, WINDOW_MILLIS, Written};
use crate::sync;
use records::Change;

/// The maximum number of attempts to write a change. Another attempt is needed if another service changed the same
/// records first.
const MAX_TRIES: usize = 32;

pub(crate) struct State {
    pub(crate) registry: Registry,
    pub(crate) revocations: RwLock<Revocations>,
    pub(crate) store: Box<dyn Store>,
    /// True if the store returned a record that cannot be decoded. The revocations are then unknown, so requests are
    /// refused.
    pub(crate) is_confused: AtomicBool,
    pub(crate) clock: Clock,
    pub(crate) time: Time,
    pub(crate) sandbox: bool,
    pub(crate) sandbox_access: SandboxAccess,
    /// The role of the service in a sandbox that can be reset or inject faults.
    #[cfg(feature = "sandbox")]
    pub(crate) emulation: Option<emulation::Emulation<Self>>,
    /// The log of the console, if there is one.
    #[cfg(feature = "console")]
    pub(crate) journal: Option<Arc<Journal>>,
    /// The console, if there is one.
    #[cfg(feature = "console")]
    pub(crate) console: Option<Arc<console::Console>>,
    /// The access tokens of the Control API, which is disabled if there are none.
    pub(crate) control_tokens: Vec<ControlToken>,
    pub(crate) audit: Audit,
    pub(crate) request_ids: RequestIds,
    pub(crate) limits: Limits,
    /// True if the channel endpoints are served.
    pub(crate) channels: bool,
    /// The realtime connections.
    pub(crate) connections: Connections,
    /// The events for the other services that share the store, if it has a relay.
    pub(crate) outbox: Option<Arc<Outbox>>,
    /// The budget for what realtime connections use.
    pub(crate) realtime: Arc<Budget>,
    /// The budget for large responses until they are written.
    pub(crate) answers: Arc<Budget>,
    /// The permits for long work on channels. There is one fewer than processors, so that tokens are issued meanwhile.
    pub(crate) long_work: Semaphore,
    pub(crate) metrics: Arc<Metrics>,
    /// The time since the service was created.
    pub(crate) stopwatch: Stopwatch,
    pub(crate) by_key: Option<Buckets>,
    /// The rate limits for messages that a token publishes on a channel, if the token's issuer has set a rate.
    pub(crate) publish_rates: Buckets,
    pub(crate) by_address: Option<Buckets>,
}

impl State {
    /// Refuses a request above the rate limit of a key. Call it only after the caller proved that it holds the key or a
    /// token of it, so that nobody else can use up the limit.
    pub(crate) fn check_rate_of(&self, key: &KeyName) -> Result<(), Refusal> {
        let Some(buckets) = &self.by_key else {
            return Ok(());
        };
        buckets.take(key.as_str(), self.stopwatch.elapsed()).map_err(|wait| {
            metrics::add(&self.metrics.limited_by_key, 1);
            Refusal::rate_limited("with this key and its tokens", wait)
        })
    }

    /// Refuses a request above the rate limit of an address.
    pub(crate) fn check_rate_from(&self, address: IpAddr) -> Result<(), Refusal> {
        let Some(buckets) = &self.by_address else {
            return Ok(());
        };
        buckets.take(&limits::site(address), self.stopwatch.elapsed()).map_err(|wait| {
            metrics::add(&self.metrics.limited_by_address, 1);
            Refusal::rate_limited("from this address", wait)
        })
    }

    /// Advances the service's time, and refuses all requests while the clock is wrong by more than a day.
    pub(crate) fn check_clock(&self, now: Timestamp) -> Result<(), Refusal> {
        self.time.advance(self.store.feed(), now).map_err(|_| Refusal::wrong_clock())
    }

    /// Accepts the clock as correct. A later known time is then wrong and is discarded.
    pub(crate) async fn trust_clock(&self) -> Result<(), Unavailable> {
        let (now, latest) = (self.clock.now(), self.store.feed().latest_known());
        if latest.millis_since(now) > WINDOW_MILLIS {
            tracing::warn!(%now, %latest, "the clock is accepted as correct; the later time in the store is discarded");
            self.store.set_time(now).await?;
            sync::write(&self.revocations).set_time(now);
        }
        self.time.set(now);
        self.connections.all_changed();
        Ok(())
    }

    /// Returns the clocks by which a token request may be signed. The second differs from `now` only in a `Sandbox`
    /// whose clock was advanced: the clocks of its clients were not.
    pub(crate) fn sender_clocks(&self, now: Timestamp) -> [Timestamp; 2] {
        #[cfg(feature = "sandbox")]
        if let Some(back) = self.back() {
            return [now, back.before_advances(now)];
        }
        [now, now]
    }

    /// Returns true if the admin address serves a console.
    #[cfg(feature = "console")]
    pub(crate) fn has_admin_console(&self) -> bool {
        self.console.as_ref().is_some_and(|console| console.admin_token.is_some())
    }

    /// Returns the emulation of a sandbox, if the service is one that responds to requests.
    #[cfg(feature = "sandbox")]
    pub(crate) fn back(&self) -> Option<&emulation::Back> {
        self.emulation.as_ref().and_then(emulation::Emulation::as_back)
    }

    /// Moves the clock of a sandbox forward. Returns `false` if it cannot be moved.
    #[cfg(feature = "sandbox")]
    pub(crate) fn advance_clock(&self, by: std::time::Duration) -> bool {
        let is_moved = self.back().is_some_and(|back| back.advance_clock(by));
        if is_moved {
            self.connections.all_changed();
        }
        is_moved
    }

    /// Applies the records that the store has received.
    pub(crate) fn learn(&self) -> Result<(), Refusal> {
        self.store.feed().learn(|record| {
            let applied = records::read(&record).map(|change| self.apply(change));
            if !matches!(applied, Some(Ok(()))) {
                self.is_confused.store(true, Ordering::Release);
            }
        });
        if self.is_confused.load(Ordering::Acquire) { Err(Refusal::unavailable()) } else { Ok(()) }
    }

    fn apply(&self, change: Change) -> Result<(), Refusal> {
        match change {
            Change::App(app) => {
                let app_id: Box<str> = app.id().into();
                self.registry.set_app(app)?;
                self.connections.app_changed(&app_id);
            }
            Change::AppDeleted(app_id, is_listed) => {
                self.registry.remove(&app_id, is_listed);
                self.connections.app_changed(&app_id);
            }
            Change::Key(key) => {
                let name = key.name().clone();
                self.registry.set_key(*key);
                self.connections.key_changed(&name);
            }
            Change::Revoked(key, target, cutoffs) => {
                let latest = self.store.feed().latest_known();
                sync::write(&self.revocations).set(&key, target.clone(), cutoffs, latest);
                self.connections.revoked(&key, &target);
            }
            Change::Secret(secret, is_current) => return self.registry.set_secret(secret, is_current),
            Change::Nothing => {}
        }
        Ok(())
    }

    /// Applies all records that were written before the call.
    pub(crate) async fn catch_up(&self, now: Timestamp) -> Result<(), Refusal> {
        self.store.catch_up(now).await?;
        self.learn()
    }

    /// Returns the latest known time. Expiry is decided by it, so that a clock that steps back revives nothing.
    pub(crate) fn latest(&self, now: Timestamp) -> Timestamp {
        self.store.feed().latest(now)
    }

    /// Returns the key with that name. Asks the store about an unknown key, because another service may have just
    /// created it.
    pub(crate) async fn key(&self, name: &KeyName, now: Timestamp) -> Result<(Arc<RunningApp>, Arc<Key>), Refusal> {
        match self.registry.key(name) {
            Err(_) => self.catch_up(now).await?,
            found => return found,
        }
        self.registry.key(name)
    }

    /// Writes the records that `plan` returns. If another service changed one of them first, plans again. Returns the
    /// other value of `plan` after the change is in effect. If there are no records, the change is already in effect.
    pub(crate) async fn change<T>(
        &self,
        now: Timestamp,
        plan: impl Fn() -> Result<(Vec<Record>, T), Refusal> + Send + Sync,
    ) -> Result<T, Refusal> {
        self.check_clock(now)?;
        self.catch_up(now).await?;
        for _ in 0..MAX_TRIES {
            let seen = self.store.feed().seen();
            let (records, result) = plan()?;
            if records.is_empty() {
                return Ok(result);
            }
            let written = self.store.write(records, seen, now).await?;
            self.learn()?;
            if written == Written::Done {
                return Ok(result);
            }
        }
        Err(Refusal::unavailable())
    }

    /// Returns whether a token of that subject and issue time is revoked. Also returns true if this is unknown because
    /// revocations were lost.
    pub(crate) fn is_revoked(&self, key: &Key, subject: &Subject<'_>, issued: Timestamp, now: Timestamp) -> bool {
        self.revoked_from(key, subject, issued, now).is_some_and(|from| from <= now)
    }

    /// Returns the moment from which a token of that subject and issue time is revoked, if there is one. It is the
    /// earliest moment if this is unknown because revocations were lost.
    pub(crate) fn revoked_from(
        &self,
        key: &Key,
        subject: &Subject<'_>,
        issued: Timestamp,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if key.revocable_tokens() && issued < self.store.feed().known_from() {
            return Some(Timestamp::from_millis(0));
        }
        self.revocations().revoked_from(subject, issued, now)
    }

    /// Returns the earliest issue time at which a new token of that subject is not revoked already.
    pub(crate) fn first_valid_issue(&self, key: &Key, subject: &Subject<'_>) -> Timestamp {
        let feed = self.store.feed();
        let valid = self.revocations().first_valid_issue(subject, feed.latest_known());
        if key.revocable_tokens() { valid.max(feed.known_from()) } else { valid }
    }

    /// Returns the latest issue time that a token of a key with revocable tokens can have.
    pub(crate) fn last_issue(&self, revocations: &Revocations, now: Timestamp) -> Timestamp {
        self.latest(now).max(self.store.feed().known_from()).max(revocations.last_cutoff())
    }

    pub(crate) fn revocations(&self) -> impl std::ops::Deref<Target = Revocations> + '_ {
        sync::read(&self.revocations)
    }
}
