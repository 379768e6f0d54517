"""Token requests and JWTs: clock, nonces, and the types of arguments."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import datetime, timedelta, timezone

import pytest
from ably_capability import (
    AblyAuthError,
    ApiKey,
    Capability,
    inspect_jwt,
    mint_jwt,
    sign_token_request,
    verify_jwt,
    verify_token_request,
)
from conftest import KEY_TEXT, SECRET

NOW = 1_767_225_600_000


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: NOW * 1_000_000)


def signature(text: str) -> str:
    return base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()).decode()


def test_token_request_has_the_time_and_a_random_nonce(key: ApiKey) -> None:
    one, other = sign_token_request(key), sign_token_request(key)
    assert one["timestamp"] == NOW
    assert one["nonce"] != other["nonce"] and len(one["nonce"]) == 32
    assert list(one) == ["keyName", "timestamp", "nonce", "mac"]
    assert one["mac"] == signature(f"app.key\n\n\n\n{NOW}\n{one['nonce']}\n")


def test_token_request_is_ready_for_json(key: ApiKey) -> None:
    request = sign_token_request(key, capability={"b": ["*"], "a": {"publish"}}, client_id="Jürgen", ttl=60_000)
    verified = verify_token_request(json.dumps(request), key)
    assert request["capability"] == '{"a":["publish"],"b":["*"]}'
    assert verified.capability == Capability.parse({"a": ["publish"], "b": ["*"]})
    assert (verified.client_id, verified.ttl, verified.key_name) == ("Jürgen", 60_000, "app.key")
    assert verify_token_request(json.dumps(request).encode(), KEY_TEXT).nonce == request["nonce"]


def test_times_and_lifetimes_may_be_of_datetime(key: ApiKey) -> None:
    moment = datetime(2026, 1, 1, 1, 0, 0, 7_000, tzinfo=timezone(timedelta(hours=1)))
    request = sign_token_request(key, ttl=timedelta(minutes=1), timestamp=moment)
    assert (request["ttl"], request["timestamp"]) == (60_000, NOW + 7)
    with pytest.raises(AblyAuthError, match="datetime without a time zone"):
        sign_token_request(key, timestamp=datetime(2026, 1, 1))
    with pytest.raises(AblyAuthError, match="after 1970"):
        sign_token_request(key, timestamp=datetime(1969, 1, 1, tzinfo=timezone.utc))


@pytest.mark.parametrize("ttl", [0, -1, 86_400_001, 10**30, timedelta(days=2), timedelta(microseconds=1)])
def test_ttl_out_of_range_is_refused(key: ApiKey, ttl: int | timedelta) -> None:
    with pytest.raises(AblyAuthError) as raised:
        sign_token_request(key, ttl=ttl)
    assert raised.value.code == 40003


def test_changed_token_request_is_refused(key: ApiKey) -> None:
    request = sign_token_request(key, client_id="bob")
    with pytest.raises(AblyAuthError) as raised:
        verify_token_request({**request, "clientId": "alice"}, key)
    assert raised.value.code == 40101
    with pytest.raises(AblyAuthError):
        verify_token_request(request, "app.key:another-secret")
    with pytest.raises(AblyAuthError, match="names another key: `app.key`"):
        verify_token_request(request, "app.other:secret")


def test_jwt_lives_for_its_ttl(key: ApiKey) -> None:
    token = mint_jwt(key, ttl=timedelta(minutes=1), capability={"chat": ["publish"]}, client_id="bob")
    claims = verify_jwt(token, key)
    assert (claims.issued, claims.expires, claims.client_id) == (NOW, NOW + 60_000, "bob")
    assert claims.capability is not None and claims.capability.permits("publish", "chat")
    with pytest.raises(AblyAuthError) as raised:
        verify_jwt(token, key, now=NOW + 60_000)
    assert raised.value.code == 40142
    assert verify_jwt(token, key, now=NOW + 60_000, leeway=timedelta(seconds=5)).key_name == "app.key"
    with pytest.raises(AblyAuthError):
        verify_jwt(token, key, now=NOW - 1000)


def test_jwt_of_another_key_is_refused(key: ApiKey) -> None:
    token = mint_jwt(key)
    for other in ("app.key:another-secret", "app.other:a-secret-for-tests"):
        with pytest.raises(AblyAuthError) as raised:
            verify_jwt(token, other)
        assert raised.value.code == 40144


def test_unverified_jwt_is_only_inspected(key: ApiKey) -> None:
    header, payload, _ = mint_jwt(key, client_id="bob").split(".")
    jwt = inspect_jwt(f"{header}.{payload}.forged")
    assert (jwt.key_name, jwt.client_id, jwt.capability) == ("app.key", "bob", None)
    assert jwt.header == {"typ": "JWT", "alg": "HS256", "kid": "app.key"}
    assert jwt.payload is not None and jwt.payload["x-ably-clientId"] == "bob"
    assert (jwt.issued, jwt.expires) == (NOW, NOW + 3_600_000)


def test_jwt_of_another_issuer_is_inspected() -> None:
    # {"alg":"RS256"} . {"exp":1.7e9,"x-ably-clientId":null,"x-ably-capability":"{}"} . a signature
    claims = "eyJleHAiOjEuN2U5LCJ4LWFibHktY2xpZW50SWQiOm51bGwsIngtYWJseS1jYXBhYmlsaXR5Ijoie30ifQ"
    jwt = inspect_jwt(f"eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln")
    assert (jwt.key_name, jwt.client_id, jwt.capability, jwt.issued) == (None, None, "{}", None)
    assert jwt.expires == 1_700_000_000_000


def test_jwt_with_an_embedded_token_is_refused(key: ApiKey) -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"iat": NOW // 1000, "exp": NOW // 1000 + 60, "x-ably-token": "appid.token"}
    text = f"{part({'typ': 'JWT', 'alg': 'HS256', 'kid': 'app.key'})}.{part(claims)}"
    mac = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    token = f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    with pytest.raises(AblyAuthError, match="embedded token, whose rights count instead"):
        verify_jwt(token, key)


def test_claim_without_a_form_in_json_is_refused(key: ApiKey) -> None:
    for value in (float("nan"), {1, 2}, "\ud800"):
        with pytest.raises(AblyAuthError, match="claim `a` of the JWT has no form in JSON"):
            mint_jwt(key, claims={"a": value})
    with pytest.raises(AblyAuthError):
        mint_jwt(key, claims={"iat": 1})
    with pytest.raises(AblyAuthError, match="whole number"):
        mint_jwt(key, publish_limits={"chat": -1})
