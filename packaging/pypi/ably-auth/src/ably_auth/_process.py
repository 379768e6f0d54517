"""The process of a sandbox, which ends with this one."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import tempfile
import time
import weakref
from typing import Any, Sequence

from ably_auth._program import program_path

#: The bytes of the log that an error shows, the newest.
LOG_BYTES = 4096
#: The seconds that a sandbox has to finish its requests before it is killed.
STOP_TIMEOUT = 5.0


class SandboxError(Exception):
    """Reports that a sandbox cannot be started, or refused an action."""


class Process:
    """A sandbox with an open stdin: it ends when its stdin ends, so it does not outlive this process."""

    def __init__(self, args: Sequence[str], timeout: float) -> None:
        command = [program_path(), "serve", "--sandbox", "--json", "--until-stdin-ends", "--listen", "127.0.0.1:0", *args]
        if not any(argument.startswith("--log-level") for argument in args):
            # The console has the log of requests; here, only problems are of use.
            command += ["--log-level", "warn"]
        # The options of a sandbox are its arguments, so no variable may configure it.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ABLY_AUTH_")}
        self._log = tempfile.TemporaryFile()
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=environment, bufsize=0
            )
        except OSError as error:
            self._log.close()
            raise SandboxError(f"the sandbox cannot be started: {error}") from error
        self._owner = os.getpid()
        _running.add(self)
        # For a program that leaves no `with` block.
        atexit.register(self.stop)
        try:
            #: The object that the sandbox printed: its address and its key.
            self.started: dict[str, Any] = self._wait_for_start(timeout)
        except BaseException:
            self.stop()
            raise

    def _wait_for_start(self, timeout: float) -> dict[str, Any]:
        assert self._child.stdout
        printed, deadline = b"", time.monotonic() + timeout
        while b"\n" not in printed:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._child.stdout], [], [], left)[0]:
                raise self._failure(f"the sandbox printed no address within {timeout} s")
            part = os.read(self._child.stdout.fileno(), 65536)
            if not part:
                raise self._failure("the sandbox ended at its start")
            printed += part
        try:
            started = json.loads(printed.split(b"\n")[0])
            if "error" in started:
                raise SandboxError(started["error"]["message"])
            return {**started, "url": started["url"]}
        except (ValueError, TypeError, KeyError):
            raise self._failure(f"{program_path()} is not the program ably-auth, or has another version") from None

    def _failure(self, problem: str) -> SandboxError:
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - LOG_BYTES))
        log = self._log.read().decode(errors="replace")
        return SandboxError(problem + (f"; it logged:\n{log}" if log else ""))

    def stop(self) -> None:
        """Stops the process, and waits until it has ended. In a fork of the process that started it, does nothing."""
        if os.getpid() != self._owner:
            return
        child = self._child
        assert child.stdin and child.stdout
        child.stdin.close()
        try:
            child.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()
        self._log.close()
        _running.discard(self)
        atexit.unregister(self.stop)

    def _leave_to_parent(self) -> None:
        """Closes this copy of the stdin, which would keep the sandbox running after the process that started it."""
        assert self._child.stdin
        self._child.stdin.close()


_running: weakref.WeakSet[Process] = weakref.WeakSet()


def _in_fork() -> None:
    for process in list(_running):
        process._leave_to_parent()


os.register_at_fork(after_in_child=_in_fork)
