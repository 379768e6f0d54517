//! `uts/rest/unit/fallback.md`: the primary host and the fallback hosts.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{Case, OfClient};
use crate::harness::{AuthSetup, Gate, Host, KEY, Kind, Reply, Setup, World};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSC15m/no-fallback-empty-hosts-0", no_fallback_hosts),
    OfClient("rest/unit/RSC15a/fallback-random-order-0", random_order),
    OfClient("rest/unit/RSC15l/qualifying-errors-trigger-fallback-0", qualifying_errors),
    OfClient("rest/unit/RSC15l4/cloudfront-error-triggers-fallback-0", cloudfront),
    OfClient("rest/unit/RSC15l/connection-refused-fallback-0", connection_refused),
    OfClient("rest/unit/RSC15l/dns-error-fallback-1", dns_error),
    OfClient("rest/unit/RSC15l/connection-timeout-fallback-2", connection_timeout),
    OfClient("rest/unit/RSC15l/request-timeout-fallback-3", request_timeout),
    OfClient("rest/unit/RSC15l/http-5xx-triggers-fallback-4", status_5xx),
    OfClient("rest/unit/RSC15l/http-4xx-no-fallback-5", status_4xx),
    OfClient("rest/unit/RSC15j/host-header-matches-request-0", host_header),
    OfClient("rest/unit/RSC15f/successful-fallback-cached-0", fallback_is_remembered),
    OfClient("rest/unit/RSC15f/cached-fallback-expires-1", memory_expires),
    OfClient("rest/unit/RSC15f/expired-not-resurrected-2", late_success_restores_nothing),
    OfClient("rest/unit/REC1a/default-primary-domain-0", default_primary),
    OfClient("rest/unit/REC1b2/explicit-hostname-with-period-0", host_name),
    OfClient("rest/unit/REC1b2/endpoint-localhost-1", localhost),
    OfClient("rest/unit/REC1b2/endpoint-ipv6-address-2", ipv6_address),
    OfClient("rest/unit/REC1b3/nonprod-routing-policy-0", nonprod_policy),
    OfClient("rest/unit/REC1b4/production-routing-policy-0", production_policy),
    OfClient("rest/unit/REC2c1/default-fallback-domains-0", default_fallbacks),
    OfClient("rest/unit/REC2a2/custom-fallback-hosts-0", custom_fallbacks),
    OfClient("rest/unit/REC2c2/explicit-hostname-no-fallbacks-0", no_fallbacks_of_host_name),
    OfClient("rest/unit/REC2c3/nonprod-fallback-domains-0", nonprod_fallbacks),
    OfClient("rest/unit/REC2c4/production-endpoint-fallback-domains-0", production_fallbacks),
];

const PRIMARY: &str = "main.realtime.ably.net";
/// A timeout that is still long enough for an answer under load.
const SHORT: Duration = Duration::from_millis(300);

fn five(prefix: &str, domain: &str) -> HashSet<String> {
    "abcde".chars().map(|letter| format!("{prefix}.{letter}.fallback.{domain}")).collect()
}

fn failure() -> Reply {
    Reply::json(500, &json!({ "error": { "code": 50_000 } }))
}

/// Returns a world in which the first request gets `first`, and all others succeed.
fn first_meets(first: Reply) -> World {
    World::new(move |number, _| if number == 0 { first.clone() } else { Reply::time(1) })
}

/// Checks that the primary and one fallback were asked once each, and returns the fallback.
fn fell_back(world: &World) -> String {
    let hosts = world.hosts();
    assert_eq!(hosts.len(), 2, "{hosts:?}");
    assert_eq!(hosts[0], PRIMARY);
    assert!(five("main", "ably-realtime.com").contains(&hosts[1]), "{hosts:?}");
    hosts[1].clone()
}

fn falls_back_after(kind: Kind, first: Reply) {
    let setup = match first {
        Reply::Silence | Reply::Trickle(_) => Setup::key(KEY).request_timeout(SHORT),
        _ => Setup::key(KEY),
    };
    let world = first_meets(first);
    kind.connect(&world, &setup).time().unwrap();
    fell_back(&world);
}

fn does_not_fall_back_after(kind: Kind, first: Reply, status: u16) {
    let world = first_meets(first);
    let error = kind.connect(&world, &Setup::key(KEY)).time().unwrap_err();
    assert_eq!(error.status_code(), status);
    assert_eq!(world.hosts(), [PRIMARY]);
}

