"""The web page: the files of the folder `web/`, each as `page_text` has it served, to whoever asks.

The page is a client like any other and gets nothing here but its own text. Its files are looked at again at
each request, so whoever edits one sees it at the next reload; what has not changed is read once.
"""

import hashlib
from pathlib import Path
from typing import Final

import attrs
from quart import Response
from quart.wrappers import Request
from quart_trio import QuartTrio
from werkzeug.exceptions import NotFound

from adapters.http.app import current_request
from adapters.http.page_text import as_served
from adapters.runtime.errors import CommandError

FOLDER: Final = Path(__file__).resolve().parents[2] / "web"
INDEX: Final = "index.html"

KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served, by the end of its name. What else lies there is for those who work on the page."""

SCREENS: Final = (
    "/",
    "/markets",
    "/markets/<path:_>",
    "/portfolio",
    "/making",
    "/making/<path:_>",
    "/account",
    "/admin",
    "/admin/<path:_>",
    "/register",
    "/login",
)
"""The places inside the page. Each is the same document, which finds out by itself where it is."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
}


@attrs.frozen
class File:
    """A file as it was when it was read."""

    seen: tuple[int, int, int]
    """By what one sees that it has changed: its number, its time, its size."""
    body: bytes
    tag: str


class Folder:
    """The files of a folder, and of the folders in it."""

    def __init__(self, place: Path) -> None:
        self._place = place.resolve()
        self._files: dict[str, File] = {}

    def find(self, name: str) -> File | None:
        """The file as it is now, by its path in the folder; None if there is none that may be served."""
        path = self._place / name
        is_hidden = any(part.startswith(".") for part in name.split("/"))
        if is_hidden or path.suffix not in KINDS:
            return None
        try:
            # A link may lead out of the folder, and so may a name with a NUL or an absolute one.
            if not path.resolve().is_relative_to(self._place) or not path.is_file():
                return None
            status = path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            known = self._files.get(name)
            if known is None or known.seen != seen:
                body = as_served(path.read_bytes(), path.suffix)
                known = self._files[name] = File(seen, body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
        except (OSError, ValueError):
            return None
        return known


def add_page(app: QuartTrio, place: Path = FOLDER) -> None:
    """Serve the page at `/`, and its files below `/web/`."""
    folder = Folder(place)
    if folder.find(INDEX) is None:
        raise CommandError(f"there is no page in {place}; VERDICT_PAGE=off serves without one")

    async def get_screen(_: str = "") -> Response:
        return answer(folder, INDEX, current_request())

    async def get_file(name: str) -> Response:
        return answer(folder, name, current_request())

    for path in SCREENS:
        app.add_url_rule(path, f"page {path}", get_screen, methods=["GET"], provide_automatic_options=False)
    app.add_url_rule("/web/<path:name>", "page", get_file, methods=["GET"], provide_automatic_options=False)


def answer(folder: Folder, name: str, request: Request) -> Response:
    file = folder.find(name)
    if file is None:
        raise NotFound
    headers = {**HEADERS, "ETag": file.tag}
    if is_known(file.tag, request.headers.get("If-None-Match", "")):
        response = Response(b"", 304, headers)
        del response.headers["Content-Type"], response.headers["Content-Length"]
        return response
    return Response(file.body, 200, headers, content_type=KINDS[Path(name).suffix])


def is_known(tag: str, if_none_match: str) -> bool:
    """Whether the caller has this text already. A proxy may have marked its tag as a weak one."""
    tags = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return tag in tags or tags == {"*"}
