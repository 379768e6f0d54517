//! Inputs of both benchmarks of core.

use ably_auth_core::{
    ApiKey, Capability, JwtFields, Nonce, Operation, Timestamp, TokenParams, TokenRequestFields, Ttl,
};

pub const NOW: Timestamp = Timestamp::from_millis(1_785_312_000_123);
pub const RANDOM: [u8; 16] = *b"not random at al";

const CLIENT_ID: &str = "customer-1042171";
const CAPABILITY: &str = r#"{"chat:room":["publish","subscribe"]}"#;
const JWT_CAPABILITY: &str = r#"{"chat:*":["history","presence","publish","subscribe"]}"#;

pub fn key() -> ApiKey {
    ApiKey::parse("xVLyHw.aBcDeF:dGhpcyBpcyBub3QgYSBzZWNyZXQgYXQgYWxsISEh").unwrap()
}

/// Returns the fields of a token request, whose canonical text has 124 bytes.
pub fn fields<'a>(key: &'a ApiKey, nonce: &'a Nonce) -> TokenRequestFields<'a> {
    TokenRequestFields {
        key_name: key.key_name().as_str(),
        ttl: Some(Ttl::DEFAULT),
        capability: Some(CAPABILITY),
        client_id: Some(CLIENT_ID),
        timestamp: NOW,
        nonce: nonce.as_str(),
    }
}

/// Returns the same request as [`fields`], as `TokenParams`.
pub fn params() -> TokenParams {
    TokenParams::new().client_id(CLIENT_ID).ttl(Ttl::DEFAULT).capability(CAPABILITY)
}

pub fn nonce() -> Nonce {
    Nonce::from_random(&RANDOM)
}

/// Returns the fields of a JWT of 325 characters.
pub fn jwt_fields(key: &ApiKey) -> JwtFields<'_> {
    JwtFields {
        capability: Some(JWT_CAPABILITY),
        client_id: Some(CLIENT_ID),
        ..JwtFields::new(key.key_name().as_str(), NOW, Ttl::DEFAULT)
    }
}

/// Returns the same JWT as [`jwt_fields`], as `TokenParams`.
pub fn jwt_params() -> TokenParams {
    TokenParams::new().client_id(CLIENT_ID).capability(JWT_CAPABILITY)
}

/// Returns a capability of 50 resources: 20 channels, 15 namespaces, 10 with a wildcard in the middle, and 5 with
/// brackets. Resources with an even number permit `publish`.
pub fn capability() -> Capability {
    let channels = (0..20).map(|n| (n, format!("chat:room{n}")));
    let tails = (0..15).map(|n| (n, format!("team{n}:*")));
    let middles = (0..10).map(|n| (n, format!("org:*:desk{n}")));
    let queues = (0..3).map(|n| (n, format!("[queue]jobs{n}")));
    let metachannels = ["[meta]log", "[meta]channel.lifecycle"].map(|name| (1, name.into()));
    let resources = channels.chain(tails).chain(middles).chain(queues).chain(metachannels);
    resources.fold(Capability::none(), |capability, (n, resource)| {
        let operation = if n % 2 == 0 { Operation::Publish } else { Operation::History };
        capability.with(&resource, [operation, Operation::Subscribe]).unwrap()
    })
}

/// Returns a requested capability. The one above covers some of it wholly, some of it in part, and some not at all.
pub fn asked() -> Capability {
    let text =
        r#"{"chat:*":["publish","presence"],"org:acme:*":["subscribe"],"team3:red":["*"],"status":["subscribe"]}"#;
    text.parse().unwrap()
}

/// Names with the right to publish, by a resource of the same name.
pub const BY_NAME: [&str; 8] =
    ["chat:room0", "chat:room2", "chat:room4", "chat:room6", "chat:room8", "chat:room10", "chat:room12", "chat:room14"];

/// Names with the right to publish, by a wildcard.
pub const BY_WILDCARD: [&str; 8] = [
    "team0:red",
    "team2:blue:42",
    "team4:green",
    "team6:red:7",
    "org:acme:desk0",
    "org:acme:desk2",
    "org:umbrella:desk4",
    "org:initech:desk6",
];

/// Names without the right to publish: some are not covered, some only for other operations.
pub const DENIED: [&str; 8] = [
    "chat:room99",
    "forum:general",
    "team77:red",
    "org:acme:desk77",
    "chat:room1",
    "team3:red",
    "org:acme:desk5",
    "status",
];
