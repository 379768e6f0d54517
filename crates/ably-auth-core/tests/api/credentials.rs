//! Parsing of keys, client IDs, nonces, lifetimes, tokens and macs.

use ably_auth_core::{ApiKey, ApiKeyRef, ClientId, ErrorKind, Identity, KeyName, Mac, Nonce, Timestamp, Token, Ttl};
use proptest::prelude::*;

use super::support::{KEY, KEY_NAME, config, key, ttl};

/// The parts of a key are the text before the dot, between the dot and the colon, and after the colon.
#[test]
fn key_has_three_parts() {
    for (text, app, id, secret) in [
        (KEY, "I2E_JQ", "OqUdfg", "EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0"),
        ("a.b:c", "a", "b", "c"),
        ("-_.9-:é/+=!", "-_", "9-", "é/+=!"),
    ] {
        let (owned, borrowed) = (ApiKey::parse(text).unwrap(), ApiKeyRef::parse(text).unwrap());
        let name = format!("{app}.{id}");
        assert_eq!((owned.key_name().app_id(), owned.key_name().key_id()), (app, id));
        assert_eq!((borrowed.app_id(), borrowed.key_id(), borrowed.key_name()), (app, id, name.as_str()));
        assert_eq!((owned.key_name().as_str(), owned.secret().expose()), (name.as_str(), secret));
        assert_eq!(ApiKey::from_parts(KeyName::parse(&name).unwrap(), secret).unwrap(), owned);
    }
}

/// An invalid key is refused at the offset of the mistake. The owned and the borrowed type return the same error.
#[test]
fn malformed_key_is_refused() {
    for (text, at) in [
        ("", 0),
        ("app.key", 7),
        (":secret", 0),
        ("app:secret", 3),
        (".key:secret", 0),
        ("app.:secret", 4),
        ("app.key:", 8),
        ("app.key:sec:ret", 11),
        ("app.key::", 8),
        ("app.key:sec.ret", 11),
        ("app.key.x:secret", 7),
        (" app.key:secret", 0),
        ("app.k ey:secret", 5),
        ("app\t.key:secret", 3),
        ("app.key:sec ret", 11),
        ("app.key:secret\n", 14),
        ("app.key:sec\u{a0}ret", 11),
        ("app.key:sec\0ret", 11),
        ("app.key:sec\u{7f}ret", 11),
        ("äpp.key:secret", 0),
        ("app.kéy:secret", 5),
        ("app.k%y:secret", 5),
        ("app/x.key:secret", 3),
        ("app.key\0:secret", 7),
    ] {
        let error = ApiKey::parse(text).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Key, Some(at)), "{text:?}: {error}");
        assert_eq!(ApiKeyRef::parse(text).unwrap_err(), error, "{text:?}");
        assert_eq!(text.parse::<ApiKey>().unwrap_err(), error, "{text:?}");
        assert_eq!(error.ably_code().as_u32(), 40005);
    }
    let name = || KeyName::parse(KEY_NAME).unwrap();
    for secret in ["", "a:b", "a.b", "a b", "a\n"] {
        assert!(ApiKey::from_parts(name(), secret).is_err(), "{secret:?}");
    }
}

/// A key name has two URL-safe parts. A whole key is not a key name.
#[test]
fn malformed_key_name_is_refused() {
    assert_eq!(KeyName::parse(KEY_NAME).unwrap().to_string(), KEY_NAME);
    for text in
        ["", ".", "app", "app.", ".key", "app.key.x", "app.key:", "app.key:secret", "app key.x", "app.k/y", "é.b"]
    {
        assert_eq!(KeyName::parse(text).unwrap_err().kind(), ErrorKind::Key, "{text}");
        assert!(serde_json::from_value::<KeyName>(text.into()).is_err(), "{text}");
    }
}

/// Keys are equal exactly if both their names and their secrets are equal.
#[test]
fn key_equality_includes_secret() {
    assert_eq!(key(), ApiKey::parse(KEY).unwrap());
    for other in [KEY.replace("1y0", "1y1"), KEY.replace("1y0", "1y"), KEY.to_owned() + "0", KEY.replace("OqU", "oqU")]
    {
        assert_ne!(ApiKey::parse(&other).unwrap(), key(), "{other}");
    }
}

