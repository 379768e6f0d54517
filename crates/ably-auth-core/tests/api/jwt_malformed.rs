//! JWTs that are refused before their claims are read. Each has its own error.

use ably_auth_core::{ErrorKind, JwtFields, Token, Ttl, UnverifiedJwt};

use super::jwt_support::{HEADER, NOW, assert_named, base64url, key, sign_parts, signed, verify, with_claims};

#[track_caller]
fn assert_malformed(text: &str, name: &str) {
    assert_named(verify(text), ErrorKind::Jwt, name);
}

fn usual() -> String {
    with_claims("")
}

/// JWTs of the same form without a mistake are accepted, so the tests below fail only for the mistake that they name.
#[test]
fn valid_jwt_is_accepted() {
    assert_eq!(verify(&usual()).unwrap().key_name().as_str(), "app.key");
    for header in [
        r#"{"alg":"HS256","kid":"app.key"}"#,
        r#"{"alg":"HS256","typ":"JWT","kid":"app.key"}"#,
        r#"{"typ":"JWT","alg":"HS256","kid":"app.key","cty":"x"}"#,
        r#" { "kid" : "app.key" , "x" : [{}] , "typ" : "jwt" , "alg" : "HS256" } "#,
        r#"{"\u0061lg":"HS\u003256","kid":"app\u002ekey"}"#,
    ] {
        let jwt = signed(header, br#"{"iat":1700000000,"exp":1700000001}"#);
        assert_eq!(verify(&jwt).unwrap().key_name().as_str(), "app.key", "{header}");
    }
}

/// Only HS256 is accepted, and other algorithms are refused before any other check.
#[test]
fn other_algorithm_is_refused_before_other_checks() {
    let table = [
        (r#"{"alg":"none"}"#, "JWT's `alg` is `none`, not `HS256`"),
        (r#"{"alg":"None"}"#, "JWT's `alg` is `none` in another case, not `HS256`"),
        (r#"{"alg":"nOnE"}"#, "JWT's `alg` is `none` in another case, not `HS256`"),
        (r#"{"alg":"hs256"}"#, "JWT's `alg` is `HS256` in another case"),
        (r#"{"alg":"Hs256"}"#, "JWT's `alg` is `HS256` in another case"),
        (r#"{"alg":"HS384"}"#, "JWT's `alg` is `HS384`, not `HS256`"),
        (r#"{"alg":"HS512"}"#, "JWT's `alg` is `HS512`, not `HS256`"),
        (r#"{"alg":"RS256"}"#, "JWT's `alg` is `RS256`, not `HS256`"),
        (r#"{"alg":"ES256"}"#, "JWT's `alg` is `ES256`, not `HS256`"),
        (r#"{"alg":"PS256"}"#, "JWT's `alg` is `PS256`, not `HS256`"),
        (r#"{"alg":"EdDSA"}"#, "JWT's `alg` is `EdDSA`, not `HS256`"),
        (r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#, "JWT's `alg` is not `HS256`"),
        (r#"{"alg":"HS256 "}"#, "JWT's `alg` is not `HS256`"),
        (r#"{"alg":"HS256\u0000"}"#, "JWT's `alg` is not `HS256`"),
        (r#"{"alg":""}"#, "JWT's `alg` is empty, not `HS256`"),
        (r#"{"alg":null}"#, "JWT's `alg` is not a string"),
        (r#"{"alg":["HS256"]}"#, "JWT's `alg` is not a string"),
        (r#"{"alg":256}"#, "JWT's `alg` is not a string"),
        (r#"{"kid":"app.key"}"#, "JWT's header has no `alg`"),
        (r#"{"Alg":"HS256"}"#, "JWT's header has no `alg`"),
        ("{}", "JWT's header has no `alg`"),
    ];
    for (header, name) in table {
        let part = base64url(header.as_bytes());
        assert_malformed(&signed(header, b"{}"), name);
        for rest in [".", "..", ".!.!", ".e30.AAAA", ".e30.", ".....", ".====.===="] {
            assert_malformed(&format!("{part}{rest}"), name);
        }
        // A `kid` and a `typ` do not change the result.
        let more = header.replacen('{', r#"{"typ":"JWT","kid":"app.key","#, 1).replace(",}", "}");
        if !header.contains("kid") {
            assert_malformed(&signed(&more, b"{}"), name);
        }
    }
}

#[test]
fn malformed_header_is_refused() {
    let table = [
        ("", "JWT's header is not a JSON object"),
        ("[]", "JWT's header is not a JSON object"),
        ("\"HS256\"", "JWT's header is not a JSON object"),
        (r#"{"alg":"HS256","kid":"app.key"}}"#, "JWT's header is not a JSON object"),
        (r#"{"alg":"HS256","kid":"app.key",}"#, "JWT's header is not a JSON object"),
        ("\u{feff}{\"alg\":\"HS256\",\"kid\":\"app.key\"}", "JWT's header is not a JSON object"),
        (r#"{"alg":"HS256","kid":"app.key","alg":"none"}"#, "JWT's header has a member twice"),
        (r#"{"alg":"none","kid":"app.key","alg":"HS256"}"#, "JWT's header has a member twice"),
        (r#"{"alg":"HS256","kid":"app.key","\u0061lg":"none"}"#, "JWT's header has a member twice"),
        (r#"{"alg":"HS256","kid":"app.key","kid":"app.key"}"#, "JWT's header has a member twice"),
        (r#"{"x":1,"alg":"HS256","kid":"app.key","x":1}"#, "JWT's header has a member twice"),
        (r#"{"typ":"JWT","alg":"HS256","kid":"app.key","kid":"a.b"}"#, "JWT's header has a member twice"),
        (r#"{"alg":"HS256","kid":"app.key","crit":["exp"]}"#, "JWT's header has `crit`, which is not supported"),
        (r#"{"alg":"HS256","kid":"app.key","typ":"JOSE"}"#, "JWT's `typ` is not `JWT`"),
        (r#"{"alg":"HS256","kid":"app.key","typ":7}"#, "JWT's `typ` is not `JWT`"),
        (r#"{"alg":"HS256"}"#, "JWT's header has no `kid`"),
        (r#"{"alg":"HS256","kid":7}"#, "JWT's `kid` is not a string"),
        (r#"{"typ":"JWT","alg":"HS256","kid":7}"#, "JWT's `kid` is not a string"),
        (r#"{"alg":"HS256","kid":""}"#, "JWT's `kid` is not the name of a key"),
        (r#"{"alg":"HS256","kid":"app"}"#, "JWT's `kid` is not the name of a key"),
        (r#"{"typ":"JWT","alg":"HS256","kid":"app.key:secret"}"#, "JWT's `kid` is not the name of a key"),
        (r#"{"typ":"JWT","alg":"HS256","kid":"../key"}"#, "JWT's `kid` is not the name of a key"),
    ];
    for (header, name) in table {
        assert_malformed(&signed(header, br#"{"iat":1700000000,"exp":1700000001}"#), name);
    }
    let payload = base64url(br#"{"iat":1700000000,"exp":1700000001}"#);
    assert_malformed(&sign_parts(&base64url(b"{\"alg\":\"HS256\xff\"}"), &payload), "JWT's header is not UTF-8");
    let deep =
        |levels| format!(r#"{{"alg":"HS256","kid":"app.key","x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(verify(&signed(&deep(32), br#"{"iat":1700000000,"exp":1700000001}"#)).is_ok());
    assert_malformed(&signed(&deep(33), b"{}"), "JWT's header is nested more than 32 levels deep");
}

#[test]
fn wrong_number_of_parts_is_refused() {
    let usual = usual();
    let (signed_text, _) = usual.rsplit_once('.').unwrap();
    assert_malformed("", "JWT has fewer than three parts");
    assert_malformed("xVLyHw-Dtxd9tuz", "JWT has fewer than three parts");
    assert_malformed(usual.split_once('.').unwrap().0, "JWT has fewer than three parts");
    assert_malformed(signed_text, "JWT has fewer than three parts");
    assert_malformed(&format!("{signed_text}."), "JWT has an empty signature");
    assert_malformed(&format!("{usual}."), "JWT has more than three parts");
    assert_malformed(&format!("{usual}.."), "JWT has more than three parts");
    assert_malformed(&format!("{usual}.AAAA"), "JWT has more than three parts");
    assert_malformed(&format!(".{usual}"), "JWT's header is not a JSON object");
    assert_malformed("..", "JWT's header is not a JSON object");
}

/// Each part must be canonical base64url. The error has the offset of the first invalid character.
#[test]
fn non_base64url_character_is_refused() {
    let usual = usual();
    let parts: Vec<_> = usual.split('.').collect();
    let start = |part: usize| parts[..part].iter().map(|part| part.len() + 1).sum::<usize>();
    for (at, part) in parts.iter().enumerate() {
        let end = start(at) + part.len();
        let table = [
            ("=", "JWT has padding"),
            ("==", "JWT has padding"),
            (" ", "JWT has white space"),
            ("\n", "JWT has white space"),
            ("\r\n", "JWT has white space"),
            ("\t", "JWT has white space"),
            ("+", "JWT has a base64 character that is not in base64url"),
            ("/", "JWT has a base64 character that is not in base64url"),
            ("!", "JWT has a character that is not in base64url"),
            ("\0", "JWT has a character that is not in base64url"),
            ("é", "JWT has a character that is not in base64url"),
            ("🦀", "JWT has a character that is not in base64url"),
        ];
        for (foreign, name) in table {
            let mut changed = usual.clone();
            changed.insert_str(end, foreign);
            assert_malformed(&changed, name);
            assert_eq!(UnverifiedJwt::parse(&changed).unwrap_err().offset(), Some(end), "{foreign:?}");
            let mut changed = usual.clone();
            changed.insert_str(start(at), foreign);
            assert_malformed(&changed, name);
            assert_eq!(UnverifiedJwt::parse(&changed).unwrap_err().offset(), Some(start(at)), "{foreign:?}");
        }
    }
}

/// The unused bits of a part's last character must be zero. Otherwise one JWT would have several texts.
#[test]
fn non_zero_trailing_bits_are_refused() {
    let trailing_bits = "JWT has non-zero trailing bits in base64url";
    let bad_len = "JWT has a part whose length is invalid in base64url";
    let next = |text: &str| {
        let (rest, last) = text.split_at(text.len() - 1);
        format!("{rest}{}", char::from(last.as_bytes()[0] + 1))
    };
    for spaces in 0..3 {
        let header = base64url(format!("{}{HEADER}", " ".repeat(spaces)).as_bytes());
        let payload = base64url(format!("{}{{\"iat\":1700000000,\"exp\":1700000001}}", " ".repeat(spaces)).as_bytes());
        let good = sign_parts(&header, &payload);
        assert!(verify(&good).is_ok());
        if header.len() % 4 != 0 {
            assert_malformed(&sign_parts(&next(&header), &payload), trailing_bits);
        }
        if payload.len() % 4 != 0 {
            assert_malformed(&sign_parts(&header, &next(&payload)), trailing_bits);
        }
        let fifth = |text: &str| format!("{text}{}", &"AAAAA"[..(5 - text.len() % 4) % 4]);
        assert_malformed(&sign_parts(&fifth(&header), &payload), bad_len);
        assert_malformed(&sign_parts(&header, &fifth(&payload)), bad_len);
        assert_malformed(&next(&good), trailing_bits);
    }
}

#[test]
fn signature_of_wrong_length_is_refused() {
    let usual = usual();
    let (signed_text, signature) = usual.rsplit_once('.').unwrap();
    for wrong in [&(signature[..41].to_owned() + "A"), "AAAA", &"A".repeat(64), &"A".repeat(86), &"A".repeat(10_000)] {
        assert_malformed(&format!("{signed_text}.{wrong}"), "JWT's signature is not 32 bytes long");
    }
    assert_malformed(&format!("{signed_text}.{signature}A"), "JWT's signature is not 32 bytes long");
    assert_malformed(
        &format!("{signed_text}.{}", &signature[..41]),
        "JWT has a part whose length is invalid in base64url",
    );
    assert_malformed(
        &format!("{signed_text}.{}", "A".repeat(43)),
        "JWT's signature verification failed: this key did not sign the JWT",
    );
}

/// A text over the maximum length is refused for its length. A text just below it is read, even if it is as expensive
/// as possible. If each pair of members or dots needed work, this test would not end.
#[test]
fn length_is_checked_first() {
    let too_long = "JWT is longer than 128 KiB";
    for text in ["a".repeat(1 << 20), ".".repeat(1 << 20), usual() + &".".repeat(Token::MAX_BYTES)] {
        assert_malformed(&text, too_long);
    }
    assert_malformed(&"a".repeat(Token::MAX_BYTES + 1), too_long);
    assert_malformed(&"a".repeat(Token::MAX_BYTES), "JWT has fewer than three parts");

    // The most expensive texts: many members, many levels, many dots.
    let members = |of: usize| (0..of).map(|at| format!(r#""{at:x}":0"#)).collect::<Vec<_>>().join(",");
    assert!(verify(&with_claims(&members(9_000))).is_ok());
    assert_malformed(&with_claims(&format!("{},\"0\":1", members(9_000))), "JWT has a claim twice");
    assert_malformed(
        &with_claims(&format!(r#""a":{}"#, "[".repeat(90_000))),
        "JWT's payload is nested more than 32 levels deep",
    );
    let header = format!("{{\"alg\":\"HS256\",\"kid\":\"app.key\",{}}}", members(9_000));
    assert!(verify(&signed(&header, br#"{"iat":1700000000,"exp":1700000001}"#)).is_ok());
    assert_malformed(&".".repeat(Token::MAX_BYTES), "JWT's header is not a JSON object");
}

/// The longest JWT that can be minted has the maximum length, and verifies.
#[test]
fn longest_jwt_is_minted_and_verified() {
    let mint = |len| {
        let group = "x".repeat(len);
        JwtFields { revocation_key: Some(&group), ..JwtFields::new("app.key", NOW, Ttl::DEFAULT) }.mint(&key().signer())
    };
    let longest = (98_000..).find(|len| mint(len + 1).is_err()).unwrap();
    let token = mint(longest).unwrap();
    assert!((Token::MAX_BYTES - 2..=Token::MAX_BYTES).contains(&token.expose().len()), "{}", token.expose().len());
    assert_eq!(verify(token.expose()).unwrap().claims().revocation_key().unwrap().len(), longest);
    assert_named(mint(longest + 1), ErrorKind::Jwt, "JWT would be longer than 128 KiB");
}
