"""Laws of the algebra, with random capabilities, and checks against an independent oracle."""

from __future__ import annotations

from ably_capability import Capability
from hypothesis import given, settings
from hypothesis import strategies as st

import oracle

OPERATIONS = ["publish", "subscribe", "presence", "history"]
SEGMENTS = ["a", "b", "a*", "é", "x y"]

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=300)
settings.load_profile("fixed")

operations = st.one_of(
    st.just(["*"]), st.lists(st.sampled_from(OPERATIONS), min_size=1, max_size=3, unique=True)
)


def paths(segments: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(segments), min_size=1, max_size=4).map(":".join)


resources = st.builds("{}{}".format, st.sampled_from(["", "", "[queue]", "[meta]", "[*]"]), paths([*SEGMENTS, "*", "*"]))
names = st.builds("{}{}".format, st.sampled_from(["", "", "[queue]", "[meta]"]), paths([*SEGMENTS, "c"]))
capabilities = st.dictionaries(resources, operations, max_size=5).map(Capability.parse)
asked = st.sampled_from([*OPERATIONS, "stats"])


@given(capabilities, asked, names)
def test_permits_agrees_with_oracle(capability: Capability, operation: str, name: str) -> None:
    expected = oracle.permits(capability.to_dict(), operation, name)
    assert capability.permits(operation, name) is expected
    assert capability.explain(operation, name).permitted is expected


@given(capabilities, capabilities, asked, names)
def test_intersection_permits_what_both_permit(a: Capability, b: Capability, operation: str, name: str) -> None:
    both = oracle.permits(a.to_dict(), operation, name) and oracle.permits(b.to_dict(), operation, name)
    assert (a & b).permits(operation, name) is both


@given(capabilities, capabilities, asked, names)
def test_union_permits_what_either_permits(a: Capability, b: Capability, operation: str, name: str) -> None:
    either = oracle.permits(a.to_dict(), operation, name) or oracle.permits(b.to_dict(), operation, name)
    assert (a | b).permits(operation, name) is either


@given(capabilities, capabilities, capabilities)
def test_intersection_is_a_semilattice(a: Capability, b: Capability, c: Capability) -> None:
    assert (a & b).equivalent(b & a)
    assert a & a == a
    assert ((a & b) & c).equivalent(a & (b & c))


@given(capabilities, capabilities, capabilities)
def test_union_is_a_semilattice(a: Capability, b: Capability, c: Capability) -> None:
    assert a | b == b | a
    assert a | a == a
    assert (a | b) | c == a | (b | c)


@given(capabilities, capabilities)
def test_capability_covers_what_it_has_in_common(a: Capability, b: Capability) -> None:
    assert a.covers(b) is (a & b).equivalent(b)
    assert a.covers(a & b) and (a | b).covers(a)


@given(capabilities, capabilities)
def test_minimal_is_the_same_for_equivalent_capabilities(a: Capability, b: Capability) -> None:
    minimal = a.minimal()
    assert minimal.equivalent(a) and minimal.minimal() == minimal and len(minimal) <= len(a)
    assert (a.minimal() == b.minimal()) is a.equivalent(b)
    assert (a | (a & b)).minimal() == minimal


@given(capabilities)
def test_canonical_text_is_read_back(a: Capability) -> None:
    assert Capability.parse(str(a)) == a
    assert str(Capability.parse(str(a))) == str(a)
    assert Capability.parse(a.to_dict()) == a
