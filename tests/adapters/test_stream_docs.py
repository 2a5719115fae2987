"""The page about websockets names every command, code and close code there is, and its examples are JSON."""

import json
import re
from pathlib import Path

from adapters.sockets import websocket
from adapters.wire.status import STATUS, Fault
from tests.adapters.streaming import MESSAGES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api" / "websockets.md").read_text()


def rows(first: str) -> dict[str, list[str]]:
    """The rows of the table whose head begins so, by their first cell."""
    table = PAGE.partition(f"| {first} |")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines()[2:]]
    return {name.strip(): rest for names, *rest in cells for name in names.split(",")}


def test_every_operation_is_there_with_its_members() -> None:
    table = rows("op")
    assert table.keys() == MESSAGES.keys()
    for name in ("subscribe", "unsubscribe", "resume", "guard", "sync", "auth", "mint", "replace"):
        members = {*MESSAGES[name].__struct_fields__} - {"cid"}
        assert set(re.split(r", | and ", table[name][0])) == members


def test_every_code_is_there_with_its_status() -> None:
    documented = {int(code): int(cells[0]) for code, cells in rows("code").items()}
    assert documented == {code.value: STATUS[code].value for code in Fault if 7000 < code.value < 8000}


def test_every_close_code_is_there() -> None:
    assert {int(code) for code in rows("closed with")} == {
        websocket.GOING_AWAY,
        websocket.UNDECODABLE,
        websocket.BAD_TOKEN,
        websocket.SILENT,
        websocket.TOO_LARGE,
        websocket.SLOW,
    }


def test_the_examples_are_json() -> None:
    examples = [
        line for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
    ]
    assert len(examples) > 5
    for example in examples:
        assert isinstance(json.loads(example), dict)
