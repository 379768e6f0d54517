"""Hands out what auth callbacks and auth URLs answer with: /kind?key=...&field=value.

Listens on a free port of loopback, prints its URL, and ends with its standard input. Environment: SERVICE and CA (of the
service that exchanges), MINT and CLI (programs of ours that mint a JWT and sign a token request).
"""

import base64
import hashlib
import hmac
import json
import os
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CLI_OPTIONS = {"clientId": "--client-id", "ttl": "--ttl", "capability": "--capability"}
TRUSTED = ssl.create_default_context(cafile=os.environ["CA"])
kept = {}
served = set()
count = 0


def signed(key, query):
    """A token request, its mac over the values as they are, whether they make sense or not."""
    global count
    count += 1
    name, secret = key.split(":")
    fields = {"keyName": name}
    if "ttl" in query:
        ttl = query["ttl"]
        fields["ttl"] = int(ttl) if ttl.lstrip("-").isdigit() and "text" not in query else ttl
    for field in ("capability", "clientId"):
        if field in query:
            fields[field] = query[field]
    fields["timestamp"] = int(time.time() * 1000) - int(query.get("ago", 0))
    fields["nonce"] = query.get("nonce", f"nonce-{os.getpid()}-{time.time_ns()}-{count}")
    order = ["keyName", "ttl", "capability", "clientId", "timestamp", "nonce"]
    text = "".join(f"{fields.get(field, '')}\n" for field in order)
    secret = "another" if query.get("mac") == "wrong" else secret
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    if query.get("mac") != "none":
        fields["mac"] = base64.b64encode(mac).decode()
    return fields


def exchange(key, query):
    request = signed(key, query)
    url = f"{os.environ['SERVICE']}/keys/{request['keyName']}/requestToken"
    request = urllib.request.Request(url, json.dumps(request).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, context=TRUSTED, timeout=10) as answer:
        return json.load(answer)


def ours(program, *args):
    return subprocess.run([program, *args], check=True, capture_output=True, text=True, timeout=20).stdout.strip()


def base64url(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).decode().rstrip("=")


def jwt(key, query):
    """Minted by our library, or by hand if it lives for longer than that would have it."""
    if "life" in query:
        name, secret = key.split(":")
        header, now = {"typ": "JWT", "alg": "HS256", "kid": name}, int(time.time())
        text = ".".join(base64url(json.dumps(part)) for part in (header, {"iat": now, "exp": now + int(query["life"])}))
        return f"{text}.{base64url(hmac.digest(secret.encode(), text.encode(), 'sha256'))}"
    if query.get("mac") == "wrong":
        key = key.split(":")[0] + ":another"
    if "as" in query:
        key = f"{key.split('.')[0]}.{query['as']}:another"
    names = ("ttl", "ago", "capability", "clientId", "revocationKey", "claims")
    values = {name: query[name] for name in names if name in query}
    return ours(os.environ["MINT"], "mint", key, json.dumps(values))


def embedded(token, where):
    """In a JWT of somebody else's, signed by nobody whom the service knows."""
    header, payload = {"typ": "JWT", "alg": "RS256"}, {"sub": "somebody"}
    (header if where == "header" else payload)["x-ably-token"] = token
    return ".".join(base64url(part) for part in (json.dumps(header), json.dumps(payload), "a signature"))


def make(kind, key, query):
    """The answer's status, content type and text."""
    as_json = lambda value: (200, "application/json", json.dumps(value))
    match kind:
        case "request":
            return as_json(signed(key, query))
        case "cli":
            words = ["--key", key] + [word for name, option in CLI_OPTIONS.items() if name in query
                                      for word in (option, query[name])]
            return as_json(json.loads(ours(os.environ["CLI"], "--json", "token-request", "sign", *words)))
        case "details":
            # Some SDKs write an empty clientId for a token without one.
            return as_json(exchange(key, query) | ({"clientId": ""} if "blank" in query else {}))
        case "token":
            return 200, "text/plain", exchange(key, query)["token"]
        case "jwt":
            return 200, "application/jwt", jwt(key, query)
        case "embedded":
            token = jwt(key, query) if query.get("of") == "jwt" else exchange(key, query)["token"]
            return 200, "application/jwt", embedded(token, query.get("in", "payload"))
        case "text":
            return 200, "text/plain", query["text"]
        case "refused":
            error = {"code": 40300, "statusCode": 403, "message": "not for you"}
            return 403, "application/json", json.dumps({"error": error})
        case "html":
            return 200, "text/html", "<p>please log in</p>"
    return 404, "text/plain", "no such kind"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if "needs" in query:
            # A token for this clientId alone, which must have come the way that is asked for.
            came = dict(urllib.parse.parse_qsl(body)) if query["needs"] == "POST" else query
            # The Python SDK sends the names of its own language.
            client_id = came.get("clientId", came.get("client_id"))
            if self.command != query["needs"] or client_id != "bob" or self.headers.get("X-Own") != "yes":
                return 400, "text/plain", "not as the client was told to ask"
            query["clientId"] = client_id
        kind, key = url.path[1:], query["key"]
        # The first answer to the key is of this kind, and all others are of another.
        if "then" in query and (kind, key) in served:
            kind = query["then"]
        served.add((kind, key))
        try:
            if query.pop("same", None) is None:
                return make(kind, key, query)
            if self.path not in kept:
                kept[self.path] = make(kind, key, query)
            return kept[self.path]
        except Exception as error:
            # The arguments of a program contain a key, so only its error output is sent.
            return 500, "text/plain", f"the issuer failed: {type(error).__name__} {getattr(error, 'stderr', '')}"

    def do_GET(self):
        status, content_type, text = self.answer()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_GET

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
