//! The measurements.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::servers::Process;
use crate::socket::Socket;

/// The number of clients that open connections at the same time.
const CLIENTS: usize = 16;

/// The number of handshakes in a round. All rounds together leave enough ports for the next ones.
const HANDSHAKES: usize = 1_600;
const ROUNDS: usize = 5;

const MEASURED_FOR_MEMORY: usize = 4_000;
const MANY: usize = 1_008;
const IDLE: usize = 10_000;
const IDLE_TIME: Duration = Duration::from_secs(60);

/// The time for a server to finish the work of opening connections.
const SETTLING: Duration = Duration::from_secs(2);

/// A measurement that takes longer than this has failed.
const TIMEOUT: Duration = Duration::from_secs(60);

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Returns the handshakes a second of a round.
async fn round(address: SocketAddr, tokens: &[String]) -> f64 {
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for nth in 0..CLIENTS {
        let token = tokens.get(nth).cloned();
        clients.spawn(async move {
            for _ in 0..HANDSHAKES / CLIENTS {
                match &token {
                    Some(token) => drop(Socket::connect(address, token, "").await),
                    None => {
                        let mut socket = Socket::open(address, "/").await;
                        socket.send("hello").await;
                        assert_eq!(socket.next().await.as_deref(), Some(&b"hello"[..]));
                    }
                }
            }
        });
    }
    clients.join_all().await;
    HANDSHAKES as f64 / begun.elapsed().as_secs_f64()
}

/// Measures handshakes: TCP, upgrade with a token, and CONNECTED; for the echo until its first message is back.
pub async fn handshakes() -> Outcome {
    let (echo, service) = (Process::start("echo").await, Process::start("service").await);
    let mut tokens = Vec::new();
    for nth in 0..CLIENTS {
        tokens.push(service.token(nth, "handshake").await);
    }
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    let mut cpu = [Duration::ZERO; 2];
    for nth in 0..=ROUNDS {
        let before = [echo.cpu(), service.cpu()];
        let (of_echo, of_service) = (round(echo.address, &[]).await, round(service.address, &tokens).await);
        // The first round is the warm-up.
        if nth > 0 {
            bare.push(of_echo);
            ours.push(of_service);
            cpu = [cpu[0] + echo.cpu() - before[0], cpu[1] + service.cpu() - before[1]];
        }
    }
    let of = |time: Duration| time.as_secs_f64() * 1e6 / (HANDSHAKES * ROUNDS) as f64;
    println!(
        "handshakes, medians of {ROUNDS} alternating rounds of {HANDSHAKES} by {CLIENTS} clients: echo {:.0}/s with \
         {:.0} µs of CPU each, service {:.0}/s with {:.0} µs",
        median(bare.clone()),
        of(cpu[0]),
        median(ours.clone()),
        of(cpu[1]),
    );
    let share = median(ours) / median(bare);
    Outcome {
        what: "handshakes a second, as a share of a bare echo's".into(),
        result: format!("{:.0} %", share * 100.0),
        target: "at least 70 %",
        holds: share >= 0.7,
    }
}

/// Opens connections, each with a task that reads until the end. Returns the tasks.
async fn open(service: &Process, count: usize, client_id: &str, parameters: &'static str) -> Vec<Socket> {
    let token: Arc<str> = service.token(0, client_id).await.into();
    let mut opening = JoinSet::new();
    for _ in 0..CLIENTS {
        let (token, address) = (Arc::clone(&token), service.address);
        opening.spawn(async move {
            let mut sockets = Vec::new();
            for _ in 0..count / CLIENTS {
                sockets.push(Socket::connect(address, &token, parameters).await);
            }
            sockets
        });
    }
    opening.join_all().await.into_iter().flatten().collect()
}

/// Measures the memory of idle connections, after others have warmed the service up.
pub async fn memory() -> Outcome {
    let service = Process::start("service").await;
    let warm = open(&service, 160, "memory00", "").await;
    tokio::time::sleep(SETTLING).await;
    let before = service.resident();
    let sockets = open(&service, MEASURED_FOR_MEMORY, "memory", "").await;
    tokio::time::sleep(SETTLING).await;
    let bytes = (service.resident() - before) / sockets.len() as f64;
    drop((warm, sockets));
    Outcome {
        what: format!("resident memory of one of {MEASURED_FOR_MEMORY} idle connections"),
        result: format!("{:.1} KB", bytes / 1e3),
        target: "at most 20 KB",
        holds: bytes <= 20e3,
    }
}

