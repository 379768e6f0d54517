"""Plays cases.json with the REST client of PyPI's `ably`, and prints what it saw of each as a line of JSON."""

import asyncio
import json
import random
import time

from ably import AblyRest

import sdk
from sdk import COMMON, DATA, NotApplicable, at, fields, message, params, url

app = None
fetcher = sdk.new_fetcher()


def details(token):
    # The SDK gives the capability as a dictionary.
    capability = json.dumps(token.capability.to_dict(), separators=(",", ":"), ensure_ascii=False)
    return f"{token.client_id or '-'} {capability} {token.expires - token.issued if token.issued else '-'}"


def labels(page):
    items = [item if isinstance(item, dict) else fields(item) for item in page.items]
    return " ".join(item.get("data") or item["intervalId"] for item in items)


def said(error):
    code = sdk.said(error)
    if code == "40103/401" and url.scheme == "http":
        raise NotApplicable("the SDK itself sends no key over http")
    return code


class Play:
    def __init__(self):
        self.calls = 0
        # The message of the last error.
        self.message = ""
        self.channel = f"chat:{random.getrandbits(40):x}"

    def called(self, kind):
        self.calls += 1
        return kind

    async def client(self, **given):
        return AblyRest(**COMMON, **await sdk.options_of(fetcher, app, self.called, **given))

    def filled(self, arg):
        return sdk.filled(arg, app, arg.get("of", "root"), self.channel)

    async def step(self, rest, name, arg=None):
        global app
        arg = arg if arg is not None else {}
        channel = rest.channels.get(arg.get("channel", self.channel) if isinstance(arg, dict) else self.channel)
        match name:
            case "provision":
                answer = await rest.request("POST", "/apps", "6", body=arg)
                made = answer.items[0]
                keys = made["keys"]
                app = sdk.app_of(made)
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
    for case in sdk.read_cases():
        try:
            reason = case.get("na", {}).get("py")
            answer = {"na": reason} if reason else {"saw": await Play().run(case["client"], case["steps"])}
        except NotApplicable as reason:
            answer = {"na": str(reason)}
        sdk.print_answer(case, answer)


asyncio.run(main())
