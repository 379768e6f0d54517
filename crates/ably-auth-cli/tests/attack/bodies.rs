//! Bodies from unauthenticated clients: as large as the service reads, and as expensive to parse as a client can make
//! them.

use std::io::Write as _;
use std::sync::Barrier;
use std::thread;

use crate::support::{ATTACKER, Attack, Connection, RedisServer, Request, pick};

const BOUND_MIB: u64 = 256;
const CONNECTIONS: usize = 250;
const THREADS: usize = 25;
const BODY_BYTES: usize = 63_000;

/// Returns a MessagePack map with a key name and an unknown field, which is an array of small maps.
fn msgpack_maps() -> Vec<u8> {
    let count = 21_000_u16;
    let mut body = vec![0x82, 0xa7];
    body.extend(b"keyName\xa9nope.nope\xa1x\xdc");
    body.extend(count.to_be_bytes());
    body.extend([0x81, 0xa0, 0xc0].repeat(count.into()));
    body
}

fn json_of(piece: &str, separator: &str, around: [&str; 2]) -> Vec<u8> {
    let count = BODY_BYTES / (piece.len() + separator.len());
    let list = vec![piece; count].join(separator);
    format!(r#"{{"keyName":"nope.nope","x":{}{list}{}}}"#, around[0], around[1]).into_bytes()
}

fn nested() -> Vec<u8> {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    json_of(&deep, ",", ["[", "]"])
}

fn fields(name: impl Fn(usize) -> String) -> Vec<u8> {
    let mut body = String::from(r#"{"keyName":"nope.nope""#);
    for nth in 0.. {
        let field = format!(",{}", name(nth));
        if body.len() + field.len() >= BODY_BYTES {
            break;
        }
        body += &field;
    }
    (body + "}").into_bytes()
}

/// Returns a request for each kind of body and each path.
pub(crate) fn requests() -> Vec<Request> {
    let json = [
        json_of(r#"{"":0}"#, ",", ["[", "]"]),
        nested(),
        json_of(r"\u0041\n", "", ["\"", "\""]),
        fields(|_| r#""keyName":"nope.nope""#.into()),
        fields(|nth| format!(r#""f{nth}":0"#)),
    ];
    let paths = ["/keys/nope.nope/requestToken", "/keys/nope.nope/revokeTokens", "/channels/x/messages"];
    paths
        .iter()
        .flat_map(|path| {
            let of_path = json.iter().map(|body| Request::json(path, body.clone()));
            [Request::msgpack(path, msgpack_maps())].into_iter().chain(of_path).collect::<Vec<_>>()
        })
        .collect()
}

/// Sends each request on all connections at once: holds back the last byte of each until the other bytes of all are
/// sent.
fn send_at_once(attack: &Attack, requests: &[Request]) {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for request in requests {
                    let bytes = request.bytes();
                    let (most, last) = bytes.split_at(bytes.len() - 1);
                    let mut open: Vec<_> = (0..CONNECTIONS / THREADS)
                        .filter_map(|_| Connection::open(ATTACKER, &attack.service).ok())
                        .filter_map(|mut connection| connection.stream.write_all(most).ok().map(|()| connection))
                        .collect();
                    attack.count(open.len() * bytes.len());
                    barrier.wait();
                    open.retain_mut(|connection| connection.stream.write_all(last).is_ok());
                    for mut connection in open {
                        // The service may refuse the body in any way: only the cost is measured.
                        let _ = connection.answer();
                    }
                    barrier.wait();
                }
            });
        }
    });
}

#[test]
fn stranger_bodies_in_memory_are_bounded() {
    Attack::new("unauthenticated bodies", BOUND_MIB, &[]).run(|attack| {
        for _ in 0..pick(1, 5) {
            send_at_once(attack, &requests()[..pick(6, 18)]);
        }
    });
}

#[test]
fn stranger_bodies_with_stalled_redis_are_bounded() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let options = ["--redis", &redis.url(), "--redis-is-new"];
    Attack::new("unauthenticated bodies, Redis stalled", BOUND_MIB, &options).run_alone(|attack| {
        redis.stopped(|| send_at_once(attack, &requests()[..pick(2, 18)]));
    });
}
