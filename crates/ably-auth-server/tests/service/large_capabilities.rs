//! Tests with capabilities that are crafted to take long to compare, or to give a token of unbounded length.

use ably_auth_core::{Capability, Operation};
use ably_auth_server::Apps;
use serde_json::json;

use crate::support::*;

/// Returns a world in which the key `LIMITED` has `capability`.
fn world_of(capability: &Capability) -> World {
    let key = json!({ "id": "limited", "secret": SECRET, "capability": capability.to_string() });
    let apps = json!({ "apps": [{ "appId": "app1", "keys": [key] }] });
    let mut world = World::new();
    world.service = World::builder(&world.now, true).apps(Apps::from_json(&apps.to_string()).unwrap()).build().unwrap();
    world
}

fn many(count: usize, operation: Operation, name: impl Fn(usize) -> String) -> Capability {
    let entries: serde_json::Map<_, _> = (0..count).map(|nth| (name(nth), json!([operation.as_str()]))).collect();
    json!(entries).to_string().parse().unwrap()
}

/// Returns a resource of 61 segments: 60 of `*` and `a` in an order that depends on `nth`, then `nth`.
fn deep(nth: usize) -> String {
    let at = |place: usize| if (nth * 31 + place * 17) % 7 < 3 { "*" } else { "a" };
    (0..60).map(at).chain([&*nth.to_string()]).collect::<Vec<_>>().join(":")
}

#[test]
fn capability_that_takes_too_much_work_is_refused() {
    let rooms = many(1_000, Operation::Publish, |nth| format!("room{nth}:*"));
    let world = world_of(&rooms);
    let asked = |name: fn(usize) -> String| params().capability(many(1_000, Operation::Publish, name));
    let answer = world.exchange(&world.sign(LIMITED, &asked(|nth| format!("*:desk{nth}"))));
    assert_eq!(answer.code(), (400, 40000));
    assert_eq!(
        answer.message(),
        "invalid capability: it takes too much work to compare with the key's; ask for fewer resources or use wildcards"
    );
    let details = world.token(LIMITED, &asked(|nth| format!("room{nth}:desk")));
    assert_eq!(details.capability_text().map(|text| text.matches("desk").count()), Some(1_000));
    let jwt = jwt(
        LIMITED,
        60,
        &json!({ "x-ably-capability": many(200, Operation::Publish, |nth| format!("*:d{nth}")).to_string() }),
    );
    assert_eq!(world.get("/channels/x", &format!("Bearer {jwt}")).code(), (400, 40000));
}

#[test]
fn deep_capabilities_are_answered_in_bounded_work() {
    let world = world_of(&many(400, Operation::Publish, deep));
    let answer =
        world.exchange(&world.sign(LIMITED, &params().capability(many(250, Operation::Publish, |nth| deep(nth + 3)))));
    assert!(matches!(answer.code(), (201, _) | (400, 40000) | (401, 40160)), "{:?}", answer.code());
}

#[test]
fn token_with_too_long_capability_is_refused() {
    let long = "l".repeat(600);
    let world = world_of(&many(20, Operation::Publish, |nth| format!("{long}{nth}:*")));
    let asked = params().capability(many(20, Operation::Publish, |nth| format!("*:{long}{nth}")));
    let answer = world.exchange(&world.sign(LIMITED, &asked));
    assert_eq!(answer.code(), (400, 40000));
    assert!(answer.message().ends_with("; ask for fewer resources or use wildcards"), "{}", answer.message());
}

/// Checks that the search for the reason of an empty intersection has the same limit of work.
#[test]
fn reason_for_no_common_operation_is_bounded() {
    let world = world_of(&many(2_000, Operation::History, |nth| format!("room{nth}:*")));
    let asked = |count, name: fn(usize) -> String| params().capability(many(count, Operation::Publish, name));
    let answer = world.exchange(&world.sign(LIMITED, &asked(1, |nth| format!("room{nth}:desk"))));
    assert_eq!(answer.code(), (401, 40160));
    assert!(answer.message().contains("the key permits other operations on these resources"), "{}", answer.message());
    let answer = world.exchange(&world.sign(LIMITED, &asked(1_500, |nth| format!("*:desk{nth}"))));
    assert_eq!(answer.code(), (400, 40000));
}