/// `*` is any identity, and other text is that identity. An empty text or one with control characters is refused.
#[test]
fn client_id_is_none_any_or_one() {
    for text in ["bob", "**", "user one", "üser-🚀", "a\"b\\c", "*a"] {
        let client_id = ClientId::parse(text).unwrap();
        assert_eq!((client_id.as_str(), client_id.is_none()), (Some(text), false));
        assert!(client_id.permits(text) && !client_id.permits("alice") && !client_id.permits("*"), "{text}");
        assert_eq!(ClientId::from(Identity::new(text).unwrap()), client_id);
    }
    assert_eq!(ClientId::parse("*").unwrap(), ClientId::Any);
    assert!(ClientId::Any.permits("bob") && ClientId::Any.permits("alice"));
    assert!(!ClientId::None.permits("bob") && !ClientId::None.permits("") && ClientId::None.is_none());
    for text in ["", "\n", "bob\0", "b\u{85}b", "\u{7f}"] {
        let error = ClientId::parse(text).unwrap_err();
        assert_eq!((error.kind(), error.ably_code().as_u32()), (ErrorKind::ClientId, 40012), "{text:?}");
    }
    assert!(Identity::new("*").is_err() && Identity::new("").is_err());
}

/// A nonce has at least 16 characters, which may be more bytes.
#[test]
fn nonce_has_at_least_16_characters() {
    for text in ["9000000830710428", "ééééééééééééééé9", &"x".repeat(200)] {
        assert_eq!(Nonce::parse(text).unwrap().as_str(), text);
    }
    for text in ["", "900000083071042", "ééééééééé", "900000083071042\n", "9000000830710428\u{80}"] {
        assert_eq!(Nonce::parse(text).unwrap_err().kind(), ErrorKind::Nonce, "{text:?}");
    }
}

/// A lifetime is at least one millisecond and at most one day.
#[test]
fn lifetime_is_at_most_one_day() {
    for millis in [1, 3_600_000, 86_400_000] {
        assert_eq!(ttl(millis).as_millis(), millis);
    }
    for millis in [0, 86_400_001, u64::MAX] {
        let error = Ttl::from_millis(millis).unwrap_err();
        assert_eq!((error.kind(), error.ably_code().as_u32()), (ErrorKind::Ttl, 40003), "{millis}");
    }
    assert_eq!([Ttl::MAX, Ttl::MAX_REVOCABLE, Ttl::DEFAULT].map(Ttl::as_millis), [86_400_000, 3_600_000, 3_600_000]);
}

/// A token has only characters that a header can carry, and at most 128 KiB.
#[test]
fn token_has_only_header_characters() {
    let longest = "t".repeat(128 * 1024);
    for text in ["t", "xVLyHw.Dtxd9tuz", "a.b.c", "!~", &longest] {
        let token = Token::new(text).unwrap();
        assert_eq!(token.expose(), text);
        assert_eq!(serde_json::to_value(&token).unwrap(), text);
        assert_eq!(serde_json::from_value::<Token>(text.into()).unwrap(), token);
    }
    for text in ["", " t", "t ", "t\n", "t\r\nx: y", "té", "t\0", "t\u{7f}", &(longest + "t")] {
        assert_eq!(Token::new(text).unwrap_err().kind(), ErrorKind::Token, "{text:.20?}");
    }
    assert_ne!(Token::new("token").unwrap(), Token::new("tokem").unwrap());
    assert_ne!(Token::new("token").unwrap(), Token::new("token1").unwrap());
}

/// A mac is 32 bytes in padded standard base64, and only the canonical encoding is accepted.
#[test]
fn mac_has_one_encoding() {
    let text = "1Py5dJH1mtXW66Y+iir+xpFoaGctRBlbINNQffAC2P0=";
    let mac = Mac::from_base64(text).unwrap();
    assert_eq!(mac.to_base64(), text.as_bytes());
    let changed = [
        text.trim_end_matches('=').to_owned(),
        text.replace('+', "-"),
        text.replace("0=", "1="),
        text.replace("0=", "=="),
        format!("{text}="),
        format!("{text}\n"),
        format!(" {text}"),
        format!("AAAA{text}"),
        text[4..].to_owned(),
        String::new(),
    ];
    for text in changed {
        assert_eq!(Mac::from_base64(&text).unwrap_err().kind(), ErrorKind::Mac, "{text:?}");
    }
    assert_ne!(Mac::from_base64(&text.replace("1Py", "1Pz")).unwrap(), mac);
}