/// Measures the CPU time of idle connections, which get HEARTBEAT messages and nothing else.
pub async fn idle() -> Outcome {
    let service = Process::start("service").await;
    let sockets = open(&service, IDLE, "idle", "&heartbeats=true").await;
    let count = sockets.len();
    let mut reading = JoinSet::new();
    for mut socket in sockets {
        reading.spawn(async move { while socket.next().await.is_some() {} });
    }
    tokio::time::sleep(SETTLING).await;
    let before = service.cpu();
    tokio::time::sleep(IDLE_TIME).await;
    let share = (service.cpu() - before).as_secs_f64() / IDLE_TIME.as_secs_f64();
    let lost = std::iter::from_fn(|| reading.try_join_next()).count();
    assert_eq!(lost, 0, "idle connections were closed");
    println!(
        "idle: {count} connections use {:.1} KB each, after reading heartbeats",
        service.resident() / 1e3 / count as f64
    );
    Outcome {
        what: format!("CPU time of {count} idle connections with heartbeats, over 60 s"),
        result: format!("{:.2} % of a core", share * 100.0),
        target: "less than 1 %",
        holds: share < 0.01,
    }
}

/// Measures the time from a publish until the last of many attachments has the message.
pub async fn fan_out() -> Outcome {
    const MESSAGES: usize = 20;
    let service = Process::start("service").await;
    let sockets = open(&service, MANY, "fan-out", "").await;
    let count = sockets.len();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    for mut socket in sockets {
        let arrived = arrived.clone();
        tokio::spawn(async move {
            socket.send(r#"{"action":10,"channel":"chat"}"#).await;
            assert_eq!(socket.message().await.unwrap()["action"], 11);
            loop {
                arrived.send(Instant::now()).unwrap();
                if socket.next().await.is_none() {
                    return;
                }
            }
        });
    }
    let mut publisher = Socket::connect(service.address, &service.token(1, "fan-out").await, "").await;
    let mut all = async || {
        let mut last = None;
        for _ in 0..count {
            last = tokio::time::timeout(TIMEOUT, arrivals.recv()).await.expect("a message was not delivered");
        }
        last.unwrap()
    };
    all().await;
    let cpu = service.cpu();
    let mut times = Vec::new();
    for nth in 0..MESSAGES {
        let begun = Instant::now();
        publisher
            .send(&format!(r#"{{"action":15,"channel":"chat","msgSerial":{nth},"messages":[{{"data":"hi"}}]}}"#))
            .await;
        times.push((all().await - begun).as_secs_f64() * 1e3);
    }
    let cpu = (service.cpu() - cpu).as_secs_f64() / MESSAGES as f64;
    println!("delivery: {:.1} µs of CPU for each attachment", cpu * 1e6 / count as f64);
    let time = median(times);
    Outcome {
        what: format!("delivery of a message to {count} attachments, to the last"),
        result: format!("{time:.1} ms"),
        target: "at most 100 ms",
        holds: time <= 100.0,
    }
}

/// Measures the time from a revocation by clientId until the last of many connections has ended.
pub async fn revocation() -> Outcome {
    let (mut times, mut cpu) = (Vec::new(), Duration::ZERO);
    let mut service = Process::start("service").await;
    for client_id in ["bob", "bill", "ben"] {
        let others = open(&service, 160, "others", "").await;
        let mut ending = JoinSet::new();
        for mut socket in open(&service, MANY, client_id, "").await {
            ending.spawn(async move {
                let last = socket.message().await.expect("DISCONNECTED");
                let at = Instant::now();
                assert_eq!((&last["action"], &last["error"]["code"]), (&6.into(), &40141.into()));
                assert!(socket.next().await.is_none());
                at
            });
        }
        tokio::time::sleep(SETTLING).await;
        let (begun, before) = (Instant::now(), service.cpu());
        service.revoke(client_id).await;
        let ended =
            tokio::time::timeout(TIMEOUT, ending.join_all()).await.expect("connections go on after a revocation");
        times.push((ended.into_iter().max().unwrap() - begun).as_secs_f64() * 1e3);
        cpu += service.cpu() - before;
        drop(others);
    }
    println!("revocation: {:.1} µs of CPU for each connection", cpu.as_secs_f64() * 1e6 / (3 * MANY) as f64);
    let time = median(times);
    Outcome {
        what: format!("end of {MANY} connections by a revocation, to the last"),
        result: format!("{time:.1} ms"),
        target: "at most 100 ms",
        holds: time <= 100.0,
    }
}
