//! What is said of a Redis that an operator should look after.

use std::sync::Arc;

use super::log::Log;
use super::redis_server::{RedisServer, connect_to_new};
use crate::alone::alone;
use crate::support::*;

#[test]
fn what_an_operator_should_mend_is_logged() {
    // What is said for the first time in a thread that nobody listens to may be said in silence from then on.
    let path = concat!(module_path!(), "::what_an_operator_should_mend_is_logged");
    alone(path, || {
        let Some(server) = RedisServer::start() else { return };
        play(&server);
    });
}

fn play(server: &RedisServer) {
    let (log, _guard) = Log::start();
    let says = |what: &[&str], times: &[usize]| {
        assert_eq!(what.iter().map(|what| log.says(what)).collect::<Vec<_>>(), times, "{what:?}");
    };
    // On this thread, whose log it is.
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
    // Once in a minute.
    says(&[behind], &[1]);
    assert_eq!(server.command(&["CONFIG", "SET", "appendonly", "yes"]), "OK");
    open();
    says(&[off, "set appendfsync to always"], &[2, 1]);
    assert_eq!(server.command(&["CONFIG", "SET", "appendfsync", "always"]), "OK");
    open();
    says(&[off, "set appendfsync to always"], &[2, 1]);
}
