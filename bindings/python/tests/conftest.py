"""Test vectors, shared with the packages for other languages. The variable VECTORS names their folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ably_capability import ApiKey

VECTORS = Path(os.environ["VECTORS"])

KEY_TEXT = "app.key:a-secret-for-tests"
SECRET = "a-secret-for-tests"


def vectors(file: str, part: str) -> list[Any]:
    """Returns the cases of a part of a file. An empty part would test nothing."""
    cases: list[Any] = json.loads((VECTORS / file).read_text(encoding="utf-8"))[part]
    assert cases, f"{file} has no {part}"
    return cases


@pytest.fixture
def key() -> ApiKey:
    return ApiKey.parse(KEY_TEXT)
