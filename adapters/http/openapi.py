"""The API description (OpenAPI 3.1), made from the route table and from the types that read and write.

Nothing in it is written twice: a route that changes changes its description.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from adapters.access.rate_limits import Bucket
from adapters.operations.operation import AnyRoute, Caller, Keys, NoQuery
from adapters.operations.table import BASE, ROUTES
from adapters.wire.admin_responses import ProposedShape
from adapters.wire.envelope import Envelope
from adapters.wire.making_requests import IDEMPOTENCY_KEY, MmKey
from adapters.wire.requests import EmptyBody
from adapters.wire.status import STATUS, AnyCode, Fault
from kernel.codes import Code

WAITS: Final = 202
"""The status for the first of two administrators, with a `ProposedShape`."""
REF: Final = "#/components/schemas/{name}"

EVERYWHERE: Final[tuple[AnyCode, ...]] = (Fault.BODY_TOO_LARGE, Code.INTERNAL, Code.OVERLOADED)
KEY: Final[dict[str, Any]] = {
    "name": IDEMPOTENCY_KEY,
    "in": "header",
    "required": False,
    "description": "Your name for the request: sent again with it, it is answered and not done again.",
    "schema": msgspec.json.schema(MmKey),
}
PARTLY: Final = "Answers name the journal id they reflect in X-Journal-Id."

DESCRIPTION: Final = """\
Every answer is an envelope: `code` (0 for success), `message` for people, `data`, `timestamp`, `request_id`.
Money is in cents and quantities are whole shares, always as JSON integers. A member ending `_display` says
the same for people. Send the access token that `/auth/login` gives you, or an API key, as
`Authorization: Bearer TOKEN`.\
"""


def describe(version: str) -> dict[str, Any]:
    """The whole description."""
    bodies = [route.body for route in ROUTES if route.body is not EmptyBody]
    queries = [route.query for route in ROUTES if route.query is not NoQuery]
    answers: list[type[msgspec.Struct]] = [ProposedShape, *(route.answer for route in ROUTES)]
    shown = list(dict.fromkeys([*bodies, *queries, *answers]))
    schemas, components = msgspec.json.schema_components(shown, ref_template=REF)
    by_type = dict(zip(shown, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in ROUTES:
        paths[BASE + route.path][route.method.lower()] = operation(route, by_type, components)
    names = {str(by_type[query]["$ref"]).rpartition("/")[2] for query in dict.fromkeys(queries)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Verdict", "version": version, "description": DESCRIPTION},
        "paths": dict(paths),
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in names}
            | {"Refusal": REFUSAL},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


ENVELOPE: Final = msgspec.json.schema_components([Envelope])[1]["Envelope"]
REFUSAL: Final[dict[str, Any]] = {
    "title": "Refusal",
    "description": "Why the answer is no. What `data` holds depends on the code; mostly it is null.",
    "type": "object",
    "properties": {**ENVELOPE["properties"], "data": {"type": ["object", "null"]}},
    "required": ENVELOPE["required"],
}


def operation(
    route: AnyRoute, by_type: dict[type, dict[str, Any]], components: dict[str, Any]
) -> dict[str, Any]:
    codes = refusals(route)
    described: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": " ".join(
            filter(None, (f"For {route.caller.value}.", keys_of(route), limit_of(route)))
        ),
        "tags": [route.path.split("/")[1]],
        "parameters": [
            *path_parameters(route),
            *query_parameters(route, by_type, components),
            *([KEY] if route.is_keyed else []),
        ],
        "responses": {
            str(status): success(by_type[ProposedShape if status == WAITS else route.answer])
            for status in route.statuses
        }
        | {str(status): refusal(those) for status, those in sorted(by_status(codes).items())},
    }
    if route.body is not EmptyBody:
        described["requestBody"] = {
            # Nothing at all is read as an object without members.
            "required": any(member.required for member in msgspec.structs.fields(route.body)),
            "content": {"application/json": {"schema": by_type[route.body]}},
        }
    if route.stands_for is not None:
        described["deprecated"] = True
        described["description"] += f" Use `{route.stands_for}`."
    described["security"] = security_of(route.caller)
    return described


def refusals(route: AnyRoute) -> list[AnyCode]:
    """Every code that a route can answer: its own, and those of the checks before it."""
    codes: list[AnyCode] = [*EVERYWHERE, *route.codes]
    if route.body is not EmptyBody or route.query is not NoQuery or route.method == "POST":
        codes.append(Code.MALFORMED)
    if route.caller is not Caller.PUBLIC:
        codes += [Fault.NOT_AUTHENTICATED, Fault.ACCOUNT_DISABLED]
        if route.scope is not Keys.ANY:
            codes.append(Fault.SCOPE_MISSING)
        codes.append(Code.NOT_ALLOWED)  # with the token of a worker, if with nobody else's
    if route.caller in (Caller.AMM, Caller.AMM_SERVICE, Caller.AMM_OR_ADMIN):
        codes.append(Code.AMM_ONLY)
    if "{" in route.path:
        codes.append(Fault.NO_SUCH_PATH)  # if the id in the path is not escaped as it must be
    if route.bucket is not None:
        codes.append(Fault.RATE_LIMITED)
    return sorted(set(codes), key=int)


def by_status(codes: Iterable[AnyCode]) -> dict[int, list[AnyCode]]:
    grouped: dict[int, list[AnyCode]] = defaultdict(list)
    for code in codes:
        grouped[STATUS[code].value].append(code)
    return grouped


def success(data: dict[str, Any]) -> dict[str, Any]:
    envelope = {
        **REFUSAL,
        "title": "Success",
        "description": "",
        "properties": {**REFUSAL["properties"], "code": {"const": 0}, "data": data},
    }
    return {
        "description": f"Success. {PARTLY}",
        "content": {"application/json": {"schema": envelope}},
    }


def refusal(codes: list[AnyCode]) -> dict[str, Any]:
    words = "; ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in codes)
    schema = {
        "allOf": [
            {"$ref": REF.format(name="Refusal")},
            {"properties": {"code": {"enum": [code.value for code in codes]}}},
        ]
    }
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def security_of(caller: Caller) -> list[dict[str, list[str]]]:
    """What a caller has to show: alternatives, of which an empty one is nothing."""
    match caller:
        case Caller.PUBLIC:
            return []
        case Caller.READER:
            return [{}, {"bearer": []}]
        case _:
            return [{"bearer": []}]


def keys_of(route: AnyRoute) -> str:
    """Which API keys open it."""
    match route.scope:
        case _ if route.caller is Caller.PUBLIC:
            return ""
        case Keys.NONE:
            return "No API key opens it."
        case Keys.ANY:
            return "Any API key opens it."
        case scope:
            return f"An API key needs scope `{scope.value}`."


def limit_of(route: AnyRoute) -> str:
    match route.bucket:
        case None:
            return "Not limited."
        case Bucket.AUTH if route.caller is not Caller.PUBLIC:
            return "Counted in bucket `auth`, per address and per user."
        case Bucket.AUTH if route.session_bucket is not None:
            known = f"with the cookie of a session in `{route.session_bucket.value}`, per session"
            return f"Counted in bucket `auth`, per address; {known}."
        case Bucket.AUTH:
            return "Counted in bucket `auth`, per address."
        case bucket if route.caller is Caller.READER:
            return f"Counted in bucket `{bucket.value}`, without a token in `public`, per address."
        case bucket:
            return f"Counted in bucket `{bucket.value}`."


def path_parameters(route: AnyRoute) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]


def query_parameters(
    route: AnyRoute, by_type: dict[type, dict[str, Any]], components: dict[str, Any]
) -> list[dict[str, Any]]:
    if route.query is NoQuery:
        return []
    schema = components[str(by_type[route.query]["$ref"]).rpartition("/")[2]]
    return [
        {"name": name, "in": "query", "required": False, "schema": without_null(member)}
        for name, member in schema["properties"].items()
    ]


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop null from a schema: a query string has no null, it leaves the parameter out."""
    choices: list[dict[str, Any]] = [
        choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}
    ]
    if len(choices) != 1:
        return schema
    (choice,) = choices
    return {key: value for key, value in schema.items() if key not in ("anyOf", "default")} | choice
