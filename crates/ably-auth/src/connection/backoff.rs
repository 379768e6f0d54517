//! The time until the next attempt, and randomness from a seed.

use std::time::Duration;

/// Random numbers from a seed (SplitMix64). They shuffle hosts and spread retries, so they need not be secret.
#[derive(Clone, Debug)]
pub(super) struct Seeded(u64);

impl Seeded {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, or 0 if `end` is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(end).unwrap_or_default()).unwrap_or_default()
    }
}

/// Returns the time until the attempt after `failures` failed ones (`RTB1`): `timeout` times 1, 4/3, 5/3, and 2 from then
/// on, shortened at random by up to a fifth.
pub(super) fn retry_delay(timeout: Duration, failures: u32, random: &mut Seeded) -> Duration {
    let thirds = failures.saturating_add(2).clamp(3, 6);
    let thousandths = 800_u64.saturating_add(random.next() % 201);
    let delay = timeout.saturating_mul(thirds).checked_div(3).unwrap_or_default();
    let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(micros.checked_div(1_000).unwrap_or_default().saturating_mul(thousandths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_twice_the_timeout_with_jitter() {
        let mut random = Seeded::new(1);
        for (failures, longest) in [(0, 3_000), (1, 3_000), (2, 4_000), (3, 5_000), (4, 6_000), (99, 6_000)] {
            let mut delays = std::collections::BTreeSet::new();
            for _ in 0..500 {
                let delay = retry_delay(Duration::from_secs(3), failures, &mut random);
                let millis = delay.as_millis();
                assert!((longest * 4 / 5..=longest).contains(&millis), "{failures}: {millis}");
                delays.insert(millis);
            }
            assert!(delays.len() > 100, "{} delays", delays.len());
        }
    }
}
