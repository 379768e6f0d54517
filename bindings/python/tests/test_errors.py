"""Errors: their codes and places, and that nothing shows a secret."""

from __future__ import annotations

import base64
import copy
import pickle
import traceback
from typing import Any, Callable

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
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = ApiKey.parse(KEY_TEXT)


def raised(call: Callable[[], object]) -> AblyAuthError:
    with pytest.raises(AblyAuthError) as error:
        call()
    return error.value


def test_error_has_code_place_and_advice() -> None:
    error = raised(lambda: Capability.parse('{"chat":["pubish"]}'))
    assert isinstance(error, ValueError)
    assert (error.status_code, error.href) == (400, "https://help.ably.io/error/40000")
    assert (error.code, error.place, error.resource) == (40000, 10, "chat")
    assert str(error).startswith("unknown operation `pubish` in resource `chat` (byte 10); operations are `publish`")


def test_error_about_a_mapping_has_no_place_in_a_text() -> None:
    error = raised(lambda: Capability.parse({"chat": ["pubish"]}))
    assert (error.code, error.place, error.resource) == (40000, None, "chat")
    assert str(error).startswith("unknown operation `pubish` in resource `chat`; operations are")


@pytest.mark.parametrize("value", [{"chat": []}, {"chat": ["*", "publish"]}, {"": ["publish"]}, {"[x]a": ["publish"]}])
def test_mapping_has_the_rules_of_text(value: Any) -> None:
    assert raised(lambda: Capability.parse(value)).code == 40000


@pytest.mark.parametrize("value", [{"chat": "publish"}, {"chat": [1]}, {"chat": None}])
def test_operations_must_be_strings(value: Any) -> None:
    assert "operations of `chat` are not a list of str" in str(raised(lambda: Capability.parse(value)))


@pytest.mark.parametrize(
    "call",
    [
        lambda: Capability.parse(5),
        lambda: Capability.parse({1: ["publish"]}),
        lambda: ApiKey.parse(b"app.key:secret"),
        lambda: sign_token_request(None),
        lambda: sign_token_request(KEY, ttl=True),
        lambda: sign_token_request(KEY, ttl="1h"),
        lambda: sign_token_request(KEY, timestamp=1.5),
        lambda: verify_token_request([], KEY),
        lambda: Capability.parse({}).permits("publish", None),
    ],
)
def test_argument_of_another_type_is_a_type_error(call: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        call()


def test_error_is_pickled_and_copied() -> None:
    error = raised(lambda: Capability.parse('{"chat":["pubish"]}'))
    for other in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert (str(other), other.code, other.place, other.resource) == (str(error), 40000, 10, "chat")
        assert other.status_code == 400


def test_large_intersection_is_refused() -> None:
    a = Capability.parse({f"*:{at}:x": ["publish"] for at in range(2000)})
    b = Capability.parse({f"{at}:*:x": ["publish"] for at in range(2000)})
    assert "too much work to intersect" in str(raised(lambda: a & b))


def test_values_show_no_secret() -> None:
    request = sign_token_request(KEY, client_id="bob")
    jwt = mint_jwt(KEY, claims={"session": "a-session-id"})
    values = [KEY, verify_token_request(request, KEY), verify_jwt(jwt, KEY), inspect_jwt(jwt)]
    for value in values:
        for text in (repr(value), str(value), f"{value}"):
            assert SECRET not in text and "a-session-id" not in text and request["mac"] not in text
    assert repr(KEY) == "ApiKey(app.key:[redacted])"
    with pytest.raises(TypeError):
        pickle.dumps(KEY)


def test_errors_show_no_secret() -> None:
    request = sign_token_request(KEY)
    jwt = mint_jwt(KEY)
    body, signature = jwt.rsplit(".", 1)
    calls: list[Callable[[], object]] = [
        lambda: ApiKey.parse(f"app.key:{SECRET}:more"),
        lambda: ApiKey.parse(f"app.key:{SECRET}\ud800"),
        lambda: ApiKey.parse(SECRET),
        lambda: sign_token_request(f"app.key.{SECRET}"),
        lambda: verify_token_request({**request, "keyName": KEY_TEXT}, KEY),
        lambda: verify_token_request({**request, "mac": SECRET}, KEY),
        lambda: verify_token_request({**request, "ttl": [SECRET]}, KEY),
        lambda: verify_token_request(f'"{KEY_TEXT}"', KEY),
        lambda: verify_token_request(f'{{"keyName":"app.key","ttl":["{SECRET}"]}}', KEY),
        lambda: verify_token_request(KEY_TEXT, KEY),
        lambda: verify_jwt(f"{body}.{signature[::-1]}", KEY),
        lambda: verify_jwt(KEY_TEXT, KEY),
        lambda: inspect_jwt(KEY_TEXT),
        lambda: mint_jwt(KEY, claims={"a": object()}),
    ]
    for call in calls:
        error = raised(call)
        shown = "".join(traceback.format_exception(error)) + repr(error.__dict__) + repr(error.args)
        # The lines of this file are in the traceback; the secret is not in them.
        assert SECRET not in shown and signature not in shown, shown
        assert error.__cause__ is None and error.__context__ is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a":["publish"]', "\0", '{"a":[["publish"]]}', "{" * 10000])
def test_malformed_text_is_an_error(text: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: Capability.parse(text),
        lambda: ApiKey.parse(text),
        lambda: verify_token_request(text, KEY),
        lambda: verify_token_request(text.encode(), KEY),
        lambda: verify_jwt(text, KEY),
        lambda: inspect_jwt(text),
    ]
    for call in calls:
        assert "; " in str(raised(call)), "the error ends with advice"


PIECES = ["{", "}", "[", "]", '"', ":", ",", "*", ".", "a", "publish", "[queue]", "\\u12", "\ud800", "é", "9" * 20, "eyJhbGciOiJIUzI1NiJ9", "e30"]


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_any_text_is_a_value_or_an_error(text: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: str(Capability.parse(text)),
        lambda: str(Capability.parse(text, lenient=True)),
        lambda: Capability.parse({text: [text]}, lenient=True).explain(text, text).to_dict(),
        lambda: Capability.parse({"*": ["*"]}).permits(text, text),
        lambda: ApiKey.parse(text),
        lambda: sign_token_request(KEY, client_id=text, nonce=text, capability=text),
        lambda: verify_token_request(text, KEY),
        lambda: verify_token_request({"keyName": text, "mac": text, "nonce": text, "timestamp": text}, KEY),
        lambda: mint_jwt(KEY, client_id=text, claims={text: text}, channel_claims={text: text}),
        lambda: verify_jwt(text, KEY),
        lambda: inspect_jwt(text),
    ]
    for call in calls:
        try:
            call()
        except AblyAuthError as error:
            assert "; " in str(error) and 40000 <= error.code < 50000


def test_integer_too_long_for_python_is_an_error() -> None:
    # Python refuses to read an integer of more than 4300 digits.
    token = mint_jwt(KEY, claims={"n": 10**4299})
    assert inspect_jwt(token).payload is not None
    header, payload, _ = token.split(".")
    text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).replace(b'"n":1', b'"n":11')
    longer = base64.urlsafe_b64encode(text).decode().rstrip("=")
    assert raised(lambda: inspect_jwt(f"{header}.{longer}.c2ln")).code == 40144
