//! Answers that the client does not read, or reads slowly.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{ATTACKER, Attack, Connection, Request, open_from, pick, token};

const BOUND_MIB: u64 = 512;
const PATH: &str = "/channels/large/messages";

/// Publishes messages of 65,300 NULs, which JSON escapes as six characters each. Returns the `Authorization` header.
fn fill(attack: &Attack, messages: usize) -> String {
    let bearer = token(&attack.service, "app0.key");
    let mut body = b"\x81\xa4data\xda".to_vec();
    body.extend(65_300_u16.to_be_bytes());
    body.extend([0; 65_300]);
    let mut connection = Connection::open(ATTACKER, &attack.service).unwrap();
    for _ in 0..messages {
        attack.count(body.len());
        assert_eq!(connection.send(&Request::msgpack(PATH, body.clone()).with(&bearer)).unwrap().status, 201);
    }
    bearer
}

/// Requests the history on `count` connections, and reads nothing.
fn ask(attack: &Attack, bearer: &str, count: usize) -> Vec<TcpStream> {
    let request = Request::get(PATH).with(bearer).bytes();
    let asked = (0..count).filter_map(|_| {
        attack.count(request.len());
        let mut stream = open_from(ATTACKER, &attack.service).ok()?;
        stream.write_all(&request).ok().map(|()| stream)
    });
    asked.collect()
}

#[test]
fn answers_that_nobody_reads_are_bounded() {
    Attack::new("answers: 400 unread", BOUND_MIB, &[]).run(|attack| {
        let bearer = fill(attack, 16);
        let unread = ask(attack, &bearer, 400);
        thread::sleep(Duration::from_secs(pick(3, 15) as u64));
        drop(unread);
    });
}

#[test]
fn answers_that_are_read_slowly_are_bounded() {
    Attack::new("answers: 150 slow readers", BOUND_MIB, &[]).run(|attack| {
        let bearer = fill(attack, 16);
        let mut slow = ask(attack, &bearer, 150);
        slow.iter().for_each(|stream| stream.set_nonblocking(true).unwrap());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(pick(4, 30) as u64) {
            slow.retain_mut(|stream| match stream.read(&mut [0]) {
                Ok(bytes) => bytes > 0,
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            });
            thread::sleep(Duration::from_millis(100));
        }
    });
}

/// Reads 300 kB each second. A client that reads slowly but steadily must not be disconnected.
#[test]
fn steady_reader_gets_whole_answer() {
    Attack::new("answers: a reader of 300 kB/s", BOUND_MIB, &[]).run(|attack| {
        let bearer = fill(attack, pick(3, 16));
        let mut stream = ask(attack, &bearer, 1).remove(0);
        let (mut answer, mut piece) = (Vec::new(), vec![0; 30_000]);
        let length = loop {
            let bytes = stream.read(&mut piece).unwrap();
            assert!(bytes > 0, "the answer ends after {} bytes", answer.len());
            answer.extend(&piece[..bytes]);
            let ends = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            let length = ends.and_then(|ends| {
                let head = String::from_utf8_lossy(&answer[..ends]).to_ascii_lowercase();
                let length =
                    head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
                length.map(|length| ends + 4 + length)
            });
            if length.is_some_and(|length| answer.len() >= length) {
                break length.unwrap();
            }
            thread::sleep(Duration::from_millis(100));
        };
        assert_eq!(answer.len(), length);
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    });
}
