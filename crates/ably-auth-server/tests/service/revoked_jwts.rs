//! Tests of the revocation of JWTs, whose `iat` comes from the clock of their issuer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

/// The time by which the clock of a JWT's issuer may be ahead, in milliseconds.
pub(crate) const LEEWAY: u64 = 2_000;

/// Returns revocation targets, each with the claims of a JWT that the target matches.
fn targets() -> [(&'static str, Value); 3] {
    [
        ("clientId:bob", json!({ "x-ably-clientId": "bob" })),
        ("revocationKey:group", json!({ "x-ably-revocation-key": "group" })),
        ("channel:chat", json!({ "x-ably-capability": r#"{"*":["stats"],"chat":["publish"]}"# })),
    ]
}

/// Returns a JWT with an `iat` of `millis` in milliseconds, which expires half an hour later.
pub(crate) fn issued_at(millis: u64, claims: &Value) -> String {
    let seconds = |millis: u64| -> Value {
        let text = format!("{}.{:03}", millis / 1000, millis % 1000);
        serde_json::from_str(&text).unwrap()
    };
    let mut payload = json!({ "iat": seconds(millis), "exp": seconds(millis + HOUR / 2) });
    payload.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    jwt_of(&json!({ "typ": "JWT", "alg": "HS256", "kid": REVOCABLE }), &payload, SECRET)
}

fn embedded(token: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": "RS256", "x-ably-token": token });
    format!("{}.{}.{}", part(&header), part(&json!({})), URL_SAFE_NO_PAD.encode("signature"))
}

pub(crate) fn code(world: &World, token: &str) -> (u16, u64) {
    world.get("/stats", &format!("Bearer {token}")).code()
}

#[test]
fn revocation_covers_jwts_of_fast_clock() {
    for (target, claims) in targets() {
        for ahead in [0, 1, 682, 1_000, 1_999, LEEWAY] {
            let world = World::new();
            let minted = issued_at(NOW + ahead, &claims);
            let tokens = [embedded(&minted), minted];
            for token in &tokens {
                assert_eq!(code(&world, token), (200, 0), "{target} {ahead}");
            }
            assert_eq!(world.revoke(&json!({ "targets": [target] })).json()["successCount"], 1);
            for passed in [0, ahead, 10 * MINUTE] {
                world.set(NOW + passed);
                for token in &tokens {
                    assert_eq!(code(&world, token), (401, 40141), "{target} {ahead} {passed}");
                }
            }
        }
    }
}

#[test]
fn margin_ends_jwts_of_fast_clock() {
    for (target, claims) in targets() {
        let world = World::new();
        let token = issued_at(NOW + LEEWAY, &claims);
        world.revoke(&json!({ "targets": [target], "allowReauthMargin": true }));
        world.set(NOW + 29_999);
        assert_eq!(code(&world, &token), (200, 0), "{target}");
        world.set(NOW + 30_000);
        assert_eq!(code(&world, &token), (401, 40141), "{target}");
        assert_eq!(code(&world, &issued_at(NOW + LEEWAY + 1, &claims)), (200, 0), "{target}");
    }
}

#[test]
fn jwt_minted_after_leeway_is_valid() {
    for (target, claims) in targets() {
        let world = World::new();
        world.revoke(&json!({ "targets": [target] }));
        assert_eq!(world.accepts(&world.token(REVOCABLE, &of("bob"))).code(), (200, 0), "{target}");
        world.set(NOW + LEEWAY + 1);
        assert_eq!(code(&world, &issued_at(NOW + LEEWAY, &claims)), (401, 40141), "{target}");
        assert_eq!(code(&world, &issued_at(NOW + LEEWAY + 1, &claims)), (200, 0), "{target}");
    }
}

#[test]
fn issued_before_is_compared_with_iat() {
    let world = World::new();
    let [(_, bob), ..] = targets();
    let tokens = [NOW - 1, NOW, NOW + LEEWAY].map(|issued| issued_at(issued, &bob));
    world.revoke(&json!({ "targets": ["clientId:bob"], "issuedBefore": NOW }));
    assert_eq!(tokens.map(|token| code(&world, &token)), [(401, 40141), (200, 0), (200, 0)]);
}

#[test]
fn key_revocation_covers_jwts_of_fast_clock() {
    let world = World::new();
    let token = issued_at(NOW + LEEWAY, &json!({}));
    assert_eq!(code(&world, &token), (200, 0));
    let request = Request::post("/v1/apps/app1/keys/revocable/revoke");
    assert_eq!(world.send(request.header("Authorization", format!("Bearer {CONTROL}")), "{}").status, 200);
    for passed in [0, LEEWAY, 10 * MINUTE] {
        world.set(NOW + passed);
        assert_eq!(code(&world, &token), (401, 40141), "{passed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Checks that a JWT minted before the revocation, by any clock within the leeway, is refused from `appliesAt` on.
    #[test]
    fn jwt_minted_before_revocation_ends_when_promised(
        minted in 0_u64..5_000,
        skew in 0_u64..=2 * LEEWAY,
        waited in 0_u64..5_000,
        nth in 0_usize..3,
        with_margin in any::<bool>(),
        is_embedded in any::<bool>(),
        repeats in 0_u64..4,
    ) {
        let (world, (target, claims)) = (World::new(), targets()[nth].clone());
        let token = issued_at(NOW + minted + skew - LEEWAY, &claims);
        let token = if is_embedded { embedded(&token) } else { token };
        world.set(NOW + minted);
        prop_assert_eq!(code(&world, &token), (200, 0));
        world.pass(waited);
        let body = json!({ "targets": [target], "allowReauthMargin": with_margin });
        let mut applies_at = u64::MAX;
        for _ in 0..=repeats {
            let answer = world.revoke(&body).json();
            applies_at = applies_at.min(answer["results"][0]["appliesAt"].as_u64().unwrap());
            world.pass(700);
        }
        if world.now() < applies_at {
            world.set(applies_at - 1);
            prop_assert_eq!(code(&world, &token), (200, 0));
        }
        for later in [0, 1, LEEWAY, 2 * LEEWAY, MINUTE] {
            world.set(world.now().max(applies_at + later));
            prop_assert_eq!(code(&world, &token), (401, 40141), "{} later", later);
        }
    }
}
