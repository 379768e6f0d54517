//! A running server for a test.

use std::sync::Arc;

use ably_auth_server::{Server, Service};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::World;

/// A server that shuts down on drop.
pub(super) struct Running {
    service: Service,
    runtime: Arc<Runtime>,
    end: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// Serves the service of `world`.
pub(super) fn served(world: &World, runtime: &Arc<Runtime>) -> Running {
    let (service, runtime) = (world.service.clone(), Arc::clone(runtime));
    let server = runtime.block_on(Server::bind("127.0.0.1:0".parse().unwrap(), service.clone())).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = runtime.spawn(async move { server.run(async { drop(stopped.await) }).await.unwrap() });
    while !service.is_ready() {
        std::thread::yield_now();
    }
    Running { service, runtime, end: Some((stop, served)) }
}

impl Running {
    pub(super) fn is_ready(&self) -> bool {
        let is_ready = self.runtime.block_on(self.service.check_ready());
        assert_eq!(self.service.is_ready(), is_ready, "the result is cached");
        is_ready
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some((stop, served)) = self.end.take() {
            drop(stop);
            let _ = self.runtime.block_on(served);
        }
    }
}
