"""Plays cases.json with PyPI's `ably`, and prints what it saw of each as a line of JSON.

python drive.py CASES SERVICE ISSUER FORMAT
"""

import asyncio
import json
import logging
import os
import random
import sys
import time
import urllib.parse

import httpx
from ably import AblyRest
from ably.types.message import Message
from ably.types.tokendetails import TokenDetails
from ably.util.exceptions import AblyException

CASES, SERVICE, ISSUER, FORMAT = sys.argv[1:]
url = urllib.parse.urlsplit(SERVICE)
COMMON = {
    "endpoint": url.hostname,
    "port": url.port,
    "tls_port": url.port,
    "tls": url.scheme == "https",
    "use_binary_protocol": FORMAT == "msgpack",
    "fallback_hosts": [],
}
OPTIONS = {"clientId": "client_id", "useTokenAuth": "use_token_auth", "queryTime": "query_time",
           "defaultTokenParams": "default_token_params"}
DATA = {"text": "grüße", "object": {"a": [1, {"b": None}]}, "bytes": bytearray([0, 1, 255])}
app = None
fetcher = httpx.AsyncClient()
logging.disable()


class NotApplicable(Exception):
    pass


def artifact(kind, key):
    address = os.environ["KIT"] + kind[3:] if kind.startswith("kit/") else f"{ISSUER}/{kind}"
    return f"{address}{'&' if '?' in kind else '?'}{urllib.parse.urlencode({'key': key})}"


async def fetched(address):
    answer = await fetcher.get(address)
    if answer.status_code != 200:
        raise Exception(answer.text)
    return answer.json() if answer.headers["content-type"] == "application/json" else answer.text


def details(token):
    # The SDK gives the capability as a dictionary.
    capability = json.dumps(token.capability.to_dict(), separators=(",", ":"), ensure_ascii=False)
    return f"{token.client_id or '-'} {capability} {token.expires - token.issued if token.issued else '-'}"


def params(given):
    return {"client_id" if name == "clientId" else name: value for name, value in (given or {}).items()} or None


def at(value, pointer):
    """Returns the value at a JSON pointer as text, or `-` if it is missing or null."""
    for name in pointer.split("/")[1:]:
        try:
            value = value[int(name) if isinstance(value, list) else name]
        except (LookupError, TypeError):
            return "-"
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def fields(item):
    """Returns the fields of a message or of statistics by their names on the wire."""
    names = {"client_id": "clientId", "interval_id": "intervalId"}
    attributes = ("id", "name", "data", "client_id", "extras", "interval_id", "unit", "entries")
    return {names.get(name, name): getattr(item, name, None) for name in attributes}


def labels(page):
    items = [item if isinstance(item, dict) else fields(item) for item in page.items]
    return " ".join(item.get("data") or item["intervalId"] for item in items)


def message(given):
    return Message(**({"name": "n", "data": "d"} | (params(given) or {})))


def said(error):
    code = f"{error.code}/{error.status_code}" if isinstance(error, AblyException) else repr(error)
    if code == "40103/401" and url.scheme == "http":
        raise NotApplicable("the SDK itself sends no key over http")
    return code


