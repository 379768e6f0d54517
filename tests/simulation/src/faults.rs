//! Faults of processes, disks, networks, clocks and operators.

use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::disk;
use crate::plan::Storage;
use crate::redis::{Durability, Link};
use crate::world::{End, FOLDER, World};

/// The time after a loss in Redis during which a service must live to write back what it knows.
const WRITE_BACK: Duration = Duration::from_secs(10);

impl World {
    fn roll(&self, end: u64) -> u64 {
        self.rng.borrow_mut().u64(..end)
    }

    fn one_in(&self, count: u64) -> bool {
        self.roll(count) == 0
    }

    async fn pause(&self, most_ms: u64) {
        let millis = self.roll(most_ms);
        sleep(Duration::from_millis(millis)).await;
    }

    /// Marks the time of a fault, after which requests may fail for a while.
    fn mark(&self) {
        self.oracle.borrow_mut().last_fault = Some(Instant::now());
    }

    fn mark_loss(&self, of_keys: bool, of_secret: bool) {
        self.mark();
        let loss = &mut self.oracle.borrow_mut().loss;
        loss.last = Some((Instant::now(), self.now()));
        loss.of_keys |= of_keys;
        loss.of_secret |= of_secret;
    }

    /// Causes faults, one at a time for each loop, until their time is over.
    pub async fn cause_faults(self: Rc<Self>) {
        let end = Instant::now() + self.plan.faults_for;
        while Instant::now() < end && !self.is_over.get() {
            self.pause(self.plan.fault_interval.as_millis() as u64).await;
            let node = self.roll(self.nodes.len() as u64) as usize;
            match self.roll(10) {
                0..4 => self.restart(node).await,
                4 if self.plan.has_clock_faults => self.step_clock(node).await,
                4 => self.lose_responses(node).await,
                _ => match self.plan.storage {
                    Storage::Folder => self.disturb_disk().await,
                    Storage::Redis(_) => self.disturb_redis(node).await,
                },
            }
        }
    }

    async fn restart(&self, node: usize) {
        self.mark();
        let end = match self.roll(4) {
            0 => End::Clean,
            1 | 2 => End::Killed,
            _ => End::PowerLost,
        };
        if self.plan.storage == Storage::Folder && self.one_in(3) {
            // It dies within a write.
            let changes = self.roll(12) as u32;
            self.trace.note(format!("dies after {changes} changes"));
            self.disk.die_after(changes);
            self.pause(500).await;
        }
        self.end(node, end).await;
        self.pause(3_000).await;
        if self.plan.storage == Storage::Folder && self.plan.has_losses && end == End::Clean && self.one_in(2) {
            self.damage_folder();
        }
        self.start_until_it_runs(node).await;
        self.mark();
    }

    async fn end(&self, node: usize, end: End) {
        {
            // Nothing else remembers what Redis has just lost.
            let mut oracle = self.oracle.borrow_mut();
            let is_recent = |(loss, _): (Instant, u64)| loss.elapsed() < WRITE_BACK;
            if self.redis.is_some() && oracle.loss.last.is_some_and(is_recent) {
                (oracle.loss.of_keys, oracle.loss.of_secret) = (true, true);
            }
        }
        self.end_service(node, end).await;
    }

    /// Starts a service. Does what its error says if its files are damaged.
    pub async fn start_until_it_runs(&self, node: usize) {
        for attempt in 0..200 {
            let Err(error) = self.start_service(node, false).await else { return };
            self.mark();
            self.trace.note(format!("node{node} does not start: {error}"));
            if self.plan.storage == Storage::Folder {
                self.disk.end_process();
                self.follow_advice(&error);
            }
            sleep(Duration::from_millis(100 + 10 * attempt)).await;
        }
        self.fail(format!("node{node} does not start although nothing is wrong any more"));
    }

    /// Deletes what an error says to delete. An error that names nothing damaged is one of the disk.
    fn follow_advice(&self, error: &str) {
        let folder = Path::new(FOLDER);
        if !error.contains("damaged") && !error.contains("empty") && !error.contains("invalid secret") {
            return;
        }
        if error.contains("store.redb") {
            self.mark_loss(true, false);
            self.disk.put(&folder.join("store.redb"), None);
        } else if error.contains("nonces") {
            self.mark_loss(false, false);
            self.disk.put(&folder.join("nonces"), None);
        } else {
            self.mark_loss(false, true);
            self.disk.put(&folder.join("secret"), None);
        }
    }

    /// Removes, replaces or changes a file of a service that has stopped.
    fn damage_folder(&self) {
        let folder = Path::new(FOLDER);
        let files = self.disk.copy(folder);
        let names: Vec<_> = files.keys().filter(|name| *name != "lock").cloned().collect();
        let Some(name) = names.get(self.roll(names.len().max(1) as u64) as usize) else { return };
        let (of_keys, of_secret) = (name == "store.redb", name == "secret");
        let mut bytes = files[name].clone();
        match self.roll(4) {
            0 => {
                self.trace.note(format!("`{name}` is removed"));
                self.mark_loss(of_keys, of_secret);
                self.disk.put(&folder.join(name), None);
            }
            1 => {
                self.trace.note("`nonces` is removed");
                self.mark_loss(false, false);
                self.disk.put(&folder.join("nonces"), None);
            }
            2 if bytes.len() > 1 => {
                let length = self.roll(bytes.len() as u64) as usize;
                self.trace.note(format!("`{name}` is cut to {length} of {} bytes", bytes.len()));
                self.mark_loss(false, of_secret);
                bytes.truncate(length);
                self.disk.put(&folder.join(name), Some(bytes));
            }
            _ if !bytes.is_empty() => {
                // Most of a file is empty space: change a byte of its beginning more often.
                let end = if self.one_in(2) { bytes.len().min(8_192) } else { bytes.len() };
                let at = self.roll(end as u64) as usize;
                let bit = self.roll(8);
                self.trace.note(format!("bit {bit} of byte {at} of `{name}` changes"));
                self.mark_loss(false, of_secret);
                bytes[at] ^= 1 << bit;
                self.disk.put(&folder.join(name), Some(bytes));
            }
            _ => {}
        }
    }

