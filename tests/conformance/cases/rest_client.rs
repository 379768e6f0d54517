//! `uts/rest/unit/rest_client.md`: headers, ids and timeouts of requests.

use std::time::Duration;

use super::{Case, OfClient};
use crate::harness::{AuthSetup, KEY, Kind, Reply, Setup, World, token};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSC7e/ably-version-header-0", version_header),
    OfClient("rest/unit/RSC7d/ably-agent-header-format-0", agent_header),
    OfClient("rest/unit/RSC7c/request-id-included-0", request_id),
    OfClient("rest/unit/RSC7c/request-id-preserved-fallback-1", same_request_id),
    OfClient("rest/unit/RSC13/request-timeout-enforced-0", request_timeout),
    OfClient("rest/unit/RSC18/tls-controls-protocol-scheme-0", tls_or_not),
    OfClient("rest/unit/RSC18/basic-auth-over-http-rejected-1", no_basic_without_tls),
];

fn version_header(kind: Kind) {
    let world = World::new(|_, _| Reply::time(1));
    kind.connect(&world, &Setup::key(KEY)).time().unwrap();
    let request = world.only();
    let version = request.header("x-ably-version").expect("a version");
    assert!(!version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.'), "{version}");
}

fn agent_header(kind: Kind) {
    let world = World::new(|_, _| Reply::time(1));
    kind.connect(&world, &Setup::key(KEY)).time().unwrap();
    let request = world.only();
    let agent = request.header("ably-agent").expect("an agent");
    let library = agent.split(' ').next().unwrap();
    let (name, version) = library.split_once('/').expect("a name and a version");
    assert!(name.starts_with("ably-") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{agent}");
    let numbers: Vec<_> = version.split('.').map(|number| number.parse::<u32>().is_ok()).collect();
    assert_eq!(numbers, [true; 3], "{agent}");
}

fn is_url_safe(id: &str) -> bool {
    id.len() >= 12 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn request_id(kind: Kind) {
    let world = World::new(|_, _| Reply::time(1));
    let client = kind.connect(&world, &Setup::key(KEY).add_request_ids());
    client.time().unwrap();
    client.time().unwrap();
    let ids: Vec<_> = world.log().iter().map(|request| request.param("request_id").unwrap().to_owned()).collect();
    assert!(ids.iter().all(|id| is_url_safe(id)), "{ids:?}");
    assert_ne!(ids[0], ids[1]);

    let failing = World::new(|_, _| Reply::error(404, 40_400, "no"));
    let error = kind.connect(&failing, &Setup::key(KEY).add_request_ids()).get("/channels/test").unwrap_err();
    assert_eq!(error.request_id(), failing.only().param("request_id"));
}

fn same_request_id(kind: Kind) {
    let world = World::new(|number, _| if number == 0 { Reply::error(500, 50_000, "no") } else { Reply::time(1) });
    let setup = Setup::key(KEY).add_request_ids().fallback_hosts(&["a.example.com", "b.example.com"]);
    kind.connect(&world, &setup).time().unwrap();
    let log = world.log();
    assert_eq!(log.len(), 2);
    assert!(log[0].param("request_id").is_some_and(is_url_safe));
    assert_eq!(log[0].param("request_id"), log[1].param("request_id"));
}

fn request_timeout(kind: Kind) {
    for slow in [Reply::Silence, Reply::time(1_234_567_890_000).trickle()] {
        let world = World::new(move |_, _| slow.clone());
        let setup = Setup::key(KEY).request_timeout(Duration::from_millis(200)).fallback_hosts(&[]);
        let error = kind.connect(&world, &setup).time().unwrap_err();
        assert_eq!(error.ably_code().as_u32(), 50_003, "{error:?}");
        assert_eq!(world.log().len(), 1);
    }
}

fn tls_or_not(kind: Kind) {
    let setup = || Setup::from(AuthSetup::default().key(KEY).use_token_auth(true));
    for (setup, is_tls) in [(setup(), true), (setup().no_tls(), false)] {
        let world = World::new(|_, _| Reply::time(1));
        kind.connect(&world, &setup).time().unwrap();
        assert_eq!(world.only().is_tls, is_tls);
    }
}

fn no_basic_without_tls(kind: Kind) {
    let world = World::new(|_, _| Reply::time(1));
    let Err(error) = kind.try_connect(&world, &Setup::key(KEY).no_tls()) else {
        panic!("Basic auth without TLS was accepted")
    };
    assert_eq!(error.ably_code().as_u32(), 40_103);
    assert_eq!(world.connections(), 0);
    kind.connect(&world, &Setup::token(token("some-token-string")).no_tls()).time().unwrap();
    assert!(!world.only().is_tls);
}
