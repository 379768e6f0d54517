//! The claims of a JWT with a valid signature, and the claims that are refused.

use ably_auth_core::{ClientId, ErrorKind, Ttl, UnverifiedJwt};

use super::jwt_support::{HEADER, IAT, assert_named, signed, verify, with_claims};

#[track_caller]
fn assert_refused(payload: &str, name: &str) {
    assert_named(verify(&signed(HEADER, payload.as_bytes())), ErrorKind::Jwt, name);
}

#[test]
fn known_claims_are_parsed_and_others_kept() {
    let jwt = with_claims(
        r#""nbf":1699999999.25,"x-ably-capability":"{\"chat\":[\"publish\",\"teleport\"]}","x-ably-clientId":"b\u00f6b",
        "x-ably-revocation-key":"g\/1","x-ably-token":"a.b","ably.channel.chat:*":"guest","ably.channel.":"none",
        "ably.limits.publish.perAttachment.maxRate.chat":2.5,"ably.limits.publish.perAttachment.maxRate.*":1e2,
        "x-ably-more" : { "a" : [ 1.0 , "\u0041" ] } , "sub":"user" , "n":null"#,
    );
    let verified = verify(&jwt).unwrap();
    let claims = verified.claims();
    assert_eq!((claims.issued().as_millis(), claims.expires().as_millis()), (IAT * 1000, (IAT + 3600) * 1000));
    assert_eq!(claims.not_before().unwrap().as_millis(), 1_699_999_999_250);
    assert_eq!(claims.ttl().unwrap(), Ttl::DEFAULT);
    assert_eq!(claims.capability_text(), Some(r#"{"chat":["publish","teleport"]}"#));
    assert!(claims.capability().unwrap().unwrap().permits("chat", "teleport"));
    assert_eq!(*claims.client_id(), ClientId::parse("böb").unwrap());
    assert_eq!(claims.revocation_key(), Some("g/1"));
    assert_eq!(claims.embedded_token().unwrap().expose(), "a.b");
    assert_eq!(claims.channel_claims().collect::<Vec<_>>(), [("chat:*", "guest")]);
    assert_eq!(claims.publish_limits().collect::<Vec<_>>(), [("*", 100.0), ("chat", 2.5)]);
    let others = [
        ("ably.channel.", "\"none\""),
        ("n", "null"),
        ("sub", "\"user\""),
        ("x-ably-more", r#"{ "a" : [ 1.0 , "\u0041" ] }"#),
    ];
    assert_eq!(claims.others().collect::<Vec<_>>(), others);
    assert_eq!(UnverifiedJwt::parse(&jwt).unwrap().decode_without_verifying().unwrap(), *claims);
}

#[test]
fn omitted_claims_are_absent() {
    let verified = verify(&with_claims("")).unwrap();
    let claims = verified.claims();
    assert_eq!((claims.not_before(), claims.capability_text(), claims.revocation_key()), (None, None, None));
    assert!(
        claims.client_id().is_none() && claims.embedded_token().is_none() && claims.capability().unwrap().is_none()
    );
    assert_eq!(claims.channel_claims().len() + claims.publish_limits().len() + claims.others().len(), 0);
}

#[test]
fn invalid_payload_is_refused() {
    for payload in
        ["", "{", "[]", "null", "7", "\"\"", r#"{"iat":1700000000,"exp":1700000001}{}"#, r#"{"iat"}"#, "{iat:1}"]
    {
        assert_refused(payload, "JWT's payload is not a JSON object");
    }
    for value in [
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "tru",
        "'a'",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\t\"",
        "[1,]",
        "{\"a\"}",
        "[1 2]",
        "]",
    ] {
        assert_refused(&format!(r#"{{"iat":1,"exp":2,"x":{value}}}"#), "JWT's payload is not a JSON object");
    }
    let not_utf8 = signed(HEADER, b"{\"iat\":1700000000,\"exp\":1700000001,\"x\":\"\xc3\"}");
    assert_named(verify(&not_utf8), ErrorKind::Jwt, "JWT's payload is not UTF-8");
    let deep = |levels: usize| {
        with_claims(&format!(
            r#""x":{}{}"#,
            r#"{"a":"#.repeat(levels - 1) + "[",
            "]".to_owned() + &"}".repeat(levels - 1)
        ))
    };
    assert!(verify(&deep(32)).is_ok());
    assert_named(verify(&deep(33)), ErrorKind::Jwt, "JWT's payload is nested more than 32 levels deep");
}

/// A repeated claim is refused. Neither its first nor its last value is used.
#[test]
fn repeated_claim_is_refused() {
    for (name, value) in [
        ("iat", "1700000000"),
        ("exp", "1700003600"),
        ("nbf", "1700000000"),
        ("x-ably-capability", r#""{}""#),
        ("x-ably-clientId", r#""bob""#),
        ("x-ably-revocation-key", r#""a""#),
        ("x-ably-token", r#""a.b""#),
        ("ably.channel.a", r#""a""#),
        ("ably.limits.publish.perAttachment.maxRate.a", "1"),
        ("sub", "null"),
        ("", "0"),
    ] {
        let once = if matches!(name, "iat" | "exp") { String::new() } else { format!(r#""{name}":{value},"#) };
        assert!(verify(&with_claims(once.trim_end_matches(','))).is_ok(), "{name}");
        let twice = with_claims(&format!(r#"{once}"{name}":{value}"#));
        assert_named(verify(&twice), ErrorKind::Jwt, "JWT has a claim twice");
        let Some((first, rest)) = name.split_at_checked(1) else { continue };
        let spelt = format!(r#"{once}"\u{:04x}{rest}":{value}"#, u32::from(first.chars().next().unwrap()));
        assert_named(verify(&with_claims(&spelt)), ErrorKind::Jwt, "JWT has a claim twice");
    }
}

#[test]
fn claim_of_wrong_type_is_refused() {
    for name in ["x-ably-capability", "x-ably-clientId", "x-ably-revocation-key", "x-ably-token"] {
        for value in ["1", "true", "[]", r#"{"chat":["publish"]}"#] {
            let jwt = with_claims(&format!(r#""{name}":{value}"#));
            assert_named(verify(&jwt), ErrorKind::Jwt, &format!("JWT has a claim that is not a string: `{name}`"));
        }
    }
    let jwt = with_claims(r#""ably.channel.a":{}"#);
    assert_named(verify(&jwt), ErrorKind::Jwt, "JWT has a claim that is not a string: `ably.channel.`");
    for value in ["null", "-1", "1e999", r#""1""#, "[]", "true"] {
        let jwt = with_claims(&format!(r#""ably.limits.publish.perAttachment.maxRate.a":{value}"#));
        let name = "JWT has an invalid publish limit: `ably.limits.publish.perAttachment.maxRate.`";
        assert_named(verify(&jwt), ErrorKind::Jwt, name);
    }
}

/// Ably's package for Laravel writes `"x-ably-clientId":null` for guests.
#[test]
fn null_claims_are_absent() {
    let nulls = [
        r#""nbf":null"#,
        r#""x-ably-clientId":null"#,
        r#""x-ably-revocation-key":null"#,
        r#""x-ably-token":null"#,
        r#""x-ably-clientType":null"#,
        r#""ably.channel.chat":null"#,
        r#""nbf":null,"x-ably-clientId" : null ,"x-ably-revocation-key":null,"x-ably-token":null"#,
    ];
    for claims in nulls {
        let verified = verify(&with_claims(claims)).unwrap();
        let read = verified.claims();
        assert_eq!(*read.client_id(), ClientId::None, "{claims}");
        let texts = (read.revocation_key(), read.embedded_token(), read.capability_text());
        assert_eq!(texts, (None, None, None), "{claims}");
        assert_eq!((read.not_before(), read.channel_claims().len()), (None, 0), "{claims}");
    }
    for pair in [r#""x-ably-clientId":null,"x-ably-clientId":"bob""#, r#""nbf":1,"nbf":null"#, r#""exp":null,"x":1"#] {
        assert_named(verify(&with_claims(pair)), ErrorKind::Jwt, "JWT has a claim twice");
    }
    let twice = r#""ably.channel.chat":null,"ably.channel.chat":"moderator""#;
    assert_named(verify(&with_claims(twice)), ErrorKind::Jwt, "JWT has a claim twice");
}

/// A JWT without these claims has all rights of its key and no limit, so null must not count as absent.
#[test]
fn null_capability_and_null_limit_are_refused() {
    let name = "JWT has a claim that is null: `x-ably-capability`";
    assert_named(verify(&with_claims(r#""x-ably-capability":null"#)), ErrorKind::Jwt, name);
    let name = "JWT has an invalid publish limit: `ably.limits.publish.perAttachment.maxRate.`";
    let limit = with_claims(r#""ably.limits.publish.perAttachment.maxRate.chat":null"#);
    assert_named(verify(&limit), ErrorKind::Jwt, name);
}

#[test]
fn publish_limits_are_read_by_value() {
    let values = [
        ("5e0", 5.0),
        ("0.5E1", 5.0),
        ("50e-1", 5.0),
        ("-0", 0.0),
        ("-0.0e9", 0.0),
        ("1e-999", 0.0),
        ("9.9e307", 9.9e307),
    ];
    let claim = |written: &str| with_claims(&format!(r#""ably.limits.publish.perAttachment.maxRate.a":{written}"#));
    for (written, limit) in values {
        let verified = verify(&claim(written)).unwrap();
        assert_eq!(verified.claims().publish_limits().collect::<Vec<_>>(), [("a", limit)], "{written}");
    }
    for written in
        ["1e308", "1e309", "0.1e310", "1e99999999999999999999", "-1", "-0.01", "-1e-999", "\"5\"", "[5]", "true"]
    {
        let name = "JWT has an invalid publish limit: `ably.limits.publish.perAttachment.maxRate.`";
        assert_named(verify(&claim(written)), ErrorKind::Jwt, name);
    }
}

#[test]
fn invalid_claim_values_are_refused() {
    let client_id = |text: &str| verify(&with_claims(&format!(r#""x-ably-clientId":"{text}""#)));
    assert_named(client_id(""), ErrorKind::ClientId, "clientId is empty");
    assert_named(client_id("a\\n"), ErrorKind::ClientId, "clientId has a control character");
    assert_eq!(*client_id("*").unwrap().claims().client_id(), ClientId::Any);
    assert_named(verify(&with_claims(r#""x-ably-token":"""#)), ErrorKind::Token, "token is empty");
    let wrong = verify(&with_claims(r#""x-ably-capability":"publish""#)).unwrap();
    assert_eq!(wrong.claims().capability().unwrap_err().kind(), ErrorKind::Capability);
}

/// Neither an error nor `Debug` shows any part of the JWT.
#[test]
fn no_part_of_jwt_is_shown() {
    let hidden = "Zq7Wm2Xk9Vr4Tb6Hn3";
    let texts = [
        with_claims(&format!(r#""x-ably-token":"a.{hidden}","other":"{hidden}""#)),
        with_claims(&format!(r#""{hidden}":1,"{hidden}":1"#)),
        with_claims(&format!(r#""ably.channel.{hidden}":1"#)),
        with_claims(&format!(r#""exp":"{hidden}""#)),
        signed(&format!(r#"{{"alg":"{hidden}"}}"#), b"{}"),
        signed(&format!(r#"{{"alg":"HS256","kid":"app.key:{hidden}"}}"#), b"{}"),
    ];
    for text in texts {
        let signature = text.rsplit_once('.').unwrap().1;
        let said = match UnverifiedJwt::parse(&text) {
            Ok(unverified) => format!("{unverified:?} {:?}", verify(&text)),
            Err(error) => format!("{error:?} {error}"),
        };
        assert!(!said.contains(hidden) && !said.contains(signature) && !said.contains(&text[..20]), "{said}");
    }
}

#[test]
fn client_type_is_a_string() {
    let with = |claim: &str| verify(&with_claims(claim));
    let claims = with(r#""x-ably-clientType":"bot""#).unwrap();
    assert_eq!(claims.claims().client_type(), Some("bot"));
    assert!(claims.claims().others().any(|other| other == ("x-ably-clientType", r#""bot""#)));
    assert_eq!(with(r#""x-ably-clienttype":"bot""#).unwrap().claims().client_type(), None);
    for bad in ["1", "true", "{}", r#"["bot"]"#] {
        assert!(with(&format!(r#""x-ably-clientType":{bad}"#)).is_err(), "{bad}");
    }
}