fn no_fallback_hosts(kind: Kind) {
    let world = first_meets(failure());
    let error = kind.connect(&world, &Setup::key(KEY).fallback_hosts(&[])).time().unwrap_err();
    assert_eq!(error.status_code(), 500);
    assert_eq!(world.log().len(), 1);
}

fn random_order(kind: Kind) {
    let mut orders = HashSet::new();
    for _ in 0..12 {
        let world = World::new(|_, _| failure());
        kind.connect(&world, &Setup::key(KEY).max_retries(5)).time().unwrap_err();
        let mut hosts = world.hosts();
        assert_eq!(hosts.remove(0), PRIMARY);
        assert_eq!(hosts.iter().cloned().collect::<HashSet<_>>(), five("main", "ably-realtime.com"));
        assert_eq!(hosts.len(), 5, "each host is asked once");
        orders.insert(hosts);
    }
    assert!(orders.len() > 1, "one of 120 orders occurred twelve times");
}

fn qualifying_errors(kind: Kind) {
    for status in 500..=504 {
        falls_back_after(kind, Reply::error(status, u32::from(status) * 100, "no"));
    }
    for broken in [Reply::Reset, Reply::Silence, Reply::time(1).cut(), Reply::time(1_234_567_890_000).trickle()] {
        falls_back_after(kind, broken);
    }
    for status in [400, 401, 404] {
        does_not_fall_back_after(kind, Reply::error(status, u32::from(status) * 100, "no"), status);
    }
}

fn cloudfront(kind: Kind) {
    falls_back_after(kind, Reply::json(403, &json!({ "error": "Forbidden" })).with_header("server", "CloudFront"));
    does_not_fall_back_after(kind, Reply::error(403, 40_300, "Forbidden").with_header("server", "nginx"), 403);
}

/// Checks that a client uses a fallback if the primary is unreachable in this way.
fn primary_is(kind: Kind, host: Host) {
    let world = World::new(|_, _| Reply::time(1));
    world.network.set(PRIMARY, host);
    kind.connect(&world, &Setup::key(KEY).open_timeout(SHORT)).time().unwrap();
    let asked = world.network.asked();
    assert_eq!((asked.len(), &*asked[0]), (2, PRIMARY));
    assert_eq!(world.hosts(), asked[1..]);
    assert!(five("main", "ably-realtime.com").contains(&asked[1]), "{asked:?}");
}

fn connection_refused(kind: Kind) {
    primary_is(kind, Host::Refuses);
}

fn dns_error(kind: Kind) {
    primary_is(kind, Host::Unknown);
}

fn connection_timeout(kind: Kind) {
    primary_is(kind, Host::Mute);
}

fn request_timeout(kind: Kind) {
    falls_back_after(kind, Reply::Silence);
}

fn status_5xx(kind: Kind) {
    for status in 500..=504 {
        falls_back_after(kind, Reply::json(status, &json!({ "error": { "code": u32::from(status) * 100 } })));
    }
}

fn status_4xx(kind: Kind) {
    for status in [400, 401, 404] {
        let answer = Reply::json(status, &json!({ "error": { "code": u32::from(status) * 100 } }));
        does_not_fall_back_after(kind, answer, status);
    }
}

fn host_header(kind: Kind) {
    let world = first_meets(failure());
    kind.connect(&world, &Setup::key(KEY)).time().unwrap();
    let log = world.log();
    assert_eq!(log.len(), 2);
    for request in &log {
        assert_eq!(request.header("host"), request.sni.as_deref(), "the Host header names the connected host");
    }
    assert_ne!(log[0].header("host"), log[1].header("host"));
}

fn fallback_is_remembered(kind: Kind) {
    let world = first_meets(failure());
    let client = kind.connect(&world, &Setup::key(KEY).fallback_retry_timeout(Duration::from_secs(60)));
    client.time().unwrap();
    let fallback = fell_back(&world);
    world.clock.advance(Duration::from_secs(59));
    client.time().unwrap();
    assert_eq!(world.hosts()[2..], [fallback]);
}

fn memory_expires(kind: Kind) {
    let world = first_meets(failure());
    let client = kind.connect(&world, &Setup::key(KEY).fallback_retry_timeout(Duration::from_secs(60)));
    client.time().unwrap();
    fell_back(&world);
    world.clock.advance(Duration::from_secs(60));
    client.time().unwrap();
    assert_eq!(world.hosts()[2..], [PRIMARY]);
}

