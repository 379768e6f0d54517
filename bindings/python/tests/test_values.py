"""Capabilities and keys as Python values."""

from __future__ import annotations

import copy
import pickle
import threading
from types import MappingProxyType
from typing import Any, cast

import pytest
from ably_capability import AblyAuthError, ApiKey, Capability

TEXT = '{"chat:*":["publish","subscribe"],"status":["subscribe"]}'


def test_equal_capabilities_have_equal_hashes() -> None:
    one, other = Capability.parse(TEXT), Capability.parse({"status": ["subscribe"], "chat:*": ("subscribe", "publish")})
    assert one == other and hash(one) == hash(other) and {one: 1}[other] == 1
    assert one != Capability.parse({}) and one != TEXT


def test_capability_has_no_order() -> None:
    with pytest.raises(TypeError):
        Capability.parse(TEXT) < Capability.parse({})  # type: ignore[operator]


def test_capability_cannot_be_changed() -> None:
    capability = cast(Any, Capability.parse(TEXT))
    with pytest.raises(AttributeError):
        capability.resources = []
    with pytest.raises(TypeError):
        capability["chat:*"] = ["*"]
    capability.to_dict()["status"].append("publish")
    assert str(capability) == TEXT
    with pytest.raises(TypeError):
        type("Wider", (Capability,), {})


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_capability_is_pickled(protocol: int) -> None:
    capability = Capability.parse('{"chat":["publish","teleport"]}', lenient=True)
    assert pickle.loads(pickle.dumps(capability, protocol)) == capability


def test_copy_is_the_same_value() -> None:
    capability, key = Capability.parse(TEXT), ApiKey.parse("app.key:secret")
    assert copy.copy(capability) is capability and copy.deepcopy([capability])[0] is capability
    assert copy.copy(key) is key and copy.deepcopy(key) is key


def test_operators_accept_text_and_mappings() -> None:
    capability = Capability.parse(TEXT)
    asked = {"chat:lobby": ["*"]}
    expected = '{"chat:lobby":["publish","subscribe"]}'
    assert str(capability & asked) == str(asked & capability) == expected
    assert str(capability & '{"chat:lobby":["*"]}') == expected
    assert str({"a": ["publish"]} | Capability.parse({})) == '{"a":["publish"]}'
    assert capability.covers(asked) is False and capability.covers(expected)
    with pytest.raises(TypeError):
        capability & 5  # type: ignore[operator]
    with pytest.raises(AblyAuthError):
        capability & "chat"


def test_capability_is_true_if_anything_is_permitted() -> None:
    assert Capability.parse(TEXT) and len(Capability.parse(TEXT)) == 2
    assert not Capability.parse({}) and len(Capability.parse({})) == 0
    assert not Capability.parse(TEXT) & {"vault": ["*"]}


def test_any_mapping_and_iterable_is_accepted() -> None:
    mapping = MappingProxyType({"chat": iter(["publish"]), "a": {"history"}})
    assert str(Capability.parse(mapping)) == '{"a":["history"],"chat":["publish"]}'
    assert list(Capability.parse({'a"\\': ["publish"]}).to_dict()) == ['a"\\']


def test_explanation_is_true_if_permitted() -> None:
    capability = Capability.parse(TEXT)
    assert capability.explain("publish", "chat:lobby")
    refused = capability.explain("publish", "status")
    assert not refused and refused.entry == {"resource": "status", "operations": ["subscribe"]}


def test_keys_are_compared_with_their_secret() -> None:
    key = ApiKey.parse("app.key:secret")
    assert key == ApiKey.parse("app.key:secret") and hash(key) == hash(ApiKey.parse("app.key:secret"))
    assert key != ApiKey.parse("app.key:other") and key != "app.key:secret"


def test_capability_is_shared_by_threads() -> None:
    capability = Capability.parse({f"room:{at}": ["publish"] for at in range(200)})
    results: list[bool] = []

    def check() -> None:
        asked = capability & {"room:*": ["publish"]}
        results.extend(asked.permits("publish", f"room:{at}") for at in range(200))

    threads = [threading.Thread(target=check) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 1600
