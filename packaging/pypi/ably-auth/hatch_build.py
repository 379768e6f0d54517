"""Sets the platform of the wheel, which depends on the program in it."""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROGRAM = Path("src/ably_auth/bin/ably-auth")


class Platform(BuildHookInterface):  # type: ignore[type-arg]
    """Sets the tag of the wheel to the platform in ``WHEEL_PLATFORM``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        if not (Path(self.root) / PROGRAM).is_file():
            raise FileNotFoundError(f"{PROGRAM} is missing; `cargo xtask packages` puts it there and builds the wheel")
        build_data["pure_python"] = False
        # Any Python 3 can start the program.
        build_data["tag"] = f"py3-none-{os.environ['WHEEL_PLATFORM']}"
