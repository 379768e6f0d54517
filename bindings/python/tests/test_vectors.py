"""The vectors of `tests/vectors`, most of which were made without this project's code."""

from __future__ import annotations

from typing import Any

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
from conftest import vectors

CAPABILITIES = "capabilities.json"
CREDENTIALS = "credentials.json"


def arguments(values: dict[str, Any]) -> dict[str, Any]:
    """Returns keyword arguments from names of the wire."""
    snake = {"clientId": "client_id", "notBefore": "not_before", "revocationKey": "revocation_key",
             "channelClaims": "channel_claims", "publishLimits": "publish_limits"}
    return {snake.get(name, name): value for name, value in values.items()}


@pytest.mark.parametrize("case", vectors(CAPABILITIES, "canonical"))
def test_canonical_text(case: Any) -> None:
    capability = Capability.parse(case["text"])
    assert str(capability) == case["canonical"]
    assert Capability.parse(capability.to_dict()) == capability


@pytest.mark.parametrize("case", vectors(CAPABILITIES, "lenient"))
def test_lenient_text(case: Any) -> None:
    assert str(Capability.parse(case["text"], lenient=True)) == case["canonical"]
    with pytest.raises(AblyAuthError):
        Capability.parse(case["text"])


@pytest.mark.parametrize("case", vectors(CAPABILITIES, "errors"))
def test_invalid_text(case: Any) -> None:
    with pytest.raises(AblyAuthError) as raised:
        Capability.parse(case["text"])
    error = raised.value
    assert (error.code, error.place, str(error)) == (case["code"], case["place"], case["message"])
    assert error.resource == case.get("resource", error.resource)


@pytest.mark.parametrize("case", vectors(CAPABILITIES, "permits"))
def test_permits(case: Any) -> None:
    capability = Capability.parse(case["capability"])
    assert capability.permits(case["operation"], case["channel"]) is case["permitted"]


@pytest.mark.parametrize("case", vectors(CAPABILITIES, "explanations"))
def test_explanation(case: Any) -> None:
    explanation = Capability.parse(case.pop("capability")).explain(case["operation"], case["channel"])
    assert explanation.to_dict() == case
    assert (explanation.permitted, explanation.reason) == (case["permitted"], case["reason"])
    assert (explanation.operation, explanation.channel) == (case["operation"], case["channel"])
    assert (explanation.entry, str(explanation)) == (case.get("entry"), case["text"])


@pytest.mark.parametrize("case", vectors(CAPABILITIES, "pairs"))
def test_pair(case: Any) -> None:
    a, b = Capability.parse(case["a"]), Capability.parse(case["b"])
    assert (a.covers(b), b.covers(a), a.equivalent(b)) == (case["aCoversB"], case["bCoversA"], case["equivalent"])
    # The model gives the shortest text; other names for the same channels are equally right.
    assert a.intersect(b).equivalent(case["intersection"]) and a.union(b).equivalent(case["union"])
    assert str(a.intersect(b).minimal()) == case["minimal"]


@pytest.mark.parametrize("case", vectors(CAPABILITIES, "minimal"))
def test_minimal(case: Any) -> None:
    assert str(Capability.parse(case["capability"]).minimal()) == case["minimal"]


@pytest.mark.parametrize("case", vectors(CREDENTIALS, "keys"))
def test_key(case: Any) -> None:
    key = ApiKey.parse(case["text"])
    assert (key.key_name, key.app_id, key.key_id) == (case["keyName"], case["appId"], case["keyId"])


@pytest.mark.parametrize("case", vectors(CREDENTIALS, "refusedKeys"))
def test_refused_key(case: Any) -> None:
    with pytest.raises(AblyAuthError) as raised:
        ApiKey.parse(case["text"])
    error = raised.value
    assert (error.code, error.place, str(error)) == (case["code"], case["place"], case["message"])


@pytest.mark.parametrize("case", vectors(CREDENTIALS, "tokenRequests"))
def test_signed_token_request(case: Any) -> None:
    request = sign_token_request(case["key"], **arguments(case["params"]))
    assert request == case["request"]
    verified = verify_token_request(request, case["key"])
    params = case["params"]
    assert (verified.ttl, verified.client_id) == (params.get("ttl"), params.get("clientId"))
    assert (verified.timestamp, verified.nonce) == (params["timestamp"], params["nonce"])


@pytest.mark.parametrize("case", vectors(CREDENTIALS, "refusedTokenRequests"))
def test_refused_token_request(case: Any) -> None:
    with pytest.raises(AblyAuthError) as raised:
        verify_token_request(case["request"], case["key"])
    assert (raised.value.code, str(raised.value)) == (case["code"], case["message"])


@pytest.mark.parametrize("case", vectors("token-requests.json", "cases"))
def test_token_request_of_another_sdk(case: Any) -> None:
    verified = verify_token_request(case["tokenRequest"], case["key"])
    assert verified.nonce == case["tokenRequest"]["nonce"]


@pytest.mark.parametrize("case", vectors(CREDENTIALS, "jwts"))
def test_minted_jwt(case: Any) -> None:
    claims = case["claims"]
    assert mint_jwt(case["key"], **arguments(claims)) == case["jwt"]
    verified = verify_jwt(case["jwt"], case["key"], now=case["now"])
    assert verified.client_id == claims.get("clientId")
    assert verified.revocation_key == claims.get("revocationKey")
    assert verified.channel_claims == claims.get("channelClaims", {})
    assert verified.publish_limits == claims.get("publishLimits", {})
    assert verified.claims == claims.get("claims", {})
    assert inspect_jwt(case["jwt"]).header["kid"] == verified.key_name


@pytest.mark.parametrize("case", vectors(CREDENTIALS, "refusedJwts"))
def test_refused_jwt(case: Any) -> None:
    with pytest.raises(AblyAuthError) as raised:
        verify_jwt(case["jwt"], case["key"], now=case["now"])
    assert (raised.value.code, str(raised.value)) == (case["code"], case["message"])


@pytest.mark.parametrize("case", vectors("jwt.json", "refused"))
def test_jwt_with_another_algorithm_is_refused(case: Any) -> None:
    with pytest.raises(AblyAuthError) as raised:
        verify_jwt(case["jwt"], case["key"], now=1449746288000)
    assert raised.value.code == 40144
