"""An independent answer to whether a capability permits an operation on a channel: regular expressions, no Rust."""

from __future__ import annotations

import re


def resource_pattern(resource: str) -> re.Pattern[str]:
    """Returns a pattern of the names that a resource matches, each with its kind in brackets."""
    written = re.fullmatch(r"(?:\[(?P<kind>[^\]]*)\])?(?P<path>.*)", resource, re.DOTALL)
    assert written is not None
    kind = written["kind"]
    # A resource without a kind matches channels only.
    kinds = r"(?:\[[^\]]*\])?" if kind == "*" else r"(?!\[)" if kind is None else re.escape(f"[{kind}]")
    segments = written["path"].split(":")
    last = len(segments) - 1
    parts = [
        re.escape(segment) if segment != "*" else r"[^:]*" if at < last else r".*" for at, segment in enumerate(segments)
    ]
    return re.compile(kinds + ":".join(parts), re.DOTALL)


def permits(capability: dict[str, list[str]], operation: str, name: str) -> bool:
    """Returns whether an entry of the capability has the operation and matches the name, which has no wildcards."""
    return any(
        resource_pattern(resource).fullmatch(name) is not None and (operation in operations or "*" in operations)
        for resource, operations in capability.items()
    )
