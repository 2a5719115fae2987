"""How the router is told the paths of the routes, so that each belongs to one of them."""

import re

from werkzeug.routing import BaseConverter, Map

from adapters.operations.operation import AnyRoute
from adapters.operations.table import ROUTES


class Other(BaseConverter):
    """A part of a path, which is none of these words."""

    def __init__(self, url_map: Map, *words: str) -> None:
        super().__init__(url_map)
        self.regex = rf"(?!(?:{'|'.join(map(re.escape, words))})$)[^/]+"


def rule_of(route: AnyRoute) -> str:
    """Its path for the router. A path that another route spells out is that one's alone, for every method."""
    parts, rule = route.path.split("/"), list[str]()
    alike = [path for other in ROUTES if len(path := other.path.split("/")) == len(parts)]
    for place, part in enumerate(parts):
        if not part.startswith("{"):
            rule.append(part)
            continue
        rest = (parts[:place], parts[place + 1 :])
        words = {path[place] for path in alike if (path[:place], path[place + 1 :]) == rest} - {part}
        kind = f"other({','.join(map(repr, sorted(words)))}):" if words else ""
        rule.append(f"<{kind}{part[1:-1]}>")
    return "/".join(rule)
