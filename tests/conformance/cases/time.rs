//! `uts/rest/unit/time.md`: requests for the service's time.

use super::{Case, OfClient};
use crate::harness::{KEY, Kind, Reply, Setup, World};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSC16/returns-server-time-0", returns_server_time),
    OfClient("rest/unit/RSC16/request-format-get-time-1", request_format),
    OfClient("rest/unit/RSC16/no-auth-required-2", no_auth_required),
    OfClient("rest/unit/RSC16/works-without-tls-3", works_without_tls),
    OfClient("rest/unit/RSC16/error-propagated-4", error_propagated),
];

const NEW_YEAR: u64 = 1_704_067_200_000;

fn returns_server_time(kind: Kind) {
    let world = World::new(|_, _| Reply::time(NEW_YEAR));
    let time = kind.connect(&world, &Setup::key(KEY)).time().unwrap();
    assert_eq!(time.as_millis(), NEW_YEAR);
    let request = world.only();
    assert_eq!((&*request.method, &*request.path), ("GET", "/time"));
}

fn request_format(kind: Kind) {
    let world = World::new(|_, _| Reply::time(NEW_YEAR));
    kind.connect(&world, &Setup::key(KEY)).time().unwrap();
    let request = world.only();
    assert!(request.header("x-ably-version").is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit())));
    assert!(request.header("ably-agent").is_some_and(|agent| agent.contains('/')));
    assert!(request.is_tls && request.sni.as_deref() == Some("main.realtime.ably.net"));
}

fn no_auth_required(kind: Kind) {
    let world = World::new(|_, _| Reply::time(NEW_YEAR));
    kind.connect(&world, &Setup::key(KEY)).time().unwrap();
    assert_eq!(world.only().authorization(), None, "the key is not sent");
}

fn works_without_tls(kind: Kind) {
    let world = World::new(|_, _| Reply::time(NEW_YEAR));
    let setup = Setup::from(crate::harness::AuthSetup::default().key(KEY).use_token_auth(true)).no_tls();
    kind.connect(&world, &setup).time().unwrap();
    let request = world.only();
    assert!(!request.is_tls);
    assert_eq!(request.authorization(), None);
}

fn error_propagated(kind: Kind) {
    let world = World::new(|_, _| Reply::error(500, 50_000, "Internal server error"));
    let error = kind.connect(&world, &Setup::key(KEY)).time().unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (50_000, 500));
}
