"""Types of the native module. Its classes cannot be subclassed, and their instances cannot be changed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, final

from ._types import CapabilityLike, Entry, KeyLike, TokenRequest

@final
class Capability:
    """The permitted operations on channels, queues and metachannels. It is immutable.

    Each argument that is a capability may also be its JSON text, or a mapping of resources to operations. A channel may be
    a resource with wildcards, which stands for all names that it matches.
    """

    @staticmethod
    def parse(value: CapabilityLike, *, lenient: bool = False) -> Capability:
        """Parses JSON text, or a mapping of resources to operations.

        It refuses what Ably would refuse. With `lenient`, it keeps operations and kinds of resources that only a newer
        service knows; use that for the capability of a token that somebody else issued.
        """

    def permits(self, operation: str, channel: str) -> bool:
        """Returns whether the operation is permitted on the channel."""

    def covers(self, other: CapabilityLike) -> bool:
        """Returns whether everything that `other` permits is permitted."""

    def intersect(self, other: CapabilityLike) -> Capability:
        """Returns what both capabilities permit: `a & b`.

        It raises AblyAuthError if that takes more than about 0.1 s, which only capabilities with thousands of entries do.
        """

    def union(self, other: CapabilityLike) -> Capability:
        """Returns what either capability permits: `a | b`."""

    def minimal(self) -> Capability:
        """Returns the equivalent capability without entries that others cover. Equivalent capabilities have the same one."""

    def equivalent(self, other: CapabilityLike) -> bool:
        """Returns whether both capabilities permit the same. `==` compares the canonical text."""

    def explain(self, operation: str, channel: str) -> Explanation:
        """Explains why the operation is permitted on the channel, or what is missing."""

    def to_dict(self) -> dict[str, list[str]]:
        """Returns a dict of resources to operations, both in byte order."""

    def __and__(self, other: CapabilityLike, /) -> Capability: ...
    def __rand__(self, other: CapabilityLike, /) -> Capability: ...
    def __or__(self, other: CapabilityLike, /) -> Capability: ...
    def __ror__(self, other: CapabilityLike, /) -> Capability: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __str__(self) -> str:
        """Returns the canonical JSON text, which is what a token request signs."""

    def __bool__(self) -> bool:
        """Returns whether anything is permitted."""

    def __len__(self) -> int:
        """Returns the number of resources."""

@final
class Explanation:
    """The reason why an operation is permitted or not. It is true if the operation is permitted; `str` gives a sentence."""

    @property
    def permitted(self) -> bool: ...
    @property
    def reason(self) -> Literal["permitted", "lacksOperation", "lacksResource", "lacksBoth", "noResource", "other"]: ...
    @property
    def operation(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def entry(self) -> Entry | None:
        """The entry that decided, or that comes closest."""

    @property
    def text(self) -> str: ...
    def to_dict(self) -> dict[str, Any]:
        """Returns the explanation as data that is ready for JSON."""

    def __bool__(self) -> bool: ...

@final
class ApiKey:
    """An API key, with its secret. It is immutable; `repr` and `str` do not show the secret, and it cannot be pickled."""

    @staticmethod
    def parse(text: str) -> ApiKey:
        """Parses `appId.keyId:secret`."""

    @property
    def key_name(self) -> str:
        """The public part, `appId.keyId`."""

    @property
    def app_id(self) -> str: ...
    @property
    def key_id(self) -> str: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class VerifiedTokenRequest:
    """The values of a token request that the holder of the key has signed.

    Check yourself that `timestamp` is within two minutes, and that `nonce` was not used before.
    """

    @property
    def key_name(self) -> str: ...
    @property
    def ttl(self) -> int | None:
        """The requested lifetime in milliseconds."""

    @property
    def capability(self) -> Capability | None:
        """The requested capability. `None` requests the capability of the key."""

    @property
    def client_id(self) -> str | None:
        """The requested identity, `*` for any."""

    @property
    def timestamp(self) -> int:
        """The time of signing, in milliseconds since the epoch."""

    @property
    def nonce(self) -> str: ...

@final
class JwtClaims:
    """The claims of a JWT whose signature and times were verified. Times are in milliseconds since the epoch."""

    @property
    def key_name(self) -> str: ...
    @property
    def issued(self) -> int: ...
    @property
    def expires(self) -> int: ...
    @property
    def not_before(self) -> int | None: ...
    @property
    def capability(self) -> Capability | None:
        """The capability. `None` means the capability of the key."""

    @property
    def client_id(self) -> str | None:
        """The identity, `*` for any."""

    @property
    def revocation_key(self) -> str | None: ...
    @property
    def channel_claims(self) -> dict[str, str]: ...
    @property
    def publish_limits(self) -> dict[str, float]: ...
    @property
    def claims(self) -> dict[str, Any]:
        """The claims that Ably does not define."""

@final
class Jwt:
    """The content of a JWT that was not verified. It may be forged. Times are in milliseconds since the epoch."""

    @property
    def key_name(self) -> str | None:
        """The key that the JWT names: `kid` in the header."""

    @property
    def capability(self) -> str | None:
        """The text of the capability."""

    @property
    def client_id(self) -> str | None: ...
    @property
    def header(self) -> dict[str, Any]: ...
    @property
    def payload(self) -> dict[str, Any] | None:
        """The claims, or `None` if the JWT is encrypted."""

    @property
    def issued(self) -> int | None: ...
    @property
    def expires(self) -> int | None: ...

def sign_token_request(
    key: KeyLike,
    *,
    ttl: int | timedelta | None = None,
    capability: CapabilityLike | None = None,
    client_id: str | None = None,
    timestamp: int | datetime | None = None,
    nonce: str | None = None,
) -> TokenRequest:
    """Signs a request for a token, which a client exchanges for a token once.

    A `ttl` is in milliseconds, and a `timestamp` in milliseconds since the epoch. The default timestamp is the current time,
    and the default nonce is random. Without a capability, the token gets the capability of the key.
    """

def verify_token_request(request: Mapping[str, object] | str | bytes, key: KeyLike) -> VerifiedTokenRequest:
    """Verifies the mac of a token request: a mapping with Ably's names, or its JSON.

    It does not judge the timestamp and the nonce, because only the issuer of tokens knows which nonces were used.
    """

def mint_jwt(
    key: KeyLike,
    *,
    ttl: int | timedelta | None = None,
    capability: CapabilityLike | None = None,
    client_id: str | None = None,
    timestamp: int | datetime | None = None,
    not_before: int | datetime | None = None,
    revocation_key: str | None = None,
    channel_claims: Mapping[str, str] | None = None,
    publish_limits: Mapping[str, int] | None = None,
    claims: Mapping[str, object] | None = None,
) -> str:
    """Mints a JWT that a client uses as an Ably token, without a request to Ably.

    The default `ttl` is one hour, and the default `timestamp` is the current time. Without a capability, the token has the
    capability of the key. `channel_claims` are what other clients on a channel see, `publish_limits` the messages a second
    for each connection, both by resource. `claims` are any others.
    """

def verify_jwt(
    token: str, key: KeyLike, *, now: int | datetime | None = None, leeway: int | timedelta | None = None
) -> JwtClaims:
    """Verifies the signature and the times of a JWT that the holder of the key has minted.

    `leeway` is a tolerance for clocks that differ, in milliseconds. An expired JWT has the error code 40142. A JWT with an
    embedded token is refused: Ably takes the rights of the embedded token, and not those of the JWT.
    """

def inspect_jwt(token: str) -> Jwt:
    """Reads a JWT without verifying it, for a log or a page of a developer. Do not trust it."""

def restore_capability(text: str) -> Capability:
    """Restores a pickled capability."""
