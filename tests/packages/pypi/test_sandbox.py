"""Sandboxes for tests in Python, with the packed wheel installed."""

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import ably_auth
import pytest
from ably import AblyRest
from ably.util.exceptions import AblyException

KEY = "shop.backend:an-example-not-a-secret"
APP = {"appId": "shop", "keys": [{"id": "backend", "secret": "an-example-not-a-secret"}]}
START = "import ably_auth\nwith ably_auth.sandbox() as s:\n    print(s.port, flush=True)\n"


def publish(sandbox, **options):
    async def run():
        async with AblyRest(**{**sandbox.client_options, **options}) as ably:
            await ably.channels.get("chat").publish("greeting", "hello")
            return (await ably.channels.get("chat").history()).items

    return asyncio.run(run())


def wait_until_closed(port):
    while True:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.02)


def test_sandbox_has_address_key_and_console(ably_sandbox):
    assert ably_sandbox.url == f"http://127.0.0.1:{ably_sandbox.port}"
    assert (ably_sandbox.endpoint, ably_sandbox.tls, ably_sandbox.certificate_path) == ("127.0.0.1", False, None)
    assert b"<title>" in urllib.request.urlopen(ably_sandbox.console).read()
    assert ably_sandbox.key.split(":")[1] not in repr(ably_sandbox)


def test_reset_forgets_messages(ably_sandbox):
    assert len(publish(ably_sandbox)) == 1
    ably_sandbox.reset()
    assert ably_sandbox.log() == []
    assert len(publish(ably_sandbox)) == 1


def test_clock_moves_and_returns_at_reset(ably_sandbox):
    assert ably_sandbox.advance_clock(3_600_000) / 1000 - time.time() > 3_590
    ably_sandbox.reset()
    assert ably_sandbox.advance_clock(0) / 1000 - time.time() < 3_590


def test_faults_are_injected_and_removed(ably_sandbox):
    ably_sandbox.fail_next(9, code=40300)
    with pytest.raises(AblyException) as refusal:
        publish(ably_sandbox)
    assert (refusal.value.code, refusal.value.status_code) == (40300, 403)
    ably_sandbox.clear_faults()
    assert publish(ably_sandbox)

    ably_sandbox.drop_next(1)
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{ably_sandbox.url}/time")
    ably_sandbox.delay_next(1, 200)
    start = time.monotonic()
    urllib.request.urlopen(f"{ably_sandbox.url}/time")
    assert time.monotonic() - start >= 0.19


def test_wrong_secret_is_explained(ably_sandbox):
    with pytest.raises(AblyException):
        publish(ably_sandbox, key=f"{ably_sandbox.key}x")
    story = ably_sandbox.explain(ably_sandbox.log(outcome="refused")[-1])
    assert story["row"]["code"] == 40101
    assert [check["id"] for check in story["checks"] if check["result"] == "failed"] == ["mac"]


def test_actions_that_are_refused_say_why(ably_sandbox):
    with pytest.raises(ably_auth.SandboxError, match="faults: .*code"):
        ably_sandbox.fail_next(1, code=1)
    with pytest.raises(ably_auth.SandboxError, match="outcome"):
        ably_sandbox.log(outcome="happy")


def test_two_sandboxes_share_nothing(ably_sandbox):
    with ably_auth.sandbox() as other:
        assert other.port != ably_sandbox.port
        with pytest.raises(AblyException):
            publish(ably_sandbox, key=other.key)


@pytest.mark.parametrize("form", ["object", "list", "path"])
def test_apps_are_given(form, tmp_path):
    path = tmp_path / "apps.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(APP))
    with ably_auth.sandbox(apps={"object": APP, "list": [APP], "path": path}[form]) as sandbox:
        assert sandbox.key is None and publish(sandbox, key=KEY)


def test_tls_has_a_certificate_for_clients():
    with ably_auth.sandbox(tls=True) as sandbox:
        context = ssl.create_default_context(cafile=sandbox.certificate_path)
        assert urllib.request.urlopen(f"{sandbox.url}/time", context=context).status == 200
        assert sandbox.advance_clock(1)
    assert not Path(sandbox.certificate_path).exists()


