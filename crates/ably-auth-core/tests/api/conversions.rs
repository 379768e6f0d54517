//! Conversions: from text, between times and durations, and from and to serde formats.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ably_auth_core::capability::{Operations, Resource};
use ably_auth_core::{
    ApiKey, Capability, ClientId, Error, ErrorKind, Identity, KeyName, Nonce, Operation, Timestamp, Token, TokenParams,
    TokenRequest, Ttl, jwt, parse_duration,
};
use serde_json::{Value, json};

use super::support::{NOW, key, nonce, ttl};

/// Numbers with units are durations. Everything else is refused.
#[test]
fn durations_have_units() {
    for (text, millis) in [
        ("1h", 3_600_000),
        ("90m", 5_400_000),
        ("90min", 5_400_000),
        ("3600s", 3_600_000),
        ("500ms", 500),
        ("1h30m", 5_400_000),
        ("1d", 86_400_000),
        ("0s", 0),
    ] {
        assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
    }
    for text in
        ["", "h", "1", "1 h", "1.5h", "-1h", "1H", "1w", "1h30", "18446744073709551615h", "99999999999999999999s"]
    {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}

#[test]
fn ttl_has_limits_in_every_form() {
    assert_eq!("90m".parse(), Ok(ttl(5_400_000)));
    assert_eq!(Ttl::try_from(Duration::from_micros(1_999)), Ok(ttl(1)));
    assert_eq!(Duration::from(Ttl::MAX), Duration::from_secs(24 * 60 * 60));
    for error in [
        "0s".parse::<Ttl>().unwrap_err(),
        "25h".parse::<Ttl>().unwrap_err(),
        "3600".parse::<Ttl>().unwrap_err(),
        Ttl::try_from(Duration::from_micros(999)).unwrap_err(),
        Ttl::try_from(Duration::MAX).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Ttl, "{error}");
    }
}

#[test]
fn timestamp_arithmetic_saturates() {
    let (epoch, latest) = (Timestamp::from_millis(0), Timestamp::from_millis(u64::MAX));
    assert_eq!((NOW + Duration::from_secs(1)) - NOW, Duration::from_secs(1));
    assert_eq!((NOW - Duration::from_micros(1_999)).as_millis(), NOW.as_millis() - 1);
    assert_eq!((latest + Duration::from_millis(1), epoch - Duration::MAX), (latest, epoch));
    assert_eq!(epoch - NOW, Duration::ZERO);
    let mut moved = NOW;
    moved += Duration::from_secs(2);
    moved -= Duration::from_secs(1);
    assert_eq!(moved, NOW + Duration::from_secs(1));
}

#[test]
fn timestamp_converts_to_system_time() {
    let time = UNIX_EPOCH + Duration::from_millis(NOW.as_millis());
    assert_eq!((Timestamp::from(time), SystemTime::from(NOW)), (NOW, time));
    assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(1)), Timestamp::from_millis(0));
    assert!(SystemTime::from(Timestamp::from_millis(u64::MAX)) > time);
}

