//! `uts/rest/unit/request_endpoint.md`: requests go to the primary domain first.

use super::{Case, OfClient};
use crate::harness::{KEY, Kind, Reply, Setup, World};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSC25/default-primary-domain-0", default_primary),
    OfClient("rest/unit/RSC25/custom-endpoint-domain-1", custom_endpoint),
    OfClient("rest/unit/RSC25/multiple-requests-primary-domain-2", several_requests),
    OfClient("rest/unit/RSC25/primary-tried-before-fallback-3", primary_before_fallback),
    OfClient("rest/unit/RSC25/request-path-preserved-4", path_and_query),
];

const PRIMARY: &str = "main.realtime.ably.net";

fn default_primary(kind: Kind) {
    let world = World::new(|_, _| Reply::time(1));
    kind.connect(&world, &Setup::key(KEY)).time().unwrap();
    assert_eq!(world.only().host(), PRIMARY);
}

fn custom_endpoint(kind: Kind) {
    let world = World::new(|_, _| Reply::time(1));
    kind.connect(&world, &Setup::key(KEY).endpoint("test")).time().unwrap();
    assert_eq!(world.only().host(), "test.realtime.ably.net");
}

fn several_requests(kind: Kind) {
    let world = World::new(|_, _| Reply::time(1));
    let client = kind.connect(&world, &Setup::key(KEY));
    for _ in 0..3 {
        client.time().unwrap();
    }
    assert_eq!(world.hosts(), [PRIMARY; 3]);
}

fn primary_before_fallback(kind: Kind) {
    let world = World::new(|number, _| if number == 0 { Reply::error(500, 50_000, "no") } else { Reply::time(1) });
    kind.connect(&world, &Setup::key(KEY)).time().unwrap();
    let hosts = world.hosts();
    assert_eq!((hosts.len(), &*hosts[0]), (2, PRIMARY));
    assert_ne!(hosts[1], PRIMARY);
}

fn path_and_query(kind: Kind) {
    let world = World::new(|_, _| Reply::json(200, &serde_json::json!([])));
    kind.connect(&world, &Setup::key(KEY)).get("/channels/test-channel/messages?limit=2&direction=forwards").unwrap();
    let request = world.only();
    assert_eq!(request.host(), PRIMARY);
    assert_eq!((&*request.method, &*request.path), ("GET", "/channels/test-channel/messages"));
    assert_eq!((request.param("limit"), request.param("direction")), (Some("2"), Some("forwards")));
}
