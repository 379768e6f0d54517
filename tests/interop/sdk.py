"""What the drivers of PyPI's `ably` share: the arguments of the program, and the options of a client.

python DRIVER CASES SERVICE ISSUER FORMAT
"""

import json
import logging
import os
import sys
import urllib.parse

import httpx
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
logging.disable()


class NotApplicable(Exception):
    pass


def read_cases():
    with open(CASES) as file:
        return json.load(file)


def app_of(made):
    """Returns an app as the drivers use it, from the answer to `POST /apps`."""
    keys = {name: key["keyStr"] for name, key in zip(("root", "chat", "revocable"), made["keys"])}
    return {"id": made["appId"], "keys": keys}


def artifact(kind, key):
    address = os.environ["KIT"] + kind[3:] if kind.startswith("kit/") else f"{ISSUER}/{kind}"
    return f"{address}{'&' if '?' in kind else '?'}{urllib.parse.urlencode({'key': key})}"


async def fetched(fetcher, address):
    answer = await fetcher.get(address)
    if answer.status_code != 200:
        error = answer.json()["error"] if answer.text.startswith("{") else {}
        raise AblyException(error.get("message", answer.text), error.get("statusCode"), error.get("code"))
    return answer.json() if answer.headers["content-type"] == "application/json" else answer.text


async def options_of(fetcher, app, called, key=None, use="root", callback=None, authUrl=None, authMethod="GET",
                     authHeaders=None, token=None, details=None, **options):
    """Returns the options of a client. `called` returns what the callback has to fetch, from the kinds that the case
    names."""
    options = {OPTIONS[name]: value for name, value in options.items()}
    own = app["keys"][use] if app else None
    if key:
        options["key"] = filled(key, app) if ":" in key else app["keys"][key]
    if callback:
        async def answer(_):
            return await fetched(fetcher, artifact(called(callback), own))
        options["auth_callback"] = answer
    if authUrl:
        options |= {"auth_url": artifact(authUrl, own), "auth_method": authMethod,
                    "auth_headers": {"X-Own": "yes"} | (authHeaders or {})}
    if token:
        options["token"] = token if "." in token else await fetched(fetcher, artifact(token, own))
    if details:
        options["token_details"] = TokenDetails.from_dict(await fetched(fetcher, artifact(details, own)))
    return options


def filled(arg, app, of="root", channel=""):
    """Returns an argument with its placeholders replaced."""
    text, key = json.dumps(arg), app["keys"][of].split(":")[0]
    values = {"{app}": app["id"], "{key}": key, "{keyId}": key.split(".")[1], "{channel}": channel}
    for name, value in values.items():
        text = text.replace(name, value)
    return json.loads(text)


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


def params(given):
    return {"client_id" if name == "clientId" else name: value for name, value in (given or {}).items()} or None


def message(given):
    return Message(**({"name": "n", "data": "d"} | (params(given) or {})))


def said(error):
    return f"{error.code}/{error.status_code}" if isinstance(error, AblyException) else repr(error)


def print_answer(case, answer):
    print(json.dumps({"case": case["case"], **answer}), flush=True)


def new_fetcher():
    return httpx.AsyncClient(timeout=20)
