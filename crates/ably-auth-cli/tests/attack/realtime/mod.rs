//! Attacks on realtime connections.

mod channels;
mod credentials;
mod frames;
mod opening;

use std::thread;

use crate::support::{ATTACKER, Attack, Socket};

/// The limit of the memory that the connections of one app cause: a quarter of 256 MiB, and a fixed part for each.
const BOUND_MIB: u64 = 256;

/// The number of threads of an attack with many connections. More of them would use the processors that the service and
/// the honest client need.
const THREADS: usize = 2;

/// Opens `count` connections, as far as the service permits them.
fn open(attack: &Attack, bearer: &str, count: usize) -> Vec<Socket> {
    thread::scope(|scope| {
        let opening: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let opened =
                        (0..count / THREADS).filter_map(|_| Socket::open(ATTACKER, &attack.service, bearer, "").ok());
                    opened.collect::<Vec<_>>()
                })
            })
            .collect();
        opening.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Calls `act` for each connection, on several threads.
fn for_each(sockets: &mut [Socket], act: impl Fn(&mut Socket) + Sync) {
    let share = sockets.len().div_ceil(THREADS).max(1);
    thread::scope(|scope| {
        for part in sockets.chunks_mut(share) {
            let act = &act;
            scope.spawn(move || part.iter_mut().for_each(act));
        }
    });
}
