#!/usr/bin/env python3
"""Writes src/answers.rs: the expected results of core, computed with Python's hmac and without this project's code."""

import base64
import hashlib
import hmac
import json
import pathlib

KEY_NAME = "I2E_JQ.OqUdfg"
SECRET = "EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0"
TTL = 3_600_000
CAPABILITY = '{"chat:*":["publish","subscribe"],"status":["subscribe"]}'
CLIENT_ID = "bob"
TIMESTAMP = 1_449_746_287_318
NONCE = "9000000830710428"


def mac(text):
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def part(data):
    """Encode a part of a JWT."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwt(header, payload):
    text = ".".join(part(compact(claims).encode()) for claims in [header, payload])
    return f"{text}.{part(mac(text))}"


issued = TIMESTAMP // 1000
header = {"typ": "JWT", "alg": "HS256", "kid": KEY_NAME}
payload = {
    "iat": issued,
    "exp": issued + TTL // 1000,
    "x-ably-capability": CAPABILITY,
    "x-ably-clientId": CLIENT_ID,
}
signed_text = "".join(f"{field}\n" for field in [KEY_NAME, TTL, CAPABILITY, CLIENT_ID, TIMESTAMP, NONCE])

token_request = {
    "keyName": KEY_NAME,
    "ttl": TTL,
    "capability": CAPABILITY,
    "clientId": CLIENT_ID,
    "timestamp": TIMESTAMP,
    "nonce": NONCE,
    "mac": base64.b64encode(mac(signed_text)).decode(),
}

answers = {
    "KEY": f"{KEY_NAME}:{SECRET}",
    "KEY_NAME": KEY_NAME,
    "SECRET": SECRET,
    "TTL": TTL,
    "CAPABILITY": CAPABILITY,
    "CLIENT_ID": CLIENT_ID,
    "TIMESTAMP": TIMESTAMP,
    "NONCE": NONCE,
    "SIGNED_TEXT": signed_text,
    "MAC": token_request["mac"],
    "TOKEN_REQUEST": compact(token_request),
    "JWT": jwt(header, payload),
}


def rust(name, value):
    if isinstance(value, int):
        return f"pub const {name}: u64 = {value:_};\n"
    return f"pub const {name}: &str = {json.dumps(value)};\n"


head = "//! Known answers, computed by `answers.py`. To change them, edit that script and run it.\n\n"
pathlib.Path(__file__).with_name("src").joinpath("answers.rs").write_text(
    head + "".join(rust(*answer) for answer in answers.items())
)
