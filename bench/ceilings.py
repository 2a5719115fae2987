"""What the web framework can do at most: servers that answer at once, with bytes that were made before.

python -c "from bench.ceilings import main; main()" quart-trio|asgi host port

The answer comes on stdin.
"""

import sys
from typing import Final

import msgspec
import trio
from hypercorn.trio import serve
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Framework, Scope
from quart import Response
from quart_trio import QuartTrio

from adapters.cli.listening import configuration
from adapters.runtime import garbage

PATH: Final = "/api/v1/orders"


class Answer(msgspec.Struct, frozen=True):
    """An answer of the exchange, to be given again."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def quart(answer: Answer) -> Framework:
    """An empty handler of the framework that the exchange uses."""
    app = QuartTrio("ceiling", static_folder=None)
    headers = dict(answer.headers)

    @app.post(PATH)
    async def place() -> Response:
        return Response(answer.body, answer.status, headers)

    return app


def asgi(answer: Answer) -> Framework:
    """No framework: the server alone."""
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})

    return app


def main() -> None:
    kind, host, port = sys.argv[1:]
    answer = msgspec.json.decode(sys.stdin.buffer.read(), type=Answer)
    config = configuration()
    config.bind = [f"{host}:{port}"]
    garbage.begin()
    trio.run(serve, {"quart-trio": quart, "asgi": asgi}[kind](answer), config)
