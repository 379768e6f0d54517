//! The plan of a run, which its seed chooses.

use std::time::Duration;

use fastrand::Rng;

use crate::redis::Durability;

/// Where the services keep their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    Folder,
    Redis(Durability),
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub storage: Storage,
    pub services: usize,
    pub clients: usize,
    /// The number of clients with a realtime connection.
    pub connections: usize,
    /// The time during which faults happen.
    pub faults_for: Duration,
    /// The longest time between two faults.
    pub fault_interval: Duration,
    /// Clocks are set to wrong times.
    pub has_clock_faults: bool,
    /// Operators and media lose and change files, or data in Redis.
    pub has_losses: bool,
}

impl Plan {
    /// Returns whether used nonces may be lost.
    pub fn can_lose_data(&self) -> bool {
        self.has_losses || matches!(self.storage, Storage::Redis(durability) if durability != Durability::Always)
    }

    pub fn of(seed: u64) -> (Self, Rng) {
        let mut rng = Rng::with_seed(seed);
        let storage = match rng.u32(..10) {
            0..5 => Storage::Folder,
            5..7 => Storage::Redis(Durability::Always),
            7..9 => Storage::Redis(Durability::EverySecond),
            _ => Storage::Redis(Durability::Nothing),
        };
        let services = if storage == Storage::Folder { 1 } else { rng.usize(1..=5) };
        let plan = Self {
            storage,
            services,
            clients: rng.usize(2..=6),
            connections: rng.usize(0..=3),
            faults_for: Duration::from_secs(rng.u64(5..60)),
            fault_interval: Duration::from_millis(rng.u64(300..8_000)),
            has_clock_faults: rng.u32(..4) == 0,
            has_losses: rng.bool(),
        };
        (plan, rng)
    }
}
