"""Fixtures for pytest, which finds them without an import."""

from __future__ import annotations

from typing import Iterator

import pytest

from ably_auth._sandbox import Sandbox, sandbox


@pytest.fixture(scope="session")
def _ably_sandbox_process() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest.fixture
def ably_sandbox(_ably_sandbox_process: Sandbox) -> Sandbox:
    """Returns a sandbox that is as at its start. All tests of a session share its process."""
    _ably_sandbox_process.reset()
    _ably_sandbox_process.clear_faults()
    return _ably_sandbox_process
