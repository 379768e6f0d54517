"""A typed program over the whole interface, which mypy checks and the tests run."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from ably_capability import (
    AblyAuthError,
    ApiKey,
    Capability,
    CapabilityLike,
    Entry,
    Explanation,
    Jwt,
    JwtClaims,
    KeyLike,
    TokenRequest,
    VerifiedTokenRequest,
    inspect_jwt,
    mint_jwt,
    sign_token_request,
    verify_jwt,
    verify_token_request,
)


def narrow(granted: Capability, asked: CapabilityLike) -> Capability:
    common: Capability = granted & asked
    return common if common else Capability.parse({})


def issue(key: KeyLike, user: str, asked: CapabilityLike) -> str:
    granted = Capability.parse({"chat:*": ["publish", "subscribe"]})
    request: TokenRequest = sign_token_request(
        key, client_id=user, capability=narrow(granted, asked), ttl=timedelta(minutes=5), timestamp=datetime.now(timezone.utc)
    )
    mac: str = request["mac"]
    assert mac
    return json.dumps(request)


def main() -> None:
    key = ApiKey.parse("app.key:secret")
    verified: VerifiedTokenRequest = verify_token_request(issue(key, "bob", {"chat:a": ("publish",)}), key)
    capability: Capability | None = verified.capability
    assert capability is not None and verified.client_id == "bob" and verified.ttl == 300_000
    explanation: Explanation = capability.explain("history", "chat:a")
    entry: Entry | None = explanation.entry
    assert entry is not None and entry["operations"] == ["publish"]
    token = mint_jwt(key, client_id="bob", publish_limits={"chat:*": 5}, claims={"level": 3})
    claims: JwtClaims = verify_jwt(token, key, leeway=1000)
    limits: dict[str, float] = claims.publish_limits
    jwt: Jwt = inspect_jwt(token)
    assert limits == {"chat:*": 5.0} and jwt.expires == claims.expires
    try:
        Capability.parse("{")
    except AblyAuthError as error:
        place: int | None = error.place
        assert place == 1


if __name__ == "__main__":
    main()
