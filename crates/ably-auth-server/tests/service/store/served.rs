//! A service that is served for as long as a test needs.

use std::net::SocketAddr;
use std::sync::Arc;

use ably_auth_server::{Server, Service};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::World;

/// A server, which ends with this.
pub(super) struct Running {
    service: Service,
    #[cfg_attr(not(feature = "redb"), expect(dead_code, reason = "asked only with a disk that takes its time"))]
    local: SocketAddr,
    runtime: Arc<Runtime>,
    end: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// The world's service, served.
pub(super) fn served(world: &World, runtime: &Arc<Runtime>) -> Running {
    let (service, runtime) = (world.service.clone(), Arc::clone(runtime));
    let server = runtime.block_on(Server::bind("127.0.0.1:0".parse().unwrap(), service.clone())).unwrap();
    let local = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = runtime.spawn(async move { server.run(async { drop(stopped.await) }).await.unwrap() });
    while !service.is_ready() {
        std::thread::yield_now();
    }
    Running { service, local, runtime, end: Some((stop, served)) }
}

impl Running {
    /// What comes back to who writes that, and says that nothing else will come.
    #[cfg(feature = "redb")]
    pub(super) fn last_words(&self, request: &str) -> String {
        use std::io::{Read as _, Write as _};
        use std::net::{Shutdown, TcpStream};

        let mut stream = TcpStream::connect(self.local).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub(super) fn is_ready(&self) -> bool {
        let is_ready = self.runtime.block_on(self.service.check_ready());
        assert_eq!(self.service.is_ready(), is_ready, "it is remembered");
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
