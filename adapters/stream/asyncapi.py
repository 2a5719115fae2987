"""The description of the websockets (AsyncAPI 3), made from the types that read and write their messages."""

from typing import Any, Final, get_args

import msgspec

from adapters.feeds.feed import BookUpdate, FeedError, SnapshotRequest, TradeNews
from adapters.feeds.ticker_feed import TickerSnapshot
from adapters.operations.table import STREAM_OPERATIONS
from adapters.stream.messages import Error, Heartbeat, Hello, Part, Result
from adapters.wire.responses import TickerShape
from adapters.wire.stream_responses import OrdersShape
from adapters.wire.topics import Payload, Topic

REF: Final = "#/components/schemas/{name}"
INTEGER: Final = {"type": "integer"}
SINCE: Final = {"type": "object", "properties": {"timestamp_ms": INTEGER}, "required": ["timestamp_ms"]}
"""When the command was decided that changed a ticker."""

DESCRIPTION: Final = """\
A frame of the command stream holds one message or an array of messages, in both directions; a frame of a feed
holds one. The command stream speaks JSON (subprotocol `pm.v1.json`) or MessagePack (`pm.v1.msgpack`), of the
same shape. What the messages mean, and when they are sent, is told in docs/api/websockets.md.\
"""


def describe(version: str) -> dict[str, Any]:
    """The whole description."""
    told = [Error, Hello, Heartbeat]
    payloads = get_args(Payload)
    shown: list[Any] = [row.message for row in STREAM_OPERATIONS.values()]
    shown += [row.answer for row in STREAM_OPERATIONS.values() if row.answer is not None]
    shown += [*payloads, *told, Result, Part, OrdersShape]
    shown += [BookUpdate, TradeNews, TickerSnapshot, TickerShape, FeedError, SnapshotRequest]
    schemas, components = msgspec.json.schema_components(shown, ref_template=REF)
    by_type = dict(zip(shown, schemas, strict=True))
    wishes = {name: by_type[row.message] for name, row in STREAM_OPERATIONS.items()}
    results = {
        f"result_of_{name}": result(by_type[Result], by_type[row.answer] if row.answer else {"type": "null"})
        for name, row in STREAM_OPERATIONS.items()
    }
    results["refusal"] = {
        "allOf": [by_type[Result], {"properties": {"ok": {"const": False}}, "required": ["message"]}]
    }
    results["part_of_sync"] = {
        "allOf": [by_type[Part], {"properties": {"data": {"$ref": by_type[OrdersShape]["$ref"]}}}]
    }
    names = ("error", "hello", "heartbeat")
    news = {name: by_type[kind] for name, kind in zip(names, told, strict=True)}
    news["event"] = event([by_type[kind] for kind in payloads])
    book = {"book": numbered(by_type[BookUpdate], "ORDERBOOK_UPDATE", update_type=["SNAPSHOT", "DELTA"])}
    trade = {"trade": numbered(by_type[TradeNews], "TRADE")}
    asked, complaint = {"snapshot_request": by_type[SnapshotRequest]}, {"feed_error": by_type[FeedError]}
    ticker = {
        "ticker": numbered({"allOf": [SINCE, by_type[TickerShape]]}, "TICKER"),
        "ticker_snapshot": numbered(by_type[TickerSnapshot], "TICKER_SNAPSHOT"),
    }
    channels = {
        "commands": ("/ws/v1/commands", wishes, results | news),
        "orderbook": ("/ws/v1/orderbook/{market_id}", asked, book | complaint),
        "trades": ("/ws/v1/trades/{market_id}", {}, trade | complaint),
        "ticker": ("/ws/v1/ticker", asked, ticker | complaint),
    }
    operations: dict[str, Any] = {}
    for name, (_, received, sent) in channels.items():
        if received:
            operations[f"{name}_from_client"] = operation(name, "receive", received)
        operations[f"{name}_to_client"] = operation(name, "send", sent)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Verdict", "version": version, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            name: channel(address, received | sent) for name, (address, received, sent) in channels.items()
        },
        "operations": operations,
        "components": {
            "messages": {
                name: {"name": name, "payload": payload}
                for _, received, sent in channels.values()
                for name, payload in (received | sent).items()
            },
            "schemas": {name: for_programs(schema) for name, schema in components.items()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def for_programs(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without the members for people, which only REST has."""
    if "properties" not in schema:
        return schema
    members = {name: each for name, each in schema["properties"].items() if not name.endswith("_display")}
    required = [name for name in schema.get("required", ()) if name in members]
    return {**schema, "properties": members, "required": required}


def result(any_result: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """The result of a command that was carried out."""
    return {"allOf": [any_result, {"properties": {"ok": {"const": True}, "data": data}}]}


def event(payloads: list[dict[str, Any]]) -> dict[str, Any]:
    """A private event; the payload's type shows in its members."""
    members: dict[str, Any] = {
        "t": {"const": "event"},
        "n": INTEGER,
        "seq": INTEGER,
        "topic": {"enum": [*Topic]},
        "data": {"anyOf": payloads},
    }
    return {"type": "object", "properties": members, "required": list(members)}


def numbered(tail: dict[str, Any], kind: str, **choices: list[str]) -> dict[str, Any]:
    """A message of a feed: the members of one reader, and those that all readers share."""
    own: dict[str, Any] = {"type": {"const": kind}, "sequence_id": INTEGER}
    own |= {name: {"enum": values} for name, values in choices.items()}
    return {"allOf": [{"type": "object", "properties": own, "required": list(own)}, tail]}


def channel(address: str, messages: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "address": address,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }
    if "{market_id}" in address:
        described["parameters"] = {"market_id": {"description": "Which market."}}
    return described


def operation(channel_name: str, action: str, messages: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel_name}"},
        "messages": [{"$ref": f"#/channels/{channel_name}/messages/{name}"} for name in messages],
    }
    if channel_name == "commands":
        described["security"] = [{"$ref": "#/components/securitySchemes/bearer"}]
    return described
