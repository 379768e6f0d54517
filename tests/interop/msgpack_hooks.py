"""Teaches schemathesis MessagePack, and makes it ask for answers in either format."""

import msgpack
import schemathesis

MSGPACK = "application/x-msgpack"
calls = 0


@schemathesis.serializer(MSGPACK)
def serialize(ctx, value):
    try:
        return msgpack.packb(value)
    except (TypeError, ValueError, OverflowError):
        # There are values that only JSON has: then it is a body that cannot be read.
        return repr(value).encode(errors="replace")


@schemathesis.deserializer(MSGPACK)
def deserialize(ctx, response):
    return msgpack.unpackb(response.content)


@schemathesis.hook
def before_call(ctx, case, kwargs):
    global calls
    calls += 1
    if not any(name.lower() == "accept" for name in case.headers):
        case.headers["Accept"] = (MSGPACK, "application/json")[calls % 2]