    async fn step_clock(&self, node: usize) {
        // After a loss, nonces are unknown up to the latest time that any clock has shown. A service whose clock was hours
        // ahead then refuses token requests for hours, as documented.
        let steps = if self.plan.can_lose_data() { 2 } else { 5 };
        let millis = [10_000, 60_000, 600_000, 3 * 3_600_000, 30 * 3_600_000][self.roll(steps) as usize];
        let offset = self.rng.borrow_mut().i64(-millis..millis);
        self.trace.note(format!("the clock of node{node} is off by {offset} ms"));
        self.mark();
        self.oracle.borrow_mut().were_clocks_off = true;
        self.nodes[node].offset.store(offset, Ordering::SeqCst);
        {
            let latest = self.clock(node);
            let mut oracle = self.oracle.borrow_mut();
            oracle.latest_clock = oracle.latest_clock.max(latest);
        }
        if self.one_in(2) {
            self.pause(4_000).await;
            self.nodes[node].offset.store(0, Ordering::SeqCst);
        }
    }

    async fn lose_responses(&self, node: usize) {
        self.nodes[node].loses_one_in.set(2);
        self.pause(2_000).await;
        self.nodes[node].loses_one_in.set(0);
    }

    async fn disturb_disk(&self) {
        let mut faults = disk::Faults::default();
        match self.roll(3) {
            0 => faults.is_full = true,
            1 => faults.fails_one_in = 1 + self.roll(8) as u32,
            _ => faults.stall_ms = 1 + self.roll(3_000),
        }
        self.trace.note(format!("{faults:?}"));
        self.disk.set_faults(faults);
        for _ in 0..self.roll(20) {
            self.mark();
            self.pause(200).await;
        }
        self.disk.set_faults(disk::Faults::default());
        self.mark();
    }

    async fn disturb_redis(&self, node: usize) {
        let Some(redis) = self.redis.clone() else { return };
        self.mark();
        let name = self.nodes[node].name.clone();
        let what = self.roll(if self.plan.has_losses { 9 } else { 6 });
        self.trace.note(format!("fault {what} of Redis"));
        match what {
            0 | 1 => {
                let is_cut = what == 0;
                redis.set_link(&name, Link { is_cut, slow_ms: self.roll(1_000) });
                self.last(20).await;
                redis.set_link(&name, Link::default());
            }
            2 => redis.reset_connections(),
            3 => {
                redis.set_full(true);
                self.last(20).await;
                redis.set_full(false);
            }
            4 | 5 => {
                let is_lossy = redis.durability() != Durability::Always;
                redis.stop();
                self.last(10).await;
                redis.restart();
                if is_lossy {
                    self.lose_redis_data();
                }
            }
            6 => {
                redis.fail_over(Duration::from_millis(self.roll(2_000)));
                self.lose_redis_data();
            }
            7 => {
                redis.flush();
                self.lose_redis_data();
            }
            _ => {
                // A service that has seen the newer data notices that the data is older. A Redis that loses nothing on a
                // restart is trusted by the others, so here only one service uses it.
                let is_noticed = redis.durability() != Durability::Always || self.nodes.len() == 1;
                if is_noticed && (0..self.nodes.len()).any(|node| self.is_up(node)) {
                    redis.restore(Duration::from_millis(self.roll(10_000)));
                    self.lose_redis_data();
                }
            }
        }
        self.mark();
    }

    fn lose_redis_data(&self) {
        let all_run = (0..self.nodes.len()).all(|node| self.is_up(node));
        self.mark_loss(!all_run, !all_run);
    }

    /// Waits while a fault lasts.
    async fn last(&self, most: u64) {
        for _ in 0..self.roll(most) {
            self.mark();
            self.pause(200).await;
        }
    }

    /// Starts all services, and tells them that the clocks are right again, as an operator does: while one of them runs.
    pub async fn trust_clocks(&self) {
        for node in 0..self.nodes.len() {
            self.start_until_it_runs(node).await;
            if node == 0
                && let Some(service) = self.service(node)
            {
                let trusted = service.trust_clock().await;
                self.trace.note(format!("the clock is trusted: {}", trusted.is_ok()));
                self.mark_loss(false, false);
            }
        }
    }

    /// Ends all faults.
    pub async fn heal(&self) {
        self.disk.set_faults(disk::Faults::default());
        for (nth, node) in self.nodes.iter().enumerate() {
            node.offset.store(0, Ordering::SeqCst);
            node.loses_one_in.set(0);
            if let Some(redis) = &self.redis {
                redis.set_link(&node.name, Link::default());
            }
            if !self.is_up(nth) {
                self.start_until_it_runs(nth).await;
            }
        }
        self.mark();
    }
}
