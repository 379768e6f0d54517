//! Permission checks (`may this token publish on this channel?`), compared with a hash map, a linear scan and
//! `cedar-policy`.

use std::collections::HashMap;

use ably_auth_core::Operation;
use ably_auth_core::capability::Matcher;
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, RestrictedExpression};

use crate::clock::Work;
use crate::inputs::{self, BY_NAME, BY_WILDCARD, DENIED};
use crate::table::{Reach, Row};

pub fn rows() -> [Row; 3] {
    [
        row("may it publish? yes, by name (50 resources)", &BY_NAME, true),
        row("may it publish? yes, by wildcard", &BY_WILDCARD, true),
        row("may it publish? no", &DENIED, false),
    ]
}

fn row(work: &'static str, names: &'static [&'static str], expected: bool) -> Row {
    let capability = inputs::capability();
    assert_eq!(capability.len(), 50);
    let matcher = Matcher::new(&capability);
    let (map, cedar) = (floor(), Cedar::new());
    for name in names {
        let answers = [
            matcher.permits(name, Operation::Publish),
            capability.permits(name, Operation::Publish),
            is_in(&map, name),
        ];
        assert_eq!(answers, [expected; 3], "{name}");
        assert_eq!(cedar.permits(&cedar.request(name)), expected, "{name}");
    }
    let requests: &'static [Request] = names.iter().map(|name| cedar.request(name)).collect::<Vec<_>>().leak();
    let requests: &'static [&'static Request] = requests.iter().collect::<Vec<_>>().leak();
    Row {
        work,
        ours: Work::of_each("", names, move |name| matcher.permits(name, Operation::Publish)),
        others: vec![
            (Work::of_each("hash map of whole names", names, move |name| is_in(&map, name)), Reach::Floor(Some(2.0))),
            (
                Work::of_each("naive scan", names, move |name| capability.permits(name, Operation::Publish)),
                Reach::Peer(None),
            ),
            (Work::of_each("cedar-policy 4.14", requests, move |request| cedar.permits(request)), Reach::Peer(None)),
        ],
    }
}

/// Returns the floor, which supports no wildcards: 50 names, with a bit for each operation.
fn floor() -> HashMap<String, u32> {
    let denied = DENIED.iter().skip(4).map(|name| (name.to_string(), 0b01));
    let allowed = BY_NAME.iter().chain(&BY_WILDCARD).map(|name| (name.to_string(), 0b11));
    let others = (0..30).map(|n| (format!("other:room{n}"), 0b11));
    let map: HashMap<String, u32> = denied.chain(allowed).chain(others).collect();
    assert_eq!(map.len(), 50);
    map
}

fn is_in(map: &HashMap<String, u32>, name: &str) -> bool {
    map.get(name).is_some_and(|operations| operations & 0b10 != 0)
}

/// A policy for each resource. Requests are built before the measurement.
///
/// In Cedar's `like`, a `*` in the middle matches any number of segments. For the names in this benchmark, the result
/// is the same.
struct Cedar {
    policies: PolicySet,
    authorizer: Authorizer,
    entities: Entities,
}

impl Cedar {
    fn new() -> Self {
        let policies: Vec<String> = inputs::capability()
            .iter()
            .map(|ably_auth_core::capability::Entry { resource, operations }| {
                let actions: Vec<String> = operations.iter().map(|name| format!("Action::\"{}\"", name.as_str())).collect();
                let (resource, actions) = (resource.as_str(), actions.join(","));
                if resource.contains('*') {
                    format!("permit(principal, action in [{actions}], resource) when {{ context.channel like \"{resource}\" }};")
                } else {
                    format!("permit(principal, action in [{actions}], resource == Channel::\"{resource}\");")
                }
            })
            .collect();
        Self {
            policies: policies.concat().parse().unwrap(),
            authorizer: Authorizer::new(),
            entities: Entities::empty(),
        }
    }

    fn request(&self, name: &str) -> Request {
        let uid = |text: String| -> EntityUid { text.parse().unwrap() };
        let channel = RestrictedExpression::new_string(name.into());
        Request::new(
            uid("Token::\"this\"".into()),
            uid("Action::\"publish\"".into()),
            uid(format!("Channel::\"{name}\"")),
            Context::from_pairs([("channel".into(), channel)]).unwrap(),
            None,
        )
        .unwrap()
    }

    fn permits(&self, request: &Request) -> bool {
        self.authorizer.is_authorized(request, &self.policies, &self.entities).decision() == Decision::Allow
    }
}
