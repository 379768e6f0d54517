"""A sandbox for a test: started on a free port, and acted on through the API of its console."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import shutil
import ssl
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional, Sequence, Union

from ably_auth._process import Process, SandboxError

__all__ = ["Apps", "Sandbox", "SandboxError", "sandbox"]

#: Apps and their keys, or the path of a JSON file of them.
Apps = Union[str, "os.PathLike[str]", Mapping[str, Any], Sequence[Mapping[str, Any]]]

REQUEST_TIMEOUT = 15.0


class Sandbox:
    """A running sandbox. :func:`sandbox` starts one."""

    def __init__(self, process: Process, certificate: Optional[Path]) -> None:
        started = process.started
        self._process = process
        #: The URL, such as ``http://127.0.0.1:40123``.
        self.url: str = started["url"]
        #: The host, for the option ``endpoint`` of an SDK.
        self.endpoint: str = started["endpoint"]
        self.port: int = started["port"]
        self.tls: bool = started["tls"]
        #: The key of the app that the sandbox made. It is ``None`` if you gave it apps.
        self.key: Optional[str] = started.get("key")
        #: The URL of the console: a page that shows each request, and why it was refused.
        self.console: Optional[str] = started.get("console")
        #: The PEM file of the certificate, with ``tls``.
        self.certificate_path: Optional[str] = str(certificate) if certificate else None
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if certificate:
            context = ssl.create_default_context(cafile=str(certificate))
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def __repr__(self) -> str:
        return f"<Sandbox {self.url}>"

    @property
    def client_options(self) -> dict[str, Any]:
        """Options for ``AblyRest(**options)``. Without ``key`` if you gave apps: add one of their keys."""
        options: dict[str, Any] = {"endpoint": self.endpoint, "port": self.port, "tls_port": self.port, "tls": self.tls}
        # Without TLS, an SDK does not send a key: it gets a token with it.
        return {**({"key": self.key} if self.key else {}), "use_token_auth": True, **options}

    @property
    def realtime_options(self) -> dict[str, Any]:
        """Options for ``AblyRealtime(**options)``.

        The SDK ignores ``port`` for realtime connections, and cannot get a token from an endpoint with a port. So its tokens come
        from a callback, with all rights of the key and without a clientId.
        """

        async def auth_callback(_params: Any) -> str:
            return await asyncio.to_thread(self.issue_token)

        return {"endpoint": f"{self.endpoint}:{self.port}", "tls": self.tls, "auth_callback": auth_callback}

    def issue_token(
        self,
        *,
        capability: Union[str, Mapping[str, Sequence[str]], None] = None,
        client_id: Optional[str] = None,
        ttl: Optional[int] = None,
        key_name: Optional[str] = None,
    ) -> str:
        """Issues a token in the name of a key, by default of the sandbox's own. ``ttl`` is in milliseconds."""
        name = key_name or (self.key or "").partition(":")[0]
        if not name:
            raise SandboxError("the sandbox has no key of its own; give `key_name`, the name of a key of your apps")
        text = json.dumps(capability) if isinstance(capability, Mapping) else capability
        asked = {"keyName": name, "kind": "token", "capability": text, "clientId": client_id, "ttlMs": ttl}
        token: str = self._call("POST", "tokens", asked)["token"]
        return token

    def reset(self) -> None:
        """Forgets everything since the start: messages, tokens, changes of keys, the clock, the log. Ends connections."""
        self._call("POST", "reset", {})
        self._call("DELETE", "log")

    def advance_clock(self, milliseconds: int) -> int:
        """Moves the clock of the sandbox forward. Returns its time, in milliseconds since 1970."""
        now: int = self._call("POST", "clock", {"advanceMs": milliseconds})["now"]
        return now

    def fail_next(self, count: int, *, code: int, status: Optional[int] = None) -> None:
        """Refuses the next ``count`` requests with an error code of Ably, such as 40142, and with its status or another."""
        self._call("PUT", "faults", {"kind": "refuse", "count": count, "code": code, "status": status})

    def delay_next(self, count: int, milliseconds: int) -> None:
        """Holds back the next ``count`` responses, each by up to 60,000 milliseconds."""
        self._call("PUT", "faults", {"kind": "delay", "count": count, "delayMs": milliseconds})

    def drop_next(self, count: int) -> None:
        """Closes the connections of the next ``count`` requests without a response."""
        self._call("PUT", "faults", {"kind": "drop", "count": count})

    def clear_faults(self) -> None:
        """Removes the faults that are left."""
        self._call("DELETE", "faults")

    def log(
        self,
        *,
        kind: Optional[str] = None,
        outcome: Optional[str] = None,
        code: Optional[int] = None,
        key: Optional[str] = None,
        client_id: Optional[str] = None,
        channel: Optional[str] = None,
        limit: Optional[int] = None,
    ) -> list[dict[str, Any]]:
        """Returns rows of the log, from the oldest to the newest.

        ``outcome`` is ``granted``, ``refused`` or ``failed``; ``kind`` is ``request``, ``connection`` or ``message``. Of
        names, the beginning followed by ``*`` selects all that begin with it. ``limit`` is 200 by default, at most 1,000.
        """
        given = {
            "kind": kind,
            "outcome": outcome,
            "code": code,
            "key": key,
            "clientId": client_id,
            "channel": channel,
            "limit": limit,
        }
        query = urllib.parse.urlencode({name: value for name, value in given.items() if value is not None})
        rows: list[dict[str, Any]] = self._call("GET", f"log?{query}")["rows"]
        return rows

    def explain(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Tells the story of a row: which checks passed, which one failed, and why."""
        story: dict[str, Any] = self._call("GET", f"log/{row['seq']}")
        return story

    def stop(self) -> None:
        """Stops the sandbox."""
        self._process.stop()

    def _call(self, method: str, path: str, body: Optional[Mapping[str, Any]] = None) -> Any:
        url = f"{self.url}/console/api/{path}"
        data = None if body is None else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=REQUEST_TIMEOUT) as response:
                text = response.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            raise SandboxError(f"{method} {url}: {_message(error)}") from error
        except OSError as error:
            raise SandboxError(f"{method} {url}: {error}; is the sandbox still running?") from error


@contextlib.contextmanager
def sandbox(
    *, apps: Optional[Apps] = None, tls: bool = False, args: Sequence[str] = (), timeout: float = 15.0
) -> Iterator[Sandbox]:
    """Starts a sandbox on a free port of 127.0.0.1, and stops it at the end of the ``with`` block.

    Without ``apps``, it makes an app with one key. With ``tls``, it makes a certificate, which is at
    :attr:`Sandbox.certificate_path`. ``args`` are more arguments of ``ably-auth serve``. ``timeout`` is in seconds.
    """
    with contextlib.ExitStack() as running, contextlib.ExitStack() as starting:
        options = [*args]
        if isinstance(apps, (str, os.PathLike)):
            options += ["--apps", os.fspath(apps)]
        elif apps is not None:
            options += ["--apps", str(starting.enter_context(_file("apps.json", json.dumps(apps))))]
        certificate = running.enter_context(_file("certificate.pem", "")) if tls else None
        if certificate:
            options += ["--tls-self-signed", str(certificate)]
        process = Process(options, timeout)
        running.callback(process.stop)
        # The file has secrets, and the sandbox has read it.
        starting.close()
        yield Sandbox(process, certificate)


@contextlib.contextmanager
def _file(name: str, text: str) -> Iterator[Path]:
    """Writes a file in a new folder that only this user may read, and removes both, at the latest when Python ends."""
    owner, folder = os.getpid(), tempfile.mkdtemp(prefix="ably-auth-")

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    try:
        path = Path(folder, name)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        yield path
    finally:
        remove()
        atexit.unregister(remove)


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {error.code}"
