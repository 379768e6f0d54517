//! A scripted server on a real socket, and the network that leads to it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};

use super::clock::TestClock;
use super::network::Network;
use super::reply::Reply;
use super::tls;
use super::wire::{self, Incoming};

type Script = dyn Fn(usize, &Incoming) -> Reply + Send + Sync;

/// The environment of a client under test.
pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) clock: TestClock,
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    script: Box<Script>,
    log: Mutex<Vec<Incoming>>,
    connections: AtomicUsize,
    is_over: AtomicBool,
}

impl World {
    /// Creates a server that calls the script with each request and its number, which starts at 0.
    ///
    /// The port accepts both TLS and plain HTTP. The log records which one a request used.
    pub(crate) fn new(script: impl Fn(usize, &Incoming) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_clock(|_| script)
    }

    /// Does the same as [`new`](Self::new), for scripts that need the time.
    pub(crate) fn with_clock<S>(script: impl FnOnce(TestClock) -> S) -> Self
    where
        S: Fn(usize, &Incoming) -> Reply + Send + Sync + 'static,
    {
        let clock = TestClock::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script(clock.clone())),
            log: Mutex::default(),
            connections: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || of_thread.accept(&listener));
        Self { network: Network::new(address), clock, shared, address }
    }

    /// Returns the requests so far.
    pub(crate) fn log(&self) -> Vec<Incoming> {
        self.shared.log.lock().unwrap().clone()
    }

    /// Returns the hosts of the requests so far.
    pub(crate) fn hosts(&self) -> Vec<String> {
        self.log().iter().map(|request| request.host().to_owned()).collect()
    }

    /// Returns the only request. Panics if the number of requests is not 1.
    pub(crate) fn only(&self) -> Incoming {
        let mut log = self.log();
        assert_eq!(log.len(), 1, "{log:#?}");
        log.remove(0)
    }

    /// Returns the requests so far with this path.
    pub(crate) fn of_path(&self, path: &str) -> Vec<Incoming> {
        self.log().into_iter().filter(|request| request.path == path).collect()
    }

    /// Returns the number of connections, including those without a request.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            self.connections.fetch_add(1, Ordering::SeqCst);
            let (shared, Ok(stream)) = (Arc::clone(self), stream) else { continue };
            // Errors are ignored, since the client reports how a connection ended.
            thread::spawn(move || drop(shared.serve(stream)));
        }
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = stream.try_clone()?;
        let mut first = [0];
        if stream.peek(&mut first)? == 1 && first[0] == TLS_HANDSHAKE {
            let tls = ServerConnection::new(tls::server()).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(tls, stream);
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock)?;
            }
            let sni = stream.conn.server_name().map(ToOwned::to_owned);
            return self.talk(&mut stream, &socket, |request| Incoming { is_tls: true, sni, ..request });
        }
        let mut stream = stream;
        self.talk(&mut stream, &socket, |request| request)
    }

    fn talk(
        &self,
        stream: &mut (impl Read + Write),
        socket: &TcpStream,
        met: impl FnOnce(Incoming) -> Incoming + Clone,
    ) -> io::Result<()> {
        while let Some(request) = wire::read(stream)?.map(met.clone()) {
            let number = {
                let mut log = self.log.lock().unwrap();
                log.push(request.clone());
                log.len() - 1
            };
            match (self.script)(number, &request) {
                Reply::Answer(answer) => answer.write(stream)?,
                Reply::AnswerAndLeave(answer) => return answer.write(stream),
                Reply::Held(gate, answer) => {
                    gate.wait();
                    answer.write(stream)?;
                }
                Reply::Reset => return reset(socket),
                Reply::Cut(answer) => {
                    stream.write_all(&[answer.head(), answer.body[..answer.body.len() / 2].to_vec()].concat())?;
                    stream.flush()?;
                    return reset(socket);
                }
                Reply::Silence => return self.hold_until_closed(socket, || Ok(())),
                Reply::Trickle(answer) => {
                    stream.write_all(&answer.head())?;
                    let mut rest = answer.body.iter();
                    return self.hold_until_closed(socket, || {
                        rest.next().map_or(Ok(()), |byte| stream.write_all(&[*byte]).and_then(|()| stream.flush()))
                    });
                }
            }
        }
        Ok(())
    }

    fn hold_until_closed(&self, socket: &TcpStream, mut tick: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        while !self.is_over.load(Ordering::SeqCst) {
            match socket.peek(&mut [0]) {
                Ok(0) => break,
                Ok(_) => thread::sleep(Duration::from_millis(50)),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
            tick()?;
        }
        Ok(())
    }
}

const TLS_HANDSHAKE: u8 = 22;

/// Makes the kernel send a reset instead of a FIN when the socket is dropped.
fn reset(socket: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO))
}
