"""The blocks of the README, as a reader would run them."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import ably_capability
import pytest
from conftest import KEY_TEXT
from fastapi.testclient import TestClient

README = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
SESSIONS = re.findall(r"```pycon\n(.*?)```", README, re.DOTALL)
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_readme_has_the_five_uses() -> None:
    assert (len(SESSIONS), len(PROGRAMS)) == (4, 1)


@pytest.mark.parametrize("session", SESSIONS)
def test_session_prints_what_the_readme_shows(session: str) -> None:
    test = doctest.DocTestParser().get_doctest(session, {}, "README.md", "README.md", 0)
    shown: list[str] = []
    result = doctest.DocTestRunner().run(test, out=shown.append)
    assert result.attempted and not result.failed, "".join(shown)


def test_fastapi_program_answers_with_a_signed_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLY_API_KEY", KEY_TEXT)
    program: dict[str, Any] = {}
    exec(compile(PROGRAMS[0], "README.md", "exec"), program)
    response = TestClient(program["app"]).get("/auth", headers={"x-user": "bob"})
    assert response.status_code == 200
    verified = ably_capability.verify_token_request(response.json(), KEY_TEXT)
    assert verified.client_id == "bob" and str(verified.capability) == '{"chat:bob:*":["publish","subscribe"]}'


def test_session_of_the_package_prints_what_it_shows() -> None:
    result = doctest.testmod(ably_capability)
    assert result.attempted and not result.failed


def test_readme_names_every_public_function() -> None:
    for name in ably_capability.__all__:
        if name[0].islower() or name in ("Capability", "ApiKey", "AblyAuthError"):
            assert f"`{name}" in README, name
