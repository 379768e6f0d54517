"""The process of a sandbox, which ends with this one."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections import deque
from typing import IO, Any, Sequence

from ably_auth._program import program_path

#: The number of log lines that an error shows, the newest.
LOG_LINES = 40
#: The seconds that a sandbox has to finish its requests before it is killed.
STOP_TIMEOUT = 5.0


class SandboxError(Exception):
    """Reports that a sandbox cannot be started, or refused an action."""


class Process:
    """A sandbox with an open stdin: it ends when its stdin ends, so it does not outlive this process."""

    def __init__(self, args: Sequence[str], timeout: float) -> None:
        command = [program_path(), "serve", "--sandbox", "--json", "--until-stdin-ends", "--listen", "127.0.0.1:0", *args]
        # The options of a sandbox are its arguments, so no variable may configure it.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ABLY_AUTH_")}
        pipe = subprocess.PIPE
        try:
            self._child = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, text=True, encoding="utf-8", errors="replace"
            )
        except OSError as error:
            raise SandboxError(f"the sandbox cannot be started: {error}") from error
        assert self._child.stdout and self._child.stderr
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        printed: queue.Queue[str] = queue.Queue(1)
        # Both outputs are read to their ends, so that the sandbox never waits for a reader.
        self._readers = [
            threading.Thread(target=_read, args=(self._child.stdout, printed), daemon=True),
            threading.Thread(target=self._log.extend, args=(self._child.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        #: The object that the sandbox printed: its address and its key.
        self.started: dict[str, Any] = self._wait_for_start(printed, timeout)

    def _wait_for_start(self, printed: queue.Queue[str], timeout: float) -> dict[str, Any]:
        try:
            line = printed.get(timeout=timeout)
        except queue.Empty:
            raise self._failure(f"the sandbox printed no address within {timeout} s") from None
        if not line:
            raise self._failure("the sandbox ended at its start")
        started: dict[str, Any] = json.loads(line)
        if "error" in started:
            self.stop()
            raise SandboxError(started["error"]["message"])
        return started

    def _failure(self, problem: str) -> SandboxError:
        self.stop()
        log = "".join(self._log)
        return SandboxError(problem + (f"; it logged:\n{log}" if log else ""))

    def stop(self) -> None:
        """Stops the process, and waits until it has ended."""
        child = self._child
        assert child.stdin and child.stdout and child.stderr
        try:
            child.stdin.close()
        except BrokenPipeError:
            pass
        try:
            child.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for reader in self._readers:
            reader.join()
        child.stdout.close()
        child.stderr.close()


def _read(output: IO[str], printed: queue.Queue[str]) -> None:
    """Passes on the first line, which is empty if the output ended, and drops the rest."""
    printed.put(output.readline())
    for _ in output:
        pass
