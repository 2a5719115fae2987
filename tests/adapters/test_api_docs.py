"""The page of routes in docs/api is the route table, and the API description is sound and says the same."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.http.openapi import describe, refusals
from adapters.operations.operation import AnyRoute, Caller, Keys
from adapters.operations.table import BASE, ROUTES
from adapters.wire.batch_requests import BatchBody
from adapters.wire.paging import PageQuery
from adapters.wire.status import STATUS, Fault
from kernel.codes import Code
from tests.adapters.serving import Venue

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api" / "routes.md"


def row(route: AnyRoute) -> str:
    codes = ", ".join(str(code.value) for code in sorted(route.codes, key=int)) or "-"
    bucket = route.bucket.value if route.bucket is not None else "-"
    return (
        f"| {route.method} | {route.path} | {route.caller.value} | {key(route)} | {bucket} "
        f"| {' or '.join(map(str, route.statuses))} | {codes} | {route.summary} |"
    )


def key(route: AnyRoute) -> str:
    """Which API keys open it: those of a scope, any, or none."""
    if route.caller is Caller.PUBLIC or route.scope is Keys.NONE:
        return "-"
    return str(route.scope.value)


def test_the_page_of_routes_is_the_table() -> None:
    shown = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (GET|POST) ", line)]
    assert shown == [row(route) for route in ROUTES]


def test_the_page_of_codes_is_the_table() -> None:
    shown = dict(re.findall(r"^\| (\d{4}) \| (\d{3}) ", PAGE.read_text(), re.MULTILINE))
    known = {str(code.value): str(status.value) for code, status in STATUS.items()}
    of_other_doors = {str(code) for code in (*range(7001, 7010), Code.STALE_FENCE)}
    assert shown == {code: status for code, status in known.items() if code not in of_other_doors}


def references(part: Any) -> Iterator[str]:
    match part:
        case dict():
            for key, value in part.items():
                if key == "$ref":
                    yield value
                yield from references(value)
        case list():
            for value in part:
                yield from references(value)


def test_the_description_is_whole() -> None:
    description = describe("1.2.3")
    assert description["openapi"].startswith("3.1")
    assert description["info"]["version"] == "1.2.3"
    known = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert set(references(description)) == known
    operations = [
        operation["operationId"] for path in description["paths"].values() for operation in path.values()
    ]
    assert len(operations) == len(set(operations)) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_an_operation_names_its_parameters_statuses_and_codes(route: AnyRoute) -> None:
    operation = describe("0")["paths"][BASE + route.path][route.method.lower()]
    in_path = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", route.path))
    if issubclass(route.query, PageQuery):
        assert {"limit", "cursor"} <= {parameter["name"] for parameter in operation["parameters"]}
    statuses = {*map(str, route.statuses), *(str(STATUS[code].value) for code in refusals(route))}
    assert set(operation["responses"]) == statuses
    bearer: dict[str, list[str]] = {"bearer": []}
    security = {Caller.PUBLIC: [], Caller.READER: [{}, bearer]}.get(route.caller, [bearer])
    assert operation["security"] == security
    # What a batch holds is counted command by command.
    is_counted = route.bucket is not None or route.body is BatchBody
    assert (Fault.RATE_LIMITED in refusals(route)) == is_counted


def test_the_description_is_served(the_venue: Venue) -> None:
    served = the_venue.http.get("/openapi.json")
    assert served.headers["Content-Type"] == "application/json"
    assert served.json() == describe(served.json()["info"]["version"])
