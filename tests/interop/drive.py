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


def said(error):
    code = f"{error.code}/{error.status_code}" if isinstance(error, AblyException) else repr(error)
    if code == "40103/401" and url.scheme == "http":
        raise NotApplicable("the SDK itself sends no key over http")
    return code


class Play:
    def __init__(self):
        self.calls = 0
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
                message = params(arg.get("message")) or {}
                await channel.publish(Message(name="n", data="d", **message))
                return "ok"
            case "echo":
                await channel.publish("n", DATA[arg["data"]])
                message = (await channel.history()).items[0]
                return "same" if message.data == DATA[arg["data"]] else f"other: {message.data!r}"
            case "history":
                return len((await channel.history()).items)
            case "author":
                return (await channel.history()).items[0].client_id or "-"
            case "pages":
                sizes, page = [], await channel.history(limit=2)
                while page:
                    sizes.append(len(page.items))
                    page = await page.next()
                return "+".join(map(str, sizes))
            case "status":
                return "active" if (await channel.status()).status.is_active else "inactive"
            case "stats":
                return "ok" if all(i.unit == "minute" for i in (await rest.stats(limit=1)).items) else "other"
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
            case "request":
                method, path, body, *key = arg + [None] * (3 - len(arg))
                key = app["keys"][key[0] if key else "root"].split(":")[0]
                path = path.replace("{app}", app["id"]).replace("{key}", key)
                if method == "delete":
                    # The SDK's `request` takes no answer without a content type.
                    return (await rest.http.delete(path)).status_code
                answer = await rest.request(method.upper(), path, "6", body=body)
                return answer.status_code if answer.success else f"{answer.error_code}/{answer.status_code}"
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
                    saw.append(str(await self.step(rest, name, args if name == "request" else (args or [None])[0])))
                except Exception as error:
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
