"""Prints parts of a JSON answer, for the tours of this guide: `curl ... | pick order status quantity`.

The first word says where to look within `data`: names with dots between them, numbers for places in lists,
`.` for all of it. The other words say what to show of what is there, or of each element if it is a list. An
answer that is an error is shown as one.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any


def find(data: Any, path: str) -> Any:
    for name in path.split(".") if path != "." else ():
        data = data[int(name)] if name.isdigit() else data[name]
    return data


def show(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def lines(found: Any, names: list[str]) -> Iterator[str]:
    if not names:
        yield show(found)
        return
    for element in found if isinstance(found, list) else [found]:
        yield "  ".join(f"{name}={show(find(element, name))}" for name in names)


if __name__ == "__main__":
    path, *names = sys.argv[1:]
    answer = json.load(sys.stdin)
    if answer["code"] != 0:
        sys.exit(f"{answer['code']} {answer['message']}")
    sys.stdout.writelines(f"{line}\n" for line in lines(find(answer["data"], path), names))
