//! Tests of the warnings about problems that an operator should correct.

use std::sync::Arc;
use test_support::run_in_separate_process;

use super::log::Log;
use super::redis_server::{RedisServer, connect_to_new};
use crate::support::*;

#[test]
fn redis_configuration_problems_are_logged() {
    // `tracing` caches for each callsite whether a subscriber wants its events. In a process with other tests, the cache could
    // suppress these events.
    let path = concat!(module_path!(), "::redis_configuration_problems_are_logged");
    run_in_separate_process(path, || {
        let Some(server) = RedisServer::start() else { return };
        check_log_events(&server);
    });
}

fn check_log_events(server: &RedisServer) {
    let (log, _guard) = Log::start();
    let says = |what: &[&str], times: &[usize]| {
        assert_eq!(what.iter().map(|what| log.count(what)).collect::<Vec<_>>(), times, "{what:?}");
    };
    // The log is of this thread, so the runtime must run on it.
    let runtime = Arc::new(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    let open = || World::over(runtime.block_on(connect_to_new(&server.url())).unwrap(), &runtime, None);
    let (behind, off, new) = ("this clock is behind", "set appendonly to yes", "is declared new but holds data");
    let one = open();
    says(&[off, new, behind], &[1, 0, 0]);
    let other = open();
    says(&[off, new, behind], &[2, 1, 0]);
    other.set(NOW + MINUTE);
    for world in [&one, &other, &one, &other, &one] {
        world.token(KEY, &of("bob"));
        world.set(world.now() + 1);
    }
    // The warning is logged at most once in a minute.
    says(&[behind], &[1]);
    assert_eq!(server.command(&["CONFIG", "SET", "appendonly", "yes"]), "OK");
    open();
    says(&[off, "set appendfsync to always"], &[2, 1]);
    assert_eq!(server.command(&["CONFIG", "SET", "appendfsync", "always"]), "OK");
    open();
    says(&[off, "set appendfsync to always"], &[2, 1]);
}
