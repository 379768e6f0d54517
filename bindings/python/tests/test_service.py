"""A token service that takes what this package signs: `ably-auth serve --sandbox`, named by ABLY_AUTH."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import httpx2
import pytest
from ably_capability import ApiKey, mint_jwt, sign_token_request

CAPABILITY = {"chat:*": ["publish"]}


class Sandbox:
    def __init__(self, url: str, key: ApiKey) -> None:
        self.url = url
        self.key = key

    def publish(self, token: str, channel: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.post(f"{self.url}/channels/{channel}/messages", headers=headers, json={"data": "hi"}).status_code


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    command = [os.environ["ABLY_AUTH"], "serve", "--sandbox", "--listen", "127.0.0.1:0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ABLY_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as service:
        try:
            assert service.stdout is not None
            url = key = ""
            for line in service.stdout:
                words = line.split()
                url = url or next((word for word in words if word.startswith("http://")), "")
                if "ABLY_API_KEY=" in line:
                    key = line.split("ABLY_API_KEY=")[1].split()[0]
                    break
            yield Sandbox(url.rstrip("/"), ApiKey.parse(key))
        finally:
            service.kill()


def test_service_issues_a_token_for_a_signed_request(sandbox: Sandbox) -> None:
    request = sign_token_request(sandbox.key, capability=CAPABILITY, client_id="bob", ttl=60_000)
    url = f"{sandbox.url}/keys/{sandbox.key.key_name}/requestToken"
    response = httpx2.post(url, json=request)
    assert response.status_code == 201, response.text
    token = response.json()["token"]
    assert sandbox.publish(token, "chat:lobby") == 201
    assert sandbox.publish(token, "vault") == 401
    assert httpx2.post(url, json=request).status_code == 401, "a nonce is accepted once"


def test_service_accepts_a_minted_jwt(sandbox: Sandbox) -> None:
    token = mint_jwt(sandbox.key, capability=CAPABILITY, client_id="bob")
    assert sandbox.publish(token, "chat:lobby") == 201
    assert sandbox.publish(token, "vault") == 401
