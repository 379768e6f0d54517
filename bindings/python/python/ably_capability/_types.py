"""Types of arguments and results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict, Union

if TYPE_CHECKING:
    from ._native import ApiKey, Capability

CapabilityLike = Union["Capability", str, Mapping[str, Iterable[str]]]
"""A capability, its JSON text, or a mapping of resources to operations."""

KeyLike = Union["ApiKey", str]
"""A key, or its text."""


class Entry(TypedDict):
    """A resource of a capability with its operations."""

    resource: str
    operations: list[str]


class _SignedFields(TypedDict):
    keyName: str
    timestamp: int
    nonce: str
    mac: str


class TokenRequest(_SignedFields, total=False):
    """A signed token request, with the names that Ably uses. It is ready for JSON."""

    ttl: int
    capability: str
    clientId: str
