//! Tests of readiness while a store fails or does not respond.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use ably_auth_server::store::{Pending, Record, Store as _, Unavailable};
use ably_auth_server::{Server, Service};

use crate::faulty::{Call, Fault, Faulty};
use crate::support::*;

/// A fault that can be switched on and off.
#[derive(Clone, Debug)]
pub(crate) struct SwitchableFault(Arc<AtomicU8>);

#[derive(Clone, Copy)]
pub(crate) enum StoreState {
    Working,
    Failing,
    Silent,
    /// Responds after 20 ms.
    Slow,
}

impl SwitchableFault {
    pub(crate) fn store() -> Faulty<Self> {
        Faulty::new(Self(Arc::default()))
    }

    pub(crate) fn set(&self, state: StoreState) {
        self.0.store(state as u8, Ordering::SeqCst);
    }
}

impl Fault for SwitchableFault {
    fn on<T: Send + Unpin + 'static>(&self, _: Call, ask: impl FnOnce() -> Pending<T>) -> Pending<T> {
        match self.0.load(Ordering::SeqCst) {
            0 => ask(),
            1 => Pending::unavailable(Unavailable::new("injected failure")),
            3 => {
                let asked = ask();
                Pending::waiting(async {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    asked.await
                })
            }
            _ => Pending::waiting(std::future::pending()),
        }
    }
}

/// Creates a service over `store`, and a running server.
async fn start(store: Faulty<SwitchableFault>) -> Service {
    let service = Service::builder().apps(apps()).sandbox(true).store(store).build().unwrap();
    assert!(!service.check_ready().await, "no server runs");
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service.clone()).await.unwrap();
    tokio::spawn(server.run(std::future::pending()));
    while !service.is_ready() {
        tokio::task::yield_now().await;
    }
    service
}

#[tokio::test(start_paused = true)]
async fn service_is_not_ready_while_store_fails() {
    let store = SwitchableFault::store();
    let service = start(store.clone()).await;
    assert!(service.check_ready().await);
    for state in [StoreState::Failing, StoreState::Silent] {
        store.fault.set(state);
        assert!(!service.check_ready().await);
        assert!(!service.is_ready() && service.metrics().contains("\nably_auth_ready 0\n"));
        store.fault.set(StoreState::Working);
        assert!(service.check_ready().await && service.is_ready());
    }
    store.fault.set(StoreState::Failing);
    let request = http::Request::get("/stats").header("Authorization", basic(KEY));
    assert_eq!(answer(&service, request, "").code(), (500, 50003));
    assert!(!service.is_ready(), "a failed request ends readiness too");
}

#[tokio::test(start_paused = true)]
async fn unreadable_record_ends_readiness() {
    let store = SwitchableFault::store();
    let service = start(store.clone()).await;
    let value = Some(b"no record".to_vec().into());
    store.feed().publish(vec![Record { name: "key/app1.key1".into(), value, expires: None }]);
    assert!(!service.check_ready().await && !service.is_ready());
}

#[cfg(all(feature = "redis", unix))]
#[test]
fn service_is_not_ready_while_redis_is_stopped() {
    use super::redis_server::{RedisServer, connect_to_new};
    use super::served::served;

    let Some(redis) = RedisServer::start() else { return };
    let runtime = super::runtime();
    let store = runtime.block_on(connect_to_new(&redis.url())).unwrap();
    let world = World::over(store, &runtime, None);
    let service = served(&world, &runtime);
    assert!(service.is_ready());
    redis.signal("-STOP");
    assert!(!service.is_ready());
    redis.signal("-CONT");
    let is_back = (0..400).any(|_| {
        std::thread::sleep(Duration::from_millis(25));
        service.is_ready()
    });
    assert!(is_back, "the service does not recover");
    // The readiness check writes, so a Redis that accepts no writes fails it.
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    world.set(NOW + 1);
    assert!(!service.is_ready());
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(service.is_ready());
}
