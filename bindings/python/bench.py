"""Compares this package with code that one would write by hand, and prints the ratios of their times.

Run it with a Python in which the wheel is installed: python bench.py
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import timeit
from collections.abc import Callable

from ably_capability import ApiKey, Capability, mint_jwt, sign_token_request, verify_jwt

TEXT = json.dumps({**{f"room:{at}:*": ["publish", "subscribe"] for at in range(10)}, "status": ["subscribe"]})
MANY = json.dumps({f"room:{at}:*": ["publish", "subscribe"] for at in range(1000)})
NAME, SECRET = "app.key", "a-secret-of-usual-length-0123456789abcdef"
KEY = ApiKey.parse(f"{NAME}:{SECRET}")


def permits_by_hand(capability: dict[str, list[str]], operation: str, channel: str) -> bool:
    wanted = channel.split(":")
    for resource, operations in capability.items():
        if operation not in operations and "*" not in operations:
            continue
        segments = resource.split(":")
        for at, segment in enumerate(segments):
            if segment == "*" and at == len(segments) - 1 and at < len(wanted):
                return True
            if at >= len(wanted) or segment not in ("*", wanted[at]):
                break
        else:
            if len(segments) == len(wanted):
                return True
    return False


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def digest(text: str) -> bytes:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()


def sign_by_hand(client_id: str, capability: str) -> dict[str, object]:
    timestamp, nonce = int(time.time() * 1000), secrets.token_hex(16)
    mac = base64.b64encode(digest(f"{NAME}\n\n{capability}\n{client_id}\n{timestamp}\n{nonce}\n")).decode()
    return {"keyName": NAME, "capability": capability, "clientId": client_id, "timestamp": timestamp, "nonce": nonce,
            "mac": mac}


def mint_by_hand(client_id: str, capability: str) -> str:
    now = int(time.time())
    header = encoded(json.dumps({"typ": "JWT", "alg": "HS256", "kid": NAME}).encode())
    claims = {"iat": now, "exp": now + 3600, "x-ably-capability": capability, "x-ably-clientId": client_id}
    signed = f"{header}.{encoded(json.dumps(claims).encode())}"
    return f"{signed}.{encoded(digest(signed))}"


def verify_by_hand(token: str) -> dict[str, object]:
    signed, _, signature = token.rpartition(".")
    header, _, payload = signed.partition(".")
    if json.loads(decoded(header))["alg"] != "HS256" or not hmac.compare_digest(digest(signed), decoded(signature)):
        raise ValueError("wrong signature")
    claims: dict[str, object] = json.loads(decoded(payload))
    if int(str(claims["exp"])) <= time.time():
        raise ValueError("expired")
    return claims


def seconds(call: Callable[[], object]) -> float:
    """Returns the time of one call: the fastest of several runs, which other programs disturb the least."""
    timer = timeit.Timer(call)
    count, _ = timer.autorange()
    return min(timer.repeat(5, count)) / count


def main() -> None:
    few, many = Capability.parse(TEXT), Capability.parse(MANY)
    few_by_hand, many_by_hand = json.loads(TEXT), json.loads(MANY)
    scope, token = str(few), mint_jwt(KEY, client_id="bob", capability=few)
    cases: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        ("check a channel, 11 resources", lambda: few.permits("publish", "room:7:lobby"),
         lambda: permits_by_hand(few_by_hand, "publish", "room:7:lobby")),
        ("check a channel, 1000 resources", lambda: many.permits("publish", "room:700:lobby"),
         lambda: permits_by_hand(many_by_hand, "publish", "room:700:lobby")),
        ("parse and check, 11 resources", lambda: Capability.parse(TEXT).permits("publish", "room:7:lobby"),
         lambda: permits_by_hand(json.loads(TEXT), "publish", "room:7:lobby")),
        ("sign a token request", lambda: sign_token_request(KEY, client_id="bob", capability=few),
         lambda: sign_by_hand("bob", scope)),
        ("mint a JWT", lambda: mint_jwt(KEY, client_id="bob", capability=few), lambda: mint_by_hand("bob", scope)),
        ("verify a JWT", lambda: verify_jwt(token, KEY), lambda: verify_by_hand(token)),
    ]
    print(f"{'':32} {'this':>9} {'by hand':>9} {'ratio':>6}")
    for name, ours, by_hand in cases:
        a, b = seconds(ours) * 1e6, seconds(by_hand) * 1e6
        print(f"{name:32} {a:6.2f} µs {b:6.2f} µs {b / a:6.1f}")


if __name__ == "__main__":
    main()
