//! Properties of the order of hosts that hold for every sequence of answers.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use ably_auth::exchange::{FallbackStep, Hosts};
use ably_auth::{Async, ClientOptions, FaultKind, TransportFault};
use bytes::Bytes;
use http::{Request, Response};
use proptest::prelude::*;

use super::support::answer;

const PRIMARY: &str = "main.realtime.ably.net";

#[derive(Clone, Debug)]
struct Reply {
    status: Option<u16>,
    after: u64,
}

impl Reply {
    fn answer(&self) -> Result<Response<Bytes>, TransportFault> {
        self.status.map(|status| answer(status, "{}")).ok_or_else(|| TransportFault::new(FaultKind::TimedOut, "slow"))
    }
}

fn replies() -> impl Strategy<Value = Vec<Vec<Reply>>> {
    let status = prop_oneof![3 => Just(None), 2 => Just(Some(503)), 1 => Just(Some(200)), 1 => Just(Some(401))];
    let reply = (status, 0_u64..6).prop_map(|(status, after)| Reply { status, after });
    // Enough replies for any request.
    prop::collection::vec(prop::collection::vec(reply, 12), 1..6)
}

/// Returns the hosts that each request visits, and when, in s. The requests run one after another.
fn walk(hosts: &Hosts, requests: &[Vec<Reply>], draws: &[[u8; 16]]) -> Vec<Vec<(String, u64)>> {
    let draws = Mutex::new(draws.iter().copied().cycle());
    let random = || draws.lock().unwrap().next().unwrap();
    let mut now = 0;
    let run = |replies: &Vec<Reply>| {
        let begun = now;
        let request = Request::get(format!("https://{PRIMARY}/time")).body(Bytes::new()).unwrap();
        let mut walk = hosts.request(request, Duration::from_secs(now));
        let mut visited = Vec::new();
        let mut step = walk.start();
        for reply in replies {
            let FallbackStep::Send(request) = step else { break };
            visited.push((request.uri().host().unwrap().to_owned(), now - begun));
            now += reply.after;
            step = walk.answered(reply.answer(), Duration::from_secs(now), &random);
        }
        assert!(matches!(step, FallbackStep::Done(_)), "the request did not end");
        visited
    };
    requests.iter().map(run).collect()
}

proptest! {
    #[test]
    fn host_is_asked_once_and_retries_are_limited_in_number_and_time(
        requests in replies(),
        draws in prop::collection::vec(any::<[u8; 16]>(), 1..8),
        max in 0_usize..8,
        within in 0_u64..20,
        fallbacks in 0_usize..8,
    ) {
        let named: Vec<String> = (0..fallbacks).map(|number| format!("fb{number}.example.com")).collect();
        let options = ClientOptions::<Async>::new()
            .fallback_hosts(&named)
            .http_max_retry_count(max)
            .http_max_retry_duration(Duration::from_secs(within))
            .fallback_retry_timeout(Duration::from_secs(15));
        let hosts = || Hosts::new(options.get_endpoint(), options.get_http_settings()).unwrap();
        let walks = walk(&hosts(), &requests, &draws);
        for visited in &walks {
            let names: BTreeSet<_> = visited.iter().map(|(host, _)| host.as_str()).collect();
            prop_assert_eq!(names.len(), visited.len(), "a host was asked twice: {:?}", visited);
            prop_assert!(visited.len() <= max + 1, "{:?}", visited);
            prop_assert!(visited[1..].iter().all(|(_, after)| *after < within), "{:?}", visited);
            prop_assert!(visited[0].0 == PRIMARY || visited.get(1).is_none_or(|(host, _)| host == PRIMARY));
            prop_assert!(names.iter().all(|host| *host == PRIMARY || named.iter().any(|name| name == host)));
        }
        prop_assert_eq!(walks, walk(&hosts(), &requests, &draws), "the order depends on more than the randomness");
    }
}

/// rest/unit/RSC15a/fallback-random-order-0
#[test]
fn fallbacks_are_chosen_with_equal_probability() {
    let options = ClientOptions::<Async>::new();
    let hosts = || Hosts::new(options.get_endpoint(), options.get_http_settings()).unwrap();
    let fails = vec![Reply { status: None, after: 0 }; 4];
    let mut first = std::collections::BTreeMap::<String, u32>::new();
    let mut orders = BTreeSet::new();
    for draw in 0..250_u8 {
        let visited =
            walk(&hosts(), std::slice::from_ref(&fails), &[[draw; 16], [draw.wrapping_mul(31); 16], [draw / 3; 16]]);
        let names: Vec<_> = visited[0].iter().map(|(host, _)| host.clone()).collect();
        assert_eq!((names.len(), names[0].as_str()), (4, PRIMARY));
        *first.entry(names[1].clone()).or_default() += 1;
        orders.insert(names);
    }
    assert_eq!(first.len(), 5);
    assert!(first.values().all(|times| (30..=70).contains(times)), "{first:?}");
    assert!(orders.len() > 30, "only {} of the 60 orders", orders.len());
}
