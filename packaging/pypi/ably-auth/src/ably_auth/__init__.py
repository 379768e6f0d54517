"""A local Ably for tests: ``with ably_auth.sandbox() as s: AblyRest(**s.client_options)``.

With pytest, the fixture :func:`ably_auth.fixtures.ably_sandbox` starts one, and resets it before each test.
"""

from ably_auth._program import program_path
from ably_auth._sandbox import Sandbox, SandboxError, sandbox

__all__ = ["Sandbox", "SandboxError", "program_path", "sandbox"]
