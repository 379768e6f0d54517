//! The parsers of the service that have no public API. They need `cfg(fuzzing)`, without which this package is only linted.

#[cfg(fuzzing)]
pub use ably_auth_server::fuzzing::{journal, redis_reply, serve};
#[cfg(not(fuzzing))]
pub use closed::{journal, redis_reply, serve};

#[cfg(not(fuzzing))]
mod closed {
    use std::net::IpAddr;

    use ably_auth_server::Service;
    use ably_auth_server::store::Record;

    const CLOSED: &str = "built without `cfg(fuzzing)`; run `cargo xtask fuzz`";

    pub async fn serve<S>(_: Service, _: S, _: IpAddr) {
        panic!("{CLOSED}");
    }

    pub fn redis_reply(_: &[u8]) -> Option<(String, Vec<(Record, u64)>)> {
        panic!("{CLOSED}");
    }

    pub fn journal(_: &[u8]) -> Result<Vec<(u64, usize)>, usize> {
        panic!("{CLOSED}");
    }
}
