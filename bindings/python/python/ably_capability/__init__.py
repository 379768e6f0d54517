"""Ably capabilities, API keys, token requests and JWTs.

>>> from ably_capability import Capability
>>> key = Capability.parse({"chat:*": ["publish", "subscribe"]})
>>> key.permits("publish", "chat:lobby")
True
>>> str(key & {"chat:lobby": ["*"]})
'{"chat:lobby":["publish","subscribe"]}'
"""

from ._error import AblyAuthError
from ._native import (
    ApiKey,
    Capability,
    Explanation,
    Jwt,
    JwtClaims,
    VerifiedTokenRequest,
    inspect_jwt,
    mint_jwt,
    sign_token_request,
    verify_jwt,
    verify_token_request,
)
from ._types import CapabilityLike, Entry, KeyLike, TokenRequest

__all__ = [
    "AblyAuthError",
    "ApiKey",
    "Capability",
    "CapabilityLike",
    "Entry",
    "Explanation",
    "Jwt",
    "JwtClaims",
    "KeyLike",
    "TokenRequest",
    "VerifiedTokenRequest",
    "inspect_jwt",
    "mint_jwt",
    "sign_token_request",
    "verify_jwt",
    "verify_token_request",
]
