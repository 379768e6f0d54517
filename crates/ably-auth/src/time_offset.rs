//! stub
use ably_auth_core::Timestamp;
use std::sync::Mutex;
use std::time::Duration;
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub wall: Timestamp,
    pub steady: Duration,
}
#[derive(Debug, Default)]
pub struct TimeOffset(Mutex<Option<(Timestamp, Moment)>>);
impl TimeOffset {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn set(&self, service: Timestamp, at: Moment) {
        *self.0.lock().unwrap() = Some((service, at));
    }
    pub fn service_time(&self, now: Moment) -> Option<Timestamp> {
        self.0.lock().unwrap().map(|(s, at)| Timestamp::from_millis(s.as_millis() + now.wall.millis_since(at.wall)))
    }
    pub fn forget(&self) {
        *self.0.lock().unwrap() = None;
    }
}