/// Arithmetic and comparison of timestamps never overflow.
#[test]
fn timestamp_arithmetic_saturates() {
    let (first, last) = (Timestamp::from_millis(0), Timestamp::from_millis(u64::MAX));
    assert_eq!(last.saturating_add(Ttl::MAX), last);
    assert_eq!(first.saturating_add(Ttl::MAX).as_millis(), 86_400_000);
    assert_eq!((first.abs_diff(last), last.abs_diff(first)), (u64::MAX, u64::MAX));
    assert_eq!((first.millis_since(last), last.millis_since(first)), (0, u64::MAX));
}

proptest! {
    #![proptest_config(config())]

    /// No text causes a panic, and the offset of every error is within the text.
    #[test]
    fn any_text_is_accepted_or_refused(text in "[a.: *\\PC\n]{0,24}") {
        let offsets = [
            ApiKey::parse(&text).err(),
            KeyName::parse(&text).err(),
            ClientId::parse(&text).err(),
            Nonce::parse(&text).err(),
            Token::new(&text).err(),
            Mac::from_base64(&text).err(),
        ];
        for error in offsets.into_iter().flatten() {
            prop_assert!(error.offset().is_none_or(|at| at <= text.len()), "{}", error);
        }
    }

    /// Different random bytes give different nonces.
    #[test]
    fn random_bytes_give_distinct_nonces(one in any::<[u8; 16]>(), other in any::<[u8; 16]>()) {
        let (ours, theirs) = (Nonce::from_random(&one), Nonce::from_random(&other));
        prop_assert_eq!(ours == theirs, one == other);
        prop_assert_eq!(&Nonce::parse(ours.as_str()).unwrap(), &ours);
        let bytes = (0..16).map(|at| u8::from_str_radix(&ours.as_str()[2 * at..2 * at + 2], 16).unwrap());
        prop_assert!(bytes.eq(one));
    }
}

/// Credentials in headers are accepted with and without padding, in both alphabets of base64.
#[test]
fn credentials_in_headers_are_parsed() {
    // Its base64 has `+` or `-`, `/` or `_`, and padding.
    let text = "a.b:~~>ÿ?";
    for encoded in ["YS5iOn5+PsO/Pw==", "YS5iOn5+PsO/Pw", "YS5iOn5-PsO_Pw==", "YS5iOn5-PsO_Pw"] {
        assert_eq!(ApiKey::from_basic(encoded).unwrap(), ApiKey::parse(text).unwrap(), "{encoded}");
    }
    for wrong in ["", "a.b:c", "YS5iOmM.", "YS5iOg==", "/w==", "YS5i OmM="] {
        assert_eq!(ApiKey::from_basic(wrong).unwrap_err().kind(), ErrorKind::Key, "{wrong}");
    }

    let token = Token::new("xVLyHw.Dtxd-9tuz").unwrap();
    for shown in ["xVLyHw.Dtxd-9tuz", "eFZMeUh3LkR0eGQtOXR1eg==", "eFZMeUh3LkR0eGQtOXR1eg"] {
        assert_eq!(Token::from_bearer(shown).unwrap(), token, "{shown}");
    }
    for wrong in ["", "notatoken!", "/w==", "xVLyHw.Dtxd 9tuz", "YSBi"] {
        assert_eq!(Token::from_bearer(wrong).unwrap_err().kind(), ErrorKind::Token, "{wrong}");
    }

    for (encoded, name) in [("Ym9i", "bob"), ("YsO4Yg==", "bøb"), ("YsO4Yg", "bøb"), ("Pz8_", "???")] {
        assert_eq!(Identity::from_base64(encoded).unwrap().as_str(), name);
    }
    // Empty, any identity, a control character, not UTF-8, and not base64.
    for wrong in ["", "Kg==", "YQo=", "/w==", "b b"] {
        assert_eq!(Identity::from_base64(wrong).unwrap_err().kind(), ErrorKind::ClientId, "{wrong}");
    }
}