fn late_success_restores_nothing(kind: Kind) {
    let (arrived, may_answer) = (Gate::default(), Gate::default());
    let (arrival, answer) = (arrived.clone(), may_answer.clone());
    let world = World::new(move |number, _| match number {
        0 => failure(),
        2 => {
            arrival.open();
            Reply::time(1).held(&answer)
        }
        _ => Reply::time(1),
    });
    let client = kind.connect(&world, &Setup::key(KEY).fallback_retry_timeout(Duration::from_secs(60)));
    client.time().unwrap();
    let fallback = fell_back(&world);
    thread::scope(|scope| {
        let late = scope.spawn(|| client.time());
        arrived.wait();
        world.clock.advance(Duration::from_secs(61));
        client.time().unwrap();
        may_answer.open();
        late.join().unwrap().unwrap();
    });
    client.time().unwrap();
    assert_eq!(world.hosts()[2..], [&*fallback, PRIMARY, PRIMARY]);
}

/// Returns the host that a client with this setup sends its request to.
fn primary_of(kind: Kind, setup: &Setup) -> String {
    let world = World::new(|_, _| Reply::time(1));
    kind.connect(&world, setup).time().unwrap();
    world.only().host().to_owned()
}

fn default_primary(kind: Kind) {
    assert_eq!(primary_of(kind, &Setup::key(KEY)), PRIMARY);
}

fn host_name(kind: Kind) {
    let setup = Setup::key(KEY).endpoint("custom.ably.example.com");
    assert_eq!(primary_of(kind, &setup), "custom.ably.example.com");
}

fn localhost(kind: Kind) {
    assert_eq!(primary_of(kind, &Setup::key(KEY).endpoint("localhost")), "localhost");
}

fn ipv6_address(kind: Kind) {
    // An address is not resolved, so a proxy redirects the request to the server. reqwest tunnels no plain HTTP, so no
    // TLS.
    let setup = Setup::from(AuthSetup::default().key(KEY).use_token_auth(true)).endpoint("::1").no_tls().by_proxy();
    assert_eq!(primary_of(kind, &setup), "[::1]");
}

fn nonprod_policy(kind: Kind) {
    let setup = Setup::key(KEY).endpoint("nonprod:staging");
    assert_eq!(primary_of(kind, &setup), "staging.realtime.ably-nonprod.net");
}

fn production_policy(kind: Kind) {
    assert_eq!(primary_of(kind, &Setup::key(KEY).endpoint("test")), "test.realtime.ably.net");
}

/// Returns the primary and all fallbacks that a client asks if each of them fails.
fn all_asked(kind: Kind, setup: Setup) -> (String, HashSet<String>) {
    let world = World::new(|_, _| failure());
    kind.connect(&world, &setup.max_retries(9)).time().unwrap_err();
    let mut hosts = world.hosts().into_iter();
    (hosts.next().unwrap(), hosts.collect())
}

fn default_fallbacks(kind: Kind) {
    let (primary, fallbacks) = all_asked(kind, Setup::key(KEY));
    assert_eq!((&*primary, fallbacks), (PRIMARY, five("main", "ably-realtime.com")));
}

fn custom_fallbacks(kind: Kind) {
    let custom = ["fb1.example.com", "fb2.example.com", "fb3.example.com"];
    let (primary, fallbacks) = all_asked(kind, Setup::key(KEY).fallback_hosts(&custom));
    assert_eq!(primary, PRIMARY);
    assert_eq!(fallbacks, custom.into_iter().map(ToOwned::to_owned).collect());
}

fn no_fallbacks_of_host_name(kind: Kind) {
    let world = World::new(|_, _| failure());
    kind.connect(&world, &Setup::key(KEY).endpoint("custom.ably.example.com")).time().unwrap_err();
    assert_eq!(world.hosts(), ["custom.ably.example.com"]);
}

fn nonprod_fallbacks(kind: Kind) {
    let (primary, fallbacks) = all_asked(kind, Setup::key(KEY).endpoint("nonprod:staging"));
    assert_eq!(primary, "staging.realtime.ably-nonprod.net");
    assert_eq!(fallbacks, five("staging", "ably-realtime-nonprod.com"));
}

fn production_fallbacks(kind: Kind) {
    let (primary, fallbacks) = all_asked(kind, Setup::key(KEY).endpoint("test"));
    assert_eq!(primary, "test.realtime.ably.net");
    assert_eq!(fallbacks, five("test", "ably-realtime.com"));
}