/// Every type with text parses it by `FromStr` and by `TryFrom`, and returns it by `AsRef` unless it is a secret.
#[test]
fn text_converts_to_types() {
    fn all<T>(text: &str) -> [Result<T, Error>; 4]
    where
        T: std::str::FromStr<Err = Error>
            + for<'a> TryFrom<&'a str, Error = Error>
            + for<'a> TryFrom<&'a String, Error = Error>
            + TryFrom<String, Error = Error>,
    {
        let owned = text.to_owned();
        [text.parse(), T::try_from(text), T::try_from(&owned), T::try_from(owned)]
    }

    assert!(all::<ApiKey>("app.key:secret").iter().all(Result::is_ok));
    assert!(all::<Token>("app.token").iter().all(Result::is_ok));
    assert!(all::<Capability>(r#"{"a":["*"]}"#).iter().all(Result::is_ok));
    assert!(all::<ClientId>("*").iter().all(|client_id| *client_id == Ok(ClientId::Any)));
    assert!(all::<Ttl>("1h").iter().all(|ttl| *ttl == Ok(Ttl::DEFAULT)));
    assert!(all::<Identity>("bob").iter().all(|identity| identity.as_ref().unwrap().as_ref() == "bob"));
    assert!(all::<Identity>("*").iter().all(Result::is_err));
    assert!(all::<KeyName>("app.key").iter().all(|name| name.as_ref().unwrap().as_ref() == "app.key"));
    assert!(all::<Nonce>("0123456789abcdef").iter().all(Result::is_ok));
    let resource: Resource = "chat:*".parse().unwrap();
    assert_eq!((resource.as_ref(), Operation::Publish.as_ref()), ("chat:*", "publish"));
}

#[test]
fn unknown_operation_is_named() {
    assert!(Operation::ALL.iter().all(|operation| operation.as_str().parse() == Ok(*operation)));
    let error = "pubish".parse::<Operation>().unwrap_err();
    assert!(error.to_string().starts_with("unknown operation `pubish`; operations are "), "{error}");
    assert!("*".parse::<Operation>().is_err());
}

#[test]
fn serde_reads_what_it_writes() {
    macro_rules! round_trip {
        ($value:expr, $type:ty, $json:expr) => {
            let (value, json): ($type, Value) = ($value, $json);
            assert_eq!(serde_json::to_value(&value).unwrap(), json);
            assert_eq!(serde_json::from_value::<$type>(json).unwrap(), value);
        };
    }

    round_trip!(ttl(60_000), Ttl, json!(60_000));
    round_trip!("bob".parse().unwrap(), Identity, json!("bob"));
    round_trip!(Operation::PushAdmin, Operation, json!("push-admin"));
    round_trip!(nonce(), Nonce, json!(nonce().as_str()));
    round_trip!(TokenParams::new(), TokenParams, json!({}));
    let params = TokenParams::new().ttl("1m").capability(r#"{"a":["publish"]}"#).client_id("bob").timestamp(NOW);
    let json =
        json!({"ttl": 60_000, "capability": r#"{"a":["publish"]}"#, "clientId": "bob", "timestamp": NOW.as_millis()});
    round_trip!(params, TokenParams, json);
    for text in [json!("60000"), json!("1m")] {
        assert_eq!(serde_json::from_value::<Ttl>(text).unwrap(), ttl(60_000));
    }
    for invalid in [json!(0), json!(-1), json!(1.5), json!("soon"), json!("25h")] {
        assert!(serde_json::from_value::<Ttl>(invalid).is_err());
    }
}

/// A misspelled name is refused: a token without its capability would have all rights of the key.
#[test]
fn token_params_refuse_unknown_fields() {
    assert!(serde_json::from_value::<TokenParams>(json!({"capabilty": {}})).is_err());
    assert!(serde_json::from_value::<TokenParams>(json!({"invalid": null})).is_err());
}

/// A key is read and never written, and an error does not repeat it.
#[test]
fn key_is_read_by_serde() {
    assert_eq!(serde_json::from_value::<ApiKey>(json!("app.key:secret")).unwrap(), "app.key:secret".parse().unwrap());
    let error = serde_json::from_value::<ApiKey>(json!("app.key:hush.hush")).unwrap_err().to_string();
    assert!(error.contains("key secret has a `.`") && !error.contains("hush"), "{error}");
}

/// The first error of a setter is reported by everything that uses the params.
#[test]
fn invalid_params_are_refused() {
    let params = TokenParams::new().ttl("25h").client_id("").capability("{");
    assert_eq!(params.check().unwrap_err().kind(), ErrorKind::Ttl);
    assert_eq!(jwt::mint(&key(), &params, NOW).unwrap_err().kind(), ErrorKind::Ttl);
    assert_eq!(TokenRequest::sign(&key(), &params, NOW, nonce()).unwrap_err().kind(), ErrorKind::Ttl);
    assert!(serde_json::to_string(&params).is_err());
    // Also a caller that does not check requests no rights.
    assert_eq!(params.get_capability(), Some(&Capability::none()));
}

#[test]
fn verify_compares_the_name_of_the_key() {
    let token = jwt::mint(&key(), &TokenParams::new().client_id("bob"), NOW).unwrap();
    assert!(jwt::verify(&key(), token.expose(), NOW).unwrap().claims().client_id().permits("bob"));
    let namesake = ApiKey::from_parts("app.other".parse().unwrap(), key().secret().expose()).unwrap();
    let error = jwt::verify(&namesake, token.expose(), NOW).unwrap_err();
    assert_eq!(error.to_string(), "JWT names another key; verify it with the key that `kid` in its header names");
    let impostor = ApiKey::from_parts(key().key_name().clone(), "another-secret").unwrap();
    assert_eq!(jwt::verify(&impostor, token.expose(), NOW).unwrap_err().kind(), ErrorKind::Jwt);
    let expired = jwt::verify(&key(), token.expose(), NOW + Duration::from_secs(3600)).unwrap_err();
    assert_eq!(expired.kind(), ErrorKind::JwtExpired);
}

#[test]
fn capability_collects_entries() {
    let one: Capability = r#"{"a":["publish"],"b":["history"]}"#.parse().unwrap();
    assert_eq!(one.iter().collect::<Capability>(), one);
    assert_eq!(one.iter().rev().map(|entry| entry.resource.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    let resource = |name: &str| name.parse::<Resource>().unwrap();
    let mut more = one.clone();
    more.extend([(resource("c"), [Operation::Publish]), (resource("a"), [Operation::History])]);
    more.extend([(resource("d"), Operations::NONE)]);
    assert_eq!(more.to_string(), r#"{"a":["history","publish"],"b":["history"],"c":["publish"]}"#);
    more.extend(&"{\"d\":[\"*\"]}".parse::<Capability>().unwrap());
    assert_eq!((more.len(), (&more).into_iter().len()), (4, 4));
    let mut operations = Operations::from([Operation::Publish]);
    operations.extend(["history"]);
    assert_eq!(
        (&operations).into_iter().map(ably_auth_core::capability::OperationName::as_str).collect::<Vec<_>>(),
        ["history", "publish"]
    );
}
