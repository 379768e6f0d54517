//! Times of JWTs: seconds, milliseconds, and clocks that differ.

use std::time::Duration;

use ably_auth_core::{Error, ErrorKind, JwtFields, Timestamp, Ttl, UnverifiedJwt, VerifiedJwt};

use super::jwt_support::{HEADER, IAT, assert_named, key, signed, verify};

fn jwt(iat: &str, exp: &str, more: &str) -> String {
    signed(HEADER, format!(r#"{{"iat":{iat},"exp":{exp}{more}}}"#).as_bytes())
}

fn at(text: &str, millis: u64, leeway: Duration) -> Result<VerifiedJwt, Error> {
    UnverifiedJwt::parse(text)?.verify(&key().signer(), Timestamp::from_millis(millis), leeway)
}

const EXPIRED: &str = "JWT has expired";
const EARLY: &str = "JWT is not valid yet";
const FUTURE: &str = "JWT was issued in the future";

/// A JWT is valid from its first millisecond until just before `exp`. The leeway extends both limits exactly.
#[test]
fn validity_is_exact_to_the_millisecond() {
    let (start, end) = (IAT * 1000, (IAT + 60) * 1000);
    let plain = jwt(&IAT.to_string(), &(IAT + 60).to_string(), "");
    // Issued one minute before it becomes valid.
    let later = jwt(&(IAT - 60).to_string(), &(IAT + 60).to_string(), &format!(r#","nbf":{IAT}"#));
    for leeway in [0, 1, 999, 1000, 30_000] {
        for (text, early) in [(&plain, FUTURE), (&later, EARLY)] {
            let at = |millis| at(text, millis, Duration::from_millis(leeway));
            assert_named(at(start - leeway - 1), ErrorKind::Jwt, early);
            assert!(at(start - leeway).is_ok());
            assert!(at(end - 1).is_ok());
            assert!(at(end + leeway).is_err());
            assert!(leeway == 0 || at(end + leeway - 1).is_ok());
            assert_named(at(end + leeway), ErrorKind::JwtExpired, EXPIRED);
        }
    }
}

#[test]
fn extreme_times_do_not_overflow() {
    let first = jwt("0", "1", "");
    assert!(at(&first, 0, Duration::ZERO).is_ok());
    assert!(at(&first, 999, Duration::ZERO).is_ok());
    assert_named(at(&first, 1000, Duration::ZERO), ErrorKind::JwtExpired, EXPIRED);
    assert_named(at(&first, u64::MAX, Duration::from_secs(1)), ErrorKind::JwtExpired, EXPIRED);
    assert!(at(&first, u64::MAX - 1, Duration::MAX).is_ok());
    let last = jwt("99999999998", "99999999999", "");
    assert!(at(&last, 99_999_999_998_000, Duration::ZERO).is_ok());
    assert_named(at(&last, 0, Duration::ZERO), ErrorKind::Jwt, FUTURE);
    assert!(at(&last, 0, Duration::MAX).is_ok());
    // A lifetime of 24 hours that starts in a year.
    let next_year = jwt(&(IAT + 31_536_000).to_string(), &(IAT + 31_622_400).to_string(), "");
    assert_named(verify(&next_year), ErrorKind::Jwt, FUTURE);
}

/// Fractions are read to the millisecond. Further digits are ignored.
#[test]
fn times_are_read_by_value() {
    for (written, millis) in [
        ("1700000000", 1_700_000_000_000),
        ("1700000000.5", 1_700_000_000_500),
        ("1700000000.05", 1_700_000_000_050),
        ("1700000000.123", 1_700_000_000_123),
        ("1700000000.9999999999999999999999", 1_700_000_000_999),
        ("1700000000.000", 1_700_000_000_000),
        ("0", 0),
        ("0.001", 1),
        ("99999999999.9", 99_999_999_999_900),
        ("1.7e9", 1_700_000_000_000),
        ("1.7E+9", 1_700_000_000_000),
        ("17e8", 1_700_000_000_000),
        ("1.700000000123e9", 1_700_000_000_123),
        ("1700000000123e-3", 1_700_000_000_123),
        ("1700000000000000e-6", 1_700_000_000_000),
        ("0.0017e12", 1_700_000_000_000),
        ("1.7000000009999e9", 1_700_000_000_999),
        ("9.99999999999e10", 99_999_999_999_900),
        ("1E1", 10_000),
        ("1e-3", 1),
        ("1e-4", 0),
        ("1e-99999999999999999999", 0),
        ("0e99999999999999999999", 0),
        ("-0", 0),
        ("-0.0e5", 0),
    ] {
        let text = jwt("0", "99999999999.999", &format!(r#","nbf":{written}"#));
        let claims = UnverifiedJwt::parse(&text).unwrap().decode_without_verifying().unwrap();
        assert_eq!(claims.not_before().unwrap().as_millis(), millis, "{written}");
    }
}

#[test]
fn invalid_time_is_refused() {
    for (value, problem) in [
        ("-1", "JWT has a time before the epoch"),
        ("-0.5", "JWT has a time before the epoch"),
        ("-1e-400", "JWT has a time before the epoch"),
        ("1e11", "JWT has a time after the year 5138"),
        ("1e99999999999999999999", "JWT has a time after the year 5138"),
        ("0.1e12", "JWT has a time after the year 5138"),
        ("100000000000", "JWT has a time after the year 5138"),
        ("1700000000000", "JWT has a time after the year 5138"),
        ("18446744073709551616", "JWT has a time after the year 5138"),
        (&"9".repeat(400), "JWT has a time after the year 5138"),
        (r#""1700000000""#, "JWT has a time that is not a number"),
        ("true", "JWT has a time that is not a number"),
        ("[1]", "JWT has a time that is not a number"),
    ] {
        let usual = ["1700000000", "1700003600", "1700000000"];
        for (which, claim) in ["iat", "exp", "nbf"].into_iter().enumerate() {
            let mut given = usual;
            given[which] = value;
            let text = jwt(given[0], given[1], &format!(r#","nbf":{}"#, given[2]));
            assert_named(verify(&text), ErrorKind::Jwt, &format!("{problem}: `{claim}`"));
        }
    }
}

#[test]
fn iat_and_exp_are_required_and_ordered() {
    let payload = |text: &str| verify(&signed(HEADER, text.as_bytes()));
    assert_named(payload("{}"), ErrorKind::Jwt, "JWT has no `iat`");
    assert_named(payload(r#"{"exp":1700003600}"#), ErrorKind::Jwt, "JWT has no `iat`");
    assert_named(payload(r#"{"iat":1700000000}"#), ErrorKind::Jwt, "JWT has no `exp`");
    assert_named(payload(r#"{"iat":null,"exp":1700003600}"#), ErrorKind::Jwt, "JWT has no `iat`");
    assert_named(payload(r#"{"iat":1700000000,"exp":null}"#), ErrorKind::Jwt, "JWT has no `exp`");
    for exp in ["1700000000", "1699999999", "0", "1700000000.0004", "17e8", "1.7000000000004e9"] {
        let name = "JWT's `exp` is not later than its `iat`";
        assert_named(payload(&format!(r#"{{"iat":1700000000,"exp":{exp}}}"#)), ErrorKind::Jwt, name);
    }
    let long = |seconds: u64| at(&jwt("0", &seconds.to_string(), ""), 0, Duration::ZERO).unwrap();
    assert_eq!(long(86_400).claims().ttl().unwrap(), Ttl::MAX);
    assert_eq!(long(86_401).claims().ttl().unwrap_err().kind(), ErrorKind::Ttl);
}

/// A minted JWT lives no longer than the ttl, but at least one second, and is valid when it is minted.
#[test]
fn minted_times_are_whole_seconds_within_ttl() {
    for (issued, ttl, iat, exp) in [
        (1_700_000_000_000, 60_000, 1_700_000_000, 1_700_000_060),
        (1_700_000_000_999, 60_000, 1_700_000_000, 1_700_000_060),
        (1_700_000_000_999, 60_001, 1_700_000_000, 1_700_000_061),
        (1_700_000_000_000, 59_999, 1_700_000_000, 1_700_000_059),
        (1_700_000_000_000, 1, 1_700_000_000, 1_700_000_001),
        (1_700_000_000_500, 499, 1_700_000_000, 1_700_000_001),
        (0, 86_400_000, 0, 86_400),
        (999, 86_400_000, 0, 86_400),
    ] {
        let issued = Timestamp::from_millis(issued);
        let fields =
            JwtFields { not_before: Some(issued), ..JwtFields::new("app.key", issued, Ttl::from_millis(ttl).unwrap()) };
        let token = fields.mint(&key().signer()).unwrap();
        let claims = UnverifiedJwt::parse(token.expose()).unwrap().decode_without_verifying().unwrap();
        assert_eq!((claims.issued().as_millis(), claims.expires().as_millis()), (iat * 1000, exp * 1000));
        assert_eq!(claims.not_before().unwrap().as_millis(), issued.as_millis().div_ceil(1000) * 1000);
        let fields = JwtFields { not_before: None, ..fields };
        assert!(at(fields.mint(&key().signer()).unwrap().expose(), issued.as_millis(), Duration::ZERO).is_ok());
    }
    let late = |issued, not_before: Option<u64>| {
        let fields = JwtFields {
            not_before: not_before.map(Timestamp::from_millis),
            ..JwtFields::new("app.key", Timestamp::from_millis(issued), Ttl::from_millis(1000).unwrap())
        };
        fields.mint(&key().signer()).map_err(|error| error.kind())
    };
    assert!(late(99_999_999_998_999, None).is_ok());
    assert_eq!(late(99_999_999_999_000, None), Err(ErrorKind::Timestamp));
    assert_eq!(late(u64::MAX, None), Err(ErrorKind::Timestamp));
    assert!(late(0, Some(99_999_999_999_000)).is_ok());
    assert_eq!(late(0, Some(99_999_999_999_001)), Err(ErrorKind::Timestamp));
    assert_eq!(late(0, Some(u64::MAX)), Err(ErrorKind::Timestamp));
}
