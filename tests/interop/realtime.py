"""Plays realtime.json with the realtime client of PyPI's `ably`, and prints what it saw of each as a line of JSON.

Each case has its own app, so that several cases are played at the same time.
"""

import asyncio
import json
import os
import time

from ably import AblyRealtime, AblyRest
from ably.types.channelmode import ChannelMode
from ably.types.channeloptions import ChannelOptions
from ably.types.presence import PresenceAction

import sdk
from sdk import COMMON, DATA, at, fields, params, said, url

AT_ONCE = 12
# A step that has to wait gives up after this time; what it then says is not what the case expects.
PATIENCE = 12
SETTLED = ["connected", "failed", "suspended", "closed"]
MODES = ["presence", "presence_subscribe", "publish", "subscribe"]
ACTIONS = {value: name.lower() for name, value in vars(PresenceAction).items() if isinstance(value, int)}
fetcher = sdk.new_fetcher()


class Proxy:
    """A TCP proxy in front of the service, whose connections a case can cut."""

    def __init__(self):
        # Set when new connections may go on.
        self.open = asyncio.Event()
        self.open.set()
        self.is_refusing = False
        self.writers = set()

    async def start(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def accept(self, reader, writer):
        if self.is_refusing:
            return writer.close()
        await self.open.wait()
        to_service = await asyncio.open_connection("127.0.0.1", url.port)
        await asyncio.gather(self.copy(reader, to_service[1]), self.copy(to_service[0], writer))

    async def copy(self, reader, writer):
        self.writers.add(writer)
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            # The other side is gone, or was cut.
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    def cut(self, how=None):
        if how == "hold":
            self.open.clear()
        self.is_refusing = how == "refuse"
        for writer in self.writers:
            writer.transport.abort()

    def mend(self):
        self.is_refusing = False
        self.open.set()


class Client:
    """A client of a case, with what it saw. Steps that wait look at what was seen since the step before."""

    def __init__(self, ids):
        # The connections that the clients of the case have had.
        self.ids = ids
        self.calls = self.seen = self.told = 0
        self.events, self.inbox, self.presence, self.attachments = [], [], [], []
        self.known = set()
        self.change = asyncio.Event()
        self.proxy = self.sdk = None

    async def start(self, app, rest=False, proxied=False, otherFormat=False, resume=None, **given):
        options = COMMON | await sdk.options_of(fetcher, app, self.called, **given)
        options["use_binary_protocol"] ^= otherFormat
        if rest:
            self.sdk = AblyRest(**options)
            return self
        if resume:
            options["transport_params"] = {"resume": resume}
        self.sdk = AblyRealtime(auto_connect=False, disconnected_retry_timeout=200, **options)
        port = url.port
        if proxied:
            self.proxy = Proxy()
            port = await self.proxy.start()
        # The SDK has no option for the port of realtime connections.
        self.sdk.options.get_host = lambda: f"{url.hostname}:{port}"
        self.sdk.connection.on(lambda change: self.changed(self.events, (change.event.value, change.reason)))
        return self

    def called(self, kinds):
        kinds = kinds if isinstance(kinds, list) else [kinds]
        self.calls += 1
        self.change.set()
        return kinds[min(self.calls, len(kinds)) - 1]

    def changed(self, what, value):
        what.append(value)
        self.change.set()

    async def eventually(self, look, otherwise):
        """Waits until `look` returns something else than None."""
        try:
            async with asyncio.timeout(PATIENCE):
                while (found := look()) is None:
                    self.change.clear()
                    await self.change.wait()
                return found
        except TimeoutError:
            return otherwise()

    async def until(self, *names):
        def look():
            for nth in range(self.seen, len(self.events)):
                name, reason = self.events[nth]
                if name in names:
                    self.seen = nth + 1
                    # The other SDK has a reason for what the case asked for.
                    return f"{name} {said(reason)}" if reason and name != "closed" else name
        return await self.eventually(look, lambda: f"still {self.sdk.connection.state.value}")

    async def take(self, what, count):
        """Takes `count` things that were received."""
        await self.eventually(lambda: True if len(what) >= count else None, lambda: False)
        taken, what[:] = what[:count], what[count:]
        return taken

    def channel(self, channel="chat:room", modes=None, params=None, **_):
        found = self.sdk.channels.get(channel, *([options(modes, params)] if modes or params else []))
        if channel not in self.known and hasattr(found, "on"):
            self.known.add(channel)
            attached = lambda change: self.changed(self.attachments, "resumed" if change.resumed else "new")
            found.on("attached", attached)
            found.on("update", attached)
        return found

    async def step(self, name, arg=None):
        given = arg if isinstance(arg, dict) else {}
        # A REST client has none.
        connection = getattr(self.sdk, "connection", None)
        match name:
            case "connect":
                self.seen = len(self.events)
                self.sdk.connect()
                return await self.until(*([arg] if arg else SETTLED))
            case "open":
                self.sdk.connect()
                return "."
            case "until":
                return await self.until(arg)
            case "states":
                names, self.told = [name for name, _ in self.events[self.told:]], len(self.events)
                return " ".join(names)
            case "reason":
                # No event tells that it was set.
                end = time.monotonic() + 2
                while connection.error_reason is None and time.monotonic() < end:
                    await asyncio.sleep(0.02)
                return said(connection.error_reason) if connection.error_reason else "-"
            case "connectionId":
                connection_id = connection.connection_manager.connection_id
                is_known = connection_id in self.ids
                self.ids.add(connection_id)
                return "same" if is_known else "new"
            case "clientId":
                return self.sdk.auth.client_id or "-"
            case "calls":
                if arg:
                    await self.eventually(lambda: True if self.calls >= arg else None, lambda: False)
                return self.calls
            case "ping":
                return "pong" if await connection.ping() >= 0 else "no time"
            case "close":
                await connection.close()
                return await self.until("closed")
            case "cut":
                self.seen = len(self.events)
                self.proxy.cut(arg)
                return "."
            case "mend":
                self.proxy.mend()
                return "."
            case "authorize":
                await self.sdk.auth.authorize(params(arg))
                return "ok"
            case "attach":
                await self.channel(**given).attach()
                return "attached"
            case "setModes":
                await self.channel(**given).set_options(options(given["to"]))
                return "set"
            case "detach":
                await self.channel(**given).detach()
                return "detached"
            case "attachments":
                return " ".join(await self.take(self.attachments, arg))
            case "modes":
                modes = {mode.name.lower() for mode in self.channel(**given).modes}
                return " ".join(mode for mode in MODES if mode in modes)
            case "channel":
                channel = self.channel(**given)
                channel.on(lambda *_: self.change.set())
                state = await self.eventually(lambda: arg["until"] if channel.state.value == arg["until"] else None,
                                              lambda: f"still {channel.state.value}")
                return f"{state} {said(channel.error_reason)}" if channel.error_reason else state
            case "subscribe":
                await self.channel(**given).subscribe(lambda message: self.changed(self.inbox, message))
                return "attached"
            case "publish":
                messages = given.get("messages", [given.get("message") or {}])
                messages = [sdk.message(one | {"data": data_of(one.get("data", "d"))}) for one in messages]
                published = self.channel(**given).publish(messages if "messages" in given else messages[0])
                if given.get("queued"):
                    self.queued = asyncio.create_task(published)
                    return "."
                await published
                return "ok"
            case "receive":
                messages = [fields(message) for message in await self.take(self.inbox, given.get("count", 1))]
                if "same" in given:
                    return same(messages, given["same"])
                seen = [at(message, pointer) for message in messages for pointer in given.get("see", ["/data"])]
                return " ".join(seen) or "nothing"
            case "received":
                return len(self.inbox)
            case "history":
                return " ".join(item.data for item in (await self.channel(**given).history()).items)
            case "enter" | "update" | "leave":
                presence, data = self.channel(**given).presence, data_of(given.get("data"))
                client = [given["client"]] if "client" in given else []
                await getattr(presence, f"{name}_client" if client else name)(*client, data)
                return "ok"
            case "members":
                found = await self.channel(**given).presence.get()
                found = found if isinstance(found, list) else found.items
                members = [f"{member.client_id} {member.data}" if member.data else member.client_id for member in found]
                return " ".join(sorted(members)) or "nobody"
            case "watch":
                await self.channel(**given).presence.subscribe(lambda message: self.changed(self.presence, message))
                return "attached"
            case "notice":
                messages = await self.take(self.presence, given.get("count", 1))
                if "same" in given:
                    return same([{"data": message.data} for message in messages], given["same"])
                seen = [f"{ACTIONS[message.action]} {message.client_id} {message.data or '-'}" for message in messages]
                return " ".join(seen) or "nothing"
            case "sleep":
                await asyncio.sleep(arg / 1000)
                return "."
        raise Exception(f"no such step: {name}")

    async def end(self):
        if self.sdk:
            try:
                await asyncio.wait_for(self.sdk.close(), 2)
            except Exception:
                # The connection is gone already.
                pass
        if self.proxy:
            self.proxy.cut()
            self.proxy.server.close()


def options(modes, params=None):
    return ChannelOptions(modes=[ChannelMode[mode.upper()] for mode in modes or []] or None, params=params)


def data_of(name):
    return DATA.get(name, name) if isinstance(name, str) else name


def same(messages, name):
    return "same" if messages and all(message["data"] == DATA[name] for message in messages) else repr(messages)


async def ask(app, path, method="post", body=None, of="root"):
    """Sends a request that a case writes out, with a key of the app or the access token of the Control API."""
    request = {"json": body} if body else {}
    if path.startswith("/v1/"):
        request["headers"] = {"Authorization": f"Bearer {os.environ['CONTROL']}"}
    elif app:
        request["auth"] = tuple(app["keys"][of].split(":"))
    return await fetcher.request(method.upper(), f"{url.scheme}://{url.netloc}{path}", **request)


async def play(case, spec):
    app = sdk.app_of((await ask(None, "/apps", body=spec)).json())
    given = {"": case["client"]} | case.get("peers", {})
    clients, ids, saw = {}, set(), []

    async def run(words, arg=None):
        *peer, verb = words.split(" ")
        peer = peer[0] if peer else ""
        if verb == "ask":
            answer = await ask(app, **sdk.filled(arg, app, arg.get("of", "root")))
            error = {} if answer.is_success else answer.json()
            error = error.get("error", error)
            return "ok" if answer.is_success else f"{error['code']}/{error['statusCode']}"
        # A peer is made and connected when it is first needed.
        if peer not in clients:
            clients[peer] = await Client(ids).start(app, **given[peer])
            if peer and not given[peer].get("rest"):
                await clients[peer].step("connect")
        return await clients[peer].step(verb, arg)

    for step in case["steps"]:
        try:
            saw.append(str(await asyncio.wait_for(run(*([step] if isinstance(step, str) else step)), PATIENCE + 3)))
        except Exception as error:
            saw.append(said(error))
    for client in clients.values():
        await client.end()
    return " | ".join(saw)


async def main():
    read = sdk.read_cases()
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(case):
        reason = case.get("na", {}).get("py")
        async with at_once:
            answer = {"na": reason} if reason else {"saw": await play(case, read["app"] | case.get("app", {}))}
        sdk.print_answer(case, answer)

    await asyncio.gather(*map(one, read["cases"]))


asyncio.run(main())
os._exit(0)
