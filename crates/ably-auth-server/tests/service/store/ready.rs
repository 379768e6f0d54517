//! Whether a service says that it is ready, by what its store answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use ably_auth_server::store::{Pending, Record, Store as _, Unavailable};
use ably_auth_server::{Server, Service};

use crate::faulty::{Call, Fault, Faulty};
use crate::support::*;

/// Answers, or does not, or says that it cannot.
#[derive(Clone, Debug)]
pub(crate) struct Moody(Arc<AtomicU8>);

#[derive(Clone, Copy)]
pub(crate) enum Mood {
    Well,
    Failing,
    Silent,
    /// Answers after 20 ms.
    Slow,
}

impl Moody {
    pub(crate) fn store() -> Faulty<Self> {
        Faulty::new(Self(Arc::default()))
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.0.store(mood as u8, Ordering::SeqCst);
    }
}

impl Fault for Moody {
    fn on<T: Send + Unpin + 'static>(&self, _: Call, ask: impl FnOnce() -> Pending<T>) -> Pending<T> {
        match self.0.load(Ordering::SeqCst) {
            0 => ask(),
            1 => Pending::unavailable(Unavailable::new("it was told to")),
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

/// A service over that store, with a server that begins to run.
async fn start(store: Faulty<Moody>) -> Service {
    let service = Service::builder().apps(apps()).sandbox(true).store(store).build().unwrap();
    assert!(!service.check_ready().await, "nobody serves it");
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service.clone()).await.unwrap();
    tokio::spawn(server.run(std::future::pending()));
    while !service.is_ready() {
        tokio::task::yield_now().await;
    }
    service
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_store_does_not_answer_is_not_ready_until_it_does() {
    let store = Moody::store();
    let service = start(store.clone()).await;
    assert!(service.check_ready().await);
    for mood in [Mood::Failing, Mood::Silent] {
        store.fault.is(mood);
        assert!(!service.check_ready().await);
        assert!(!service.is_ready() && service.metrics().contains("\nably_auth_ready 0\n"));
        store.fault.is(Mood::Well);
        assert!(service.check_ready().await && service.is_ready());
    }
    store.fault.is(Mood::Failing);
    let request = http::Request::get("/stats").header("Authorization", basic(KEY));
    assert_eq!(answer(&service, request, "").code(), (500, 50003));
    assert!(!service.is_ready(), "it was asked for something else");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_cannot_understand_its_store_is_not_ready() {
    let store = Moody::store();
    let service = start(store.clone()).await;
    let value = Some(b"no record".to_vec().into());
    store.feed().publish(vec![Record { name: "key/app1.key1".into(), value, expires: None }]);
    assert!(!service.check_ready().await && !service.is_ready());
}

#[cfg(all(feature = "redis", unix))]
#[test]
fn a_service_whose_redis_stands_still_is_not_ready_until_it_goes_on() {
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
    // It is asked for what it would be asked for, which a Redis that takes no writes does not do.
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    world.set(NOW + 1);
    assert!(!service.is_ready());
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(service.is_ready());
}