def test_stopped_sandbox_is_stopped_again_and_answers_nothing():
    with ably_auth.sandbox() as sandbox:
        sandbox.stop()
        with pytest.raises(ably_auth.SandboxError, match="still running"):
            sandbox.reset()


def test_start_that_fails_says_why(monkeypatch):
    for options, problem in [({"args": ["--no-such"]}, "--no-such"), ({"apps": "missing.json"}, "does not exist")]:
        with pytest.raises(ably_auth.SandboxError, match=problem), ably_auth.sandbox(**options):
            pass
    monkeypatch.setenv("ABLY_AUTH_PROGRAM", "/bin/echo")
    with pytest.raises(ably_auth.SandboxError, match="is not the program"), ably_auth.sandbox():
        pass
    monkeypatch.setenv("ABLY_AUTH_PROGRAM", "/missing/ably-auth")
    with pytest.raises(ably_auth.SandboxError, match="cannot be started"), ably_auth.sandbox():
        pass


def test_variables_of_a_service_do_not_change_a_sandbox(monkeypatch):
    monkeypatch.setenv("ABLY_AUTH_LISTEN", "nonsense")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with ably_auth.sandbox() as sandbox:
        sandbox.reset()


def test_sandbox_ends_with_its_process():
    command = [sys.executable, "-c", START + "    input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        port = int(program.stdout.readline())
        program.send_signal(signal.SIGKILL)
    wait_until_closed(port)


def test_program_that_leaves_no_block_ends():
    code = "import ably_auth\nblock = ably_auth.sandbox(apps=APPS)\ns = block.__enter__()\nprint(s.port)\n".replace("APPS", repr(APP))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    wait_until_closed(int(done.stdout))


def test_fork_neither_stops_sandbox_nor_keeps_it_running():
    with ably_auth.sandbox() as sandbox:
        children = []
        for leave in (True, False):
            child = os.fork()
            if child == 0:
                if leave:
                    sandbox.stop()
                else:
                    time.sleep(60)
                os._exit(0)
            children.append(child)
        os.waitpid(children[0], 0)
        sandbox.reset()
        start = time.monotonic()
    assert time.monotonic() - start < 4
    wait_until_closed(sandbox.port)
    os.kill(children[1], signal.SIGKILL)
    os.waitpid(children[1], 0)


def test_no_file_with_secrets_stays(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with ably_auth.sandbox(apps=APP, tls=True) as sandbox:
        assert [path.name for path in tmp_path.rglob("*.*")] == [Path(sandbox.certificate_path).name]
    assert list(tmp_path.iterdir()) == []


def test_token_is_issued(ably_sandbox):
    token = ably_sandbox.issue_token(capability={"chat": ["publish"]}, client_id="bob", ttl=60_000)
    with pytest.raises(AblyException) as refusal:
        publish(ably_sandbox, key=None, token=token)
    # It may publish, and may not read the history.
    assert refusal.value.code == 40160
    with ably_auth.sandbox(apps=APP) as sandbox:
        with pytest.raises(ably_auth.SandboxError, match="key_name"):
            sandbox.issue_token()
        assert sandbox.issue_token(key_name="shop.backend").startswith("shop.")


def test_exception_in_block_stops_sandbox():
    with pytest.raises(ZeroDivisionError), ably_auth.sandbox() as sandbox:
        raise ZeroDivisionError
    wait_until_closed(sandbox.port)


def test_command_runs_the_program():
    command = str(Path(sys.executable).with_name("ably-auth"))

    def run(*args, **options):
        return subprocess.run([command, *args], capture_output=True, text=True, **options)

    assert run("--version").stdout.startswith("ably-auth ")
    check = ["capability", "check", '{"chat:*":["publish"]}', "--operation", "publish", "--resource"]
    assert run(*check, "chat:1").returncode == 0
    assert run(*check, "news").returncode == 1
    assert json.loads(run("token", "inspect", "--json", input="shop.abcdef").stdout)["appId"] == "shop"
    assert ably_auth.program_path().endswith("/ably_auth/bin/ably-auth")
    assert os.access(ably_auth.program_path(), os.X_OK)
