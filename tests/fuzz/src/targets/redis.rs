//! Replies of the Redis script, as bytes of the protocol. A reply that is encoded here is read as it was; any records that
//! a reply brings leave a service that still answers.
//!
//! The first byte selects raw bytes, or a reply whose fields the rest gives.

use ably_auth_core::Timestamp;
use ably_auth_server::store::{Memory, Record, Store as _};
use ably_auth_server::{Apps, Service};
use bytes::Bytes;
use http::Request;

use crate::choices::Choices;
use crate::doors::redis_reply;
use crate::memory::Bound;
use crate::{NOW, SECRET};

const MEMORY: Bound = Bound { fixed: 8 * 1024, factor: 128 };

pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    if choices.byte() % 4 == 0 {
        let bytes = choices.rest();
        // A bulk announces its length, and the reader of the library may reserve it.
        if let Some((_, records)) = redis_reply(bytes) {
            assert_answers(records.into_iter().map(|(record, _)| record).collect());
        }
        return;
    }
    let mut expected = Vec::new();
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for _ in 0..choices.below(4) {
        let prefix = choices.one(&["", "app/", "key/", "revoked/", "secret/current", "secret/earlier/"]);
        let length = choices.below(24);
        let name = format!("{prefix}{}", String::from_utf8_lossy(choices.bytes(length)));
        let length = usize::from(choices.byte());
        let value = choices.bytes(length).to_vec();
        let is_there = choices.byte() % 8 != 0;
        let expires = (choices.byte() % 2 == 0).then(|| u64::from(choices.byte()) << choices.below(56));
        let version = u64::from(choices.byte());
        let expires_text = expires.map(|millis| millis.to_string()).unwrap_or_default();
        let there: &[u8] = if is_there { b"1" } else { b"0" };
        fields.extend([
            name.clone().into_bytes(),
            there.to_vec(),
            value.clone(),
            expires_text.into_bytes(),
            version.to_string().into_bytes(),
        ]);
        let value = is_there.then(|| value.into());
        expected.push((Record { name: name.into(), value, expires: expires.map(Timestamp::from_millis) }, version));
    }
    let bytes = encode(&fields);
    let read = MEMORY.check(bytes.len(), || redis_reply(&bytes));
    assert_eq!(read, Some(("ok".to_owned(), expected.clone())));
    // A reply that ends early is refused.
    let cut = choices.below(256) % bytes.len();
    assert_eq!(redis_reply(&bytes[..cut]), None);
    assert_answers(expected.into_iter().map(|(record, _)| record).collect());
}

fn encode(fields: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"*9\r\n$2\r\nok\r\n$1\r\ng\r\n:5\r\n:1449746287318\r\n:0\r\n:0\r\n:0\r\n:0\r\n".to_vec();
    bytes.extend(format!("*{}\r\n", fields.len()).into_bytes());
    for field in fields {
        bytes.extend(format!("${}\r\n", field.len()).into_bytes());
        bytes.extend(field);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// Asserts that a service which has learned these records answers, or refuses because it cannot read them.
fn assert_answers(records: Vec<Record>) {
    let memory = Memory::new();
    memory.feed().publish(records);
    let apps = Apps::of_key(format!("app.key:{SECRET}").parse().unwrap());
    let service = Service::builder().apps(apps).sandbox(true).store(memory).service_secret([7; 32]);
    let Ok(service) = service.clock(|| Timestamp::from_millis(NOW)).build() else { return };
    let request =
        Request::get("/channels/a").header("Authorization", "Basic YXBwLmtleTphbi1leGFtcGxlLW5vdC1hLXNlY3JldA==");
    let response = super::service::answer(&service, request.body(Bytes::new()).unwrap());
    let code = response.headers().get("x-ably-errorcode").and_then(|code| code.to_str().ok()?.parse::<u32>().ok());
    assert!(response.status().as_u16() < 500 || code == Some(50003), "{response:?}");
    assert!(!format!("{:?}", response.body()).contains(SECRET));
}