class Play:
    def __init__(self):
        self.calls = 0
        # The message of the last error.
        self.message = ""
        self.channel = f"chat:{random.getrandbits(40):x}"

    async def client(self, key=None, use="root", callback=None, authUrl=None, authMethod="GET", authHeaders=None,
                     token=None, details=None, **options):
        options = {OPTIONS[name]: value for name, value in options.items()}
        own = app["keys"][use] if app else None
        if key:
            options["key"] = app["keys"][key]
        if callback:
            async def answer(_):
                self.calls += 1
                return await fetched(artifact(callback, own))
            options["auth_callback"] = answer
        if authUrl:
            options |= {"auth_url": artifact(authUrl, own), "auth_method": authMethod,
                        "auth_headers": {"X-Own": "yes"} | (authHeaders or {})}
        if token:
            options["token"] = token if "." in token else await fetched(artifact(token, own))
        if details:
            options["token_details"] = TokenDetails.from_dict(await fetched(artifact(details, own)))
        return AblyRest(**COMMON, **options)

    def filled(self, arg):
        """Returns an argument with its placeholders replaced."""
        text = json.dumps(arg)
        key = app["keys"][arg.get("of", "root")].split(":")[0]
        for name, value in {"{app}": app["id"], "{key}": key, "{channel}": self.channel}.items():
            text = text.replace(name, value)
        return json.loads(text)

    async def step(self, rest, name, arg=None):
        global app
        arg = arg if arg is not None else {}
        channel = rest.channels.get(arg.get("channel", self.channel) if isinstance(arg, dict) else self.channel)
        match name:
            case "provision":
                answer = await rest.request("POST", "/apps", "6", body=arg)
                made = answer.items[0]
                keys = made["keys"]
                app = {"id": made["appId"],
                       "keys": {name: key["keyStr"] for name, key in zip(("root", "chat", "revocable"), keys)}}
                consistent = all(key["keyStr"] == f"{key['keyName']}:{key['keySecret']}" and
                                 key["value"] == key["keySecret"] and
                                 key["keyName"] == f"{made['appId']}.{key['id']}" for key in keys)
                found = (made["endpoint"], made["port"], made["tls"]) == (url.hostname, url.port, COMMON["tls"])
                described = ", ".join(key["capability"] + (" revocable" if key["revocableTokens"] else "")
                                      for key in keys)
                good = str(consistent and found and bool(made["accountId"])).lower()
                return f"{answer.status_code}; {described}; {made['namespaces'][0]['id']}; {good}"
            case "time":
                return "now" if abs(await rest.time() - time.time() * 1000) < 60000 else "another time"
            case "requestToken":
                return details(await rest.auth.request_token(params(arg)))
            case "authorize":
                return details(await rest.auth.authorize(params(arg)))
            case "clientId":
                return rest.auth.client_id or "-"
            case "publish":
                messages = [message(given) for given in arg.get("messages", [arg.get("message")])]
                await channel.publish(messages if "messages" in arg else messages[0])
                return "ok"
            case "echo":
                await channel.publish("n", DATA[arg["data"]])
                data = (await channel.history()).items[0].data
                return "same" if data == DATA[arg["data"]] else f"other: {data!r}"
            case "history":
                return len((await channel.history()).items)
            case "author":
                return (await channel.history()).items[0].client_id or "-"
            case "last":
                item = fields((await channel.history()).items[0])
                return " ".join(at(item, pointer) for pointer in arg["see"])
            case "presence":
                return len((await channel.presence.get()).items)
            case "presenceHistory":
                return len((await channel.presence.history()).items)
            case "walk":
                asked = self.filled(arg)
                match asked.get("path", "history"):
                    case "history":
                        page = await channel.history(**asked["query"])
                    case "stats":
                        page = await rest.stats(**asked["query"])
                    case path:
                        page = await rest.request("GET", path, "6", params=asked["query"])
                pages = []
                while page:
                    pages.append(page)
                    page = await page.next()
                return f"{', '.join(map(labels, pages))}; {labels(await pages[-1].first())}"
            case "status":
                return "active" if (await channel.status()).status.is_active else "inactive"
            case "stats":
                items = [fields(item) for item in (await rest.stats(**arg.get("query", {"limit": 1}))).items]
                if "see" in arg:
                    return " ".join(at(items, pointer) for pointer in arg["see"])
                return "ok" if all(item["unit"] == "minute" for item in items) else "other"
            case "revoke":
                # The SDK has no method for it.
                client = await self.client(key=arg["with"]) if "with" in arg else rest
                key = app["keys"]["revocable"].split(":")[0]
                answer = await client.request("POST", f"/keys/{key}/revokeTokens", "6", body={"targets": arg["targets"]})
                if not answer.success:
                    return f"{answer.error_code}/{answer.status_code}"
                batch = answer.items[0]
                each = [f"{one['error']['code']}/{one['error']['statusCode']}" if "error" in one
                        else one["appliesAt"] > 0 and "ok" for one in batch["results"]]
                return f"{batch['successCount']}+{batch['failureCount']}: {' '.join(each)}"
            case "ask":
                asked = self.filled(arg)
                method, path = asked.get("method", "get").upper(), asked["path"]
                if method == "DELETE":
                    # The SDK's `request` takes no answer without a content type.
                    return (await rest.http.delete(path)).status_code
                answer = await rest.request(method, path, str(asked.get("version", 6)), params=asked.get("query"),
                                            body=asked.get("body"), headers=asked.get("headers"))
                if not answer.success:
                    self.message = answer.error_message
                status = answer.status_code if answer.success else f"{answer.error_code}/{answer.status_code}"
                # A header of several lines is not joined by commas, so that a case can tell.
                lines = answer.response.headers.multi_items()
                header = lambda name: " & ".join(value for line, value in lines if line == name) or "-"
                seen = [at(answer.items, what) if what[0] == "/" else header(what) for what in asked.get("see", [])]
                return " ".join(map(str, [status, *seen]))
            case "said":
                return "yes" if arg in self.message else f"no: {self.message}"
            case "calls":
                return self.calls
            case "sleep":
                await asyncio.sleep(arg / 1000)
                return "."
        raise Exception(f"no such step: {name}")

    async def run(self, client, steps):
        saw = []
        try:
            rest = await self.client(**client)
        except Exception as error:
            return said(error)
        async with rest:
            for step in steps:
                name, *args = [step] if isinstance(step, str) else step
                try:
                    saw.append(str(await self.step(rest, name, *args)))
                except Exception as error:
                    self.message = getattr(error, "message", "")
                    saw.append(said(error))
        return " | ".join(saw)


async def main():
    with open(CASES) as file:
        cases = json.load(file)
    for case in cases:
        try:
            reason = case.get("na", {}).get("py")
            answer = {"na": reason} if reason else {"saw": await Play().run(case["client"], case["steps"])}
        except NotApplicable as reason:
            answer = {"na": str(reason)}
        print(json.dumps({"case": case["case"], **answer}), flush=True)


asyncio.run(main())
