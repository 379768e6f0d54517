"""The program ``ably-auth`` in this package."""

import os
import sys
from pathlib import Path


def program_path() -> str:
    """Returns the path of the program: the one in this package, or the value of ``ABLY_AUTH_PROGRAM``."""
    named = os.environ.get("ABLY_AUTH_PROGRAM")
    if named:
        return named
    program = Path(__file__).parent / "bin" / "ably-auth"
    if not program.is_file():
        raise FileNotFoundError(
            f"{program} is missing: install a wheel of ably-auth for this platform, or build the program with Rust and set"
            " ABLY_AUTH_PROGRAM to its path"
        )
    return str(program)


def main() -> None:
    """Replaces this process with the program, with the same arguments."""
    try:
        program = program_path()
    except FileNotFoundError as error:
        sys.exit(f"error: {error}")
    os.execv(program, [program, *sys.argv[1:]])
