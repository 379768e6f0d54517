"""The types of the package, as mypy sees them in an installed wheel."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import ably_capability
import example
from ably_capability import _native

# Each line is wrong in a way that a type checker has to find.
WRONG = """
from ably_capability import ApiKey, Capability, mint_jwt, sign_token_request
Capability.parse(5)
Capability.parse({"chat": [1]})
Capability.parse({}).permits("publish")
Capability.parse({}) & 5
sign_token_request("a.b:c", ttl="1h")
sign_token_request("a.b:c", "bob")
mint_jwt(ApiKey.parse("a.b:c"), publish_limits={"chat": "5"})
ApiKey.parse("a.b:c").secret
sign_token_request("a.b:c")["key_name"]
Capability.parse({}).minimal = None
class Wider(Capability): ...
"""


def mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", ".mypy_cache", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_example_is_typed_strictly() -> None:
    checked = mypy(example.__file__, "bench.py")
    assert checked.returncode == 0, checked.stdout
    example.main()


def test_package_is_typed_strictly() -> None:
    checked = mypy("--package", "ably_capability")
    assert checked.returncode == 0, checked.stdout


def test_wrong_types_are_found(tmp_path: Path) -> None:
    program = tmp_path / "wrong.py"
    program.write_text(WRONG)
    found = {int(line.split(":")[1]) for line in mypy(str(program)).stdout.splitlines() if ": error:" in line}
    wrong = {number for number, line in enumerate(WRONG.splitlines(), 1) if line and not line.startswith("from")}
    assert wrong - found == set()


def test_native_module_has_the_functions_of_its_types() -> None:
    # Copies and pickles need no types.
    checked = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "ably_capability", "--ignore-missing-stub"],
        capture_output=True, text=True, check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_every_public_name_has_a_documentation() -> None:
    for name in ably_capability.__all__:
        value = getattr(ably_capability, name)
        if inspect.isclass(value) or inspect.isbuiltin(value):
            assert value.__doc__, name
    assert _native.Capability.__module__ == "ably_capability"
