//! Requested params narrow a grant, and never widen it.

use std::time::Duration;

use ably_auth_axum::{AuthEndpoint, Capability, ClientId, ErrorCode, Grant, Operation, TokenParams, Ttl};
use ably_auth_core::UnverifiedJwt;
use ably_auth_core::capability::Operations;
use axum::Router;
use proptest::prelude::*;

use crate::support::{NOW, capability, encoded, fixed, get, key};

fn narrowed(grant: &Grant, asked: &TokenParams) -> Result<Grant, (u16, ErrorCode)> {
    grant.clone().narrowed(asked).map_err(|refusal| (refusal.status(), refusal.info().code()))
}

fn asking(client_id: &str) -> TokenParams {
    TokenParams::new().client_id(client_id)
}

fn chat() -> Capability {
    capability(r#"{"chat:*":["publish","subscribe"]}"#)
}

#[test]
fn requested_client_id_must_be_granted() {
    let bob = Grant::identified("bob", chat()).unwrap();
    let any = Grant::new(ClientId::Any, chat());
    let nobody = Grant::anonymous(chat());
    let id = |grant: &Grant, asked: &TokenParams| narrowed(grant, asked).map(|it| it.client_id().clone());
    let is = |text: &str| Ok(ClientId::parse(text).unwrap());
    let refused = Err((401, ErrorCode::INCOMPATIBLE_CREDENTIALS));
    let nothing = TokenParams::new();

    assert_eq!(
        (id(&bob, &nothing), id(&bob, &asking("bob")), id(&bob, &asking("*"))),
        (is("bob"), is("bob"), is("bob"))
    );
    assert_eq!(id(&bob, &asking("alice")), refused);
    assert_eq!(
        (id(&any, &nothing), id(&any, &asking("alice")), id(&any, &asking("*"))),
        (is("*"), is("alice"), is("*"))
    );
    assert_eq!((id(&nobody, &nothing), id(&nobody, &asking("*"))), (Ok(ClientId::None), Ok(ClientId::None)));
    assert_eq!(id(&nobody, &asking("alice")), refused);
}

/// A short capability can take much work to compare with a long grant. Many resources alone do not.
#[test]
fn capability_that_takes_too_much_work_is_refused() {
    let many = |count: usize, name: fn(usize) -> String| {
        (0..count).fold(Capability::none(), |all, nth| all.with(&name(nth), [Operation::Publish]).unwrap())
    };
    let grant = Grant::anonymous(many(300, |nth| format!("room{nth}:*")));
    let asked = |name| TokenParams::new().capability(many(1_000, name));
    assert_eq!(narrowed(&grant, &asked(|nth| format!("room{nth}:*"))).unwrap().capability().len(), 300);
    assert_eq!(narrowed(&grant, &asked(|nth| format!("*:desk{nth}"))), Err((400, ErrorCode::BAD_REQUEST)));
}

#[test]
fn shorter_ttl_is_used() {
    let ttl = |millis| Ttl::from_millis(millis).unwrap();
    let grant = Grant::anonymous(chat()).ttl(ttl(600_000));
    let lives = |asked: u64| narrowed(&grant, &TokenParams::new().ttl(ttl(asked))).unwrap().lifetime();
    assert_eq!((lives(60_000), lives(600_001), lives(86_400_000)), (ttl(60_000), ttl(600_000), ttl(600_000)));
    let hour = Grant::anonymous(chat());
    assert_eq!(narrowed(&hour, &TokenParams::new().ttl(Ttl::MAX)).unwrap().lifetime(), Ttl::DEFAULT);
}

#[tokio::test]
async fn ttl_above_maximum_is_reduced_to_grant() {
    let app = Router::new()
        .route("/", fixed(AuthEndpoint::token_request(&key())).grant(|| async { Grant::anonymous(chat()) }));
    for asked in ["86400001", "18446744073709551616", "99999999999999999999999999"] {
        assert_eq!(get(&app, &format!("/?ttl={asked}")).await.json()["ttl"], 3_600_000, "{asked}");
    }
}

#[test]
fn empty_intersection_is_refused() {
    let elsewhere = TokenParams::new().capability(capability(r#"{"secret":["*"]}"#));
    let refused = Err((401, ErrorCode::CAPABILITY_REFUSED));
    assert_eq!(narrowed(&Grant::anonymous(chat()), &elsewhere).map(|_| ()), refused);
    let empty = Grant::anonymous(Capability::none());
    assert_eq!(
        narrowed(&empty, &TokenParams::new()).map(|_| ()),
        refused,
        "the token would have all rights of the key"
    );
}

fn a_capability() -> impl Strategy<Value = Capability> {
    let segment = prop_oneof![Just("a"), Just("b"), Just("*")];
    let channel = proptest::collection::vec(segment, 1..4).prop_map(|segments| segments.join(":"));
    let resource = prop_oneof![8 => channel, 1 => Just("[*]*".to_owned()), 1 => Just("[queue]q".to_owned())];
    let operations = proptest::sample::subsequence(vec!["publish", "subscribe", "history", "*"], 1..4);
    proptest::collection::vec((resource, operations), 0..4).prop_map(|entries| {
        entries.into_iter().fold(Capability::none(), |sum, (resource, operations)| {
            let known: Vec<_> = operations.iter().filter_map(|name| Operation::from_name(name)).collect();
            let all = operations.contains(&"*");
            sum.with(&resource, if all { Operations::ALL } else { Operations::from_iter(known) }).unwrap()
        })
    })
}

fn a_client_id() -> impl Strategy<Value = ClientId> {
    prop_oneof![Just(""), Just("*"), Just("bob"), Just("alice")]
        .prop_map(|text| if text.is_empty() { ClientId::None } else { ClientId::parse(text).unwrap() })
}

proptest! {
    #[test]
    fn token_never_exceeds_grant(
        granted in a_capability(),
        asked in proptest::option::of(a_capability()),
        (client_id, asked_id) in (a_client_id(), a_client_id()),
        (ttl, asked_ttl) in (1u64..=86_400_000, proptest::option::of(1u64..=86_400_000)),
    ) {
        let grant = Grant::new(client_id.clone(), granted.clone()).ttl(Ttl::from_millis(ttl).unwrap());
        let mut params: Vec<(&str, String)> = Vec::new();
        params.extend(asked_ttl.map(|ttl| ("ttl", ttl.to_string())));
        params.extend(asked.as_ref().map(|asked| ("capability", asked.to_string())));
        params.extend(asked_id.as_str().map(|id| ("clientId", id.to_owned())));
        let params: Vec<(&str, &str)> = params.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let app = Router::new().route("/", fixed(AuthEndpoint::jwt(&key())).grant(|| async { grant }));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(get(&app, &format!("/?{}", encoded(&params))));

        let meant = asked.as_ref().map_or_else(|| granted.clone(), |asked| granted.intersect(asked));
        let may_be = match asked_id.as_str() {
            None | Some("*") => true,
            Some(id) => client_id.permits(id),
        };
        if answer.status != 200 {
            prop_assert!(meant.is_empty() || !may_be, "{}", answer.body);
            return Ok(());
        }
        prop_assert!(!meant.is_empty() && may_be);
        let jwt = UnverifiedJwt::parse(&answer.body).unwrap().verify(&key().signer(), NOW, Duration::ZERO).unwrap();
        let got = jwt.claims().capability().unwrap().unwrap();
        prop_assert!(granted.covers(&got) && got.is_equivalent(&meant));
        if let Some(asked) = &asked {
            prop_assert!(asked.covers(&got));
        }
        for id in ["bob", "alice", "eve"] {
            prop_assert!(client_id.permits(id) || !jwt.claims().client_id().permits(id));
        }
        let lives = jwt.claims().expires().as_millis().saturating_sub(NOW.as_millis());
        prop_assert!(lives <= ttl.min(asked_ttl.unwrap_or(ttl)).max(1_000));
    }
}
