//! The processor time for refused bodies: how long an honest client waits while one address sends them.

use std::thread;
use std::time::{Duration, Instant};

use crate::bodies::requests;
use crate::support::{ATTACKER, Attack, Connection, pick};

const PER_SECOND: u32 = 66;

#[test]
fn refused_bodies_leave_time_for_others() {
    Attack::new("66 bodies a second from one address", 256, &[]).run(|attack| {
        let (begun, requests) = (Instant::now(), requests());
        let mut connection = None;
        let count = PER_SECOND * u32::try_from(pick(3, 20)).unwrap();
        for (nth, request) in (0..count).zip(requests.iter().cycle()) {
            let due = Duration::from_secs(1) * nth / PER_SECOND;
            thread::sleep(due.saturating_sub(begun.elapsed()));
            let opened = connection.take().or_else(|| Connection::open(ATTACKER, &attack.service).ok());
            if let Some(mut opened) = opened {
                attack.count(request.body.len());
                connection = opened.send(request).is_ok().then_some(opened);
            }
        }
    });
}
