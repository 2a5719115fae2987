"""Streams of NATS JetStream: each letter exactly once and in order, whatever crashes in between.

The stream itself refuses what does not come next: every letter names the number of the one before it. Who
does not know whether a letter has arrived looks at the last one that did, and goes on behind it.

This side of the bridge runs on asyncio, as the client of NATS does.
"""

import asyncio
import contextlib
import functools
import re
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import attrs
import nats
import nats.errors
import nats.js.errors
import trio_asyncio  # type: ignore[import-untyped]  # it comes without types
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType, StreamConfig

from adapters.relay.broker import BrokerError
from adapters.relay.letters import BEYOND, Letter, Place, place_of
from adapters.runtime.errors import CommandError

STREAM: Final = "verdict_topics"
POSITIONS: Final = "verdict_positions"
PREFIX: Final = "verdict"
SPELLED: Final = re.compile(r"[^A-Za-z0-9_-]")
PLACE: Final = "Verdict-Place"
SEQUENCE: Final = "Verdict-Sequence"
POSITION: Final = f"{POSITIONS}.{STREAM}"

CONNECT_SECONDS: Final = 2
ANSWER_SECONDS: Final = 5.0
REPLICAS: Final = 3
"""Where there are so many servers; with fewer, one."""
NOTED_EVERY: Final = 1.0
"""Seconds between two notes of the position, which are for a stream that has dropped its last letter."""


@attrs.define(eq=False)
class JetStream:
    """The streams of one relay, over one connection."""

    _client: Client
    _js: JetStreamContext
    _replicas: int
    _last: tuple[int, Place] = (0, Place(0, 0))
    """The number of the last letter in the stream, and a place up to which there is no other."""
    _noted: int = 0
    _noted_at: float = 0.0

    async def position(self, since: int) -> Place:
        self._last = await _answered(self._find_last(since))
        return self._last[1]

    async def send(self, letters: Sequence[Letter], reached: Place) -> None:
        await _answered(self._send(letters, reached))

    async def note(self, reached: Place) -> None:
        """Keep the position, now and then, where a stream that drops its last letter does not drop it."""
        self._last = self._last[0], reached
        if self._noted != self._last[0] and time.monotonic() - self._noted_at > NOTED_EVERY:
            self._noted_at = time.monotonic()
            await _answered(self._note(*self._last))

    async def _find_last(self, since: int) -> tuple[int, Place]:
        await self._make(POSITIONS, StreamConfig(subjects=[POSITION], max_msgs_per_subject=1))
        try:
            noted = await self._js.get_last_msg(POSITIONS, POSITION)
            note = (int(_header(noted, SEQUENCE)), place_of(_header(noted, PLACE)))
        except nats.js.errors.NotFoundError:
            note = (0, Place(since, BEYOND))
            await self._note(*note, first=True)
        await self._make(STREAM, StreamConfig(subjects=[f"{PREFIX}.*.*"]))
        sequence = (await self._js.stream_info(STREAM)).state.last_seq
        if sequence == note[0]:
            return note
        try:
            last = await self._js.get_msg(STREAM, sequence)
        except nats.js.errors.NotFoundError:
            raise CommandError(
                f"the stream {STREAM} has dropped its last letter, {sequence}, and nobody knows what it was: "
                f"delete the streams {STREAM} and {POSITIONS}, and begin anew with --from"
            ) from None
        return sequence, place_of(_header(last, PLACE))

    async def _make(self, name: str, config: StreamConfig) -> None:
        """What is there stays as its operator has set it up."""
        try:
            await self._js.stream_info(name)
        except nats.js.errors.NotFoundError:
            config.name = name
            config.storage = StorageType.FILE
            config.retention = RetentionPolicy.LIMITS
            config.num_replicas = self._replicas
            await self._js.add_stream(config)

    async def _send(self, letters: Sequence[Letter], reached: Place) -> None:
        """Only the last is answered: it is taken only if all before it were."""
        *others, last = letters
        number = self._last[0] + len(letters)
        for place, letter in enumerate(others, start=self._last[0] + 1):
            await self._client.publish(_subject(letter), letter.payload, headers=_headers(letter, place))
        taken = await self._js.publish(_subject(last), last.payload, headers=_headers(last, number))
        if taken.seq != number:
            raise BrokerError(f"letter {number} came to be number {taken.seq}")
        self._last = number, reached

    async def _note(self, sequence: int, place: Place, *, first: bool = False) -> None:
        headers = {SEQUENCE: str(sequence), PLACE: str(place)}
        if first:
            headers["Nats-Expected-Last-Subject-Sequence"] = "0"
        await self._js.publish(POSITION, headers=headers)
        self._noted = sequence


@contextlib.asynccontextmanager
async def connected(servers: Sequence[str]) -> AsyncIterator[JetStream]:
    """A connection to one of the servers, for as long as the body runs. Needs a loop of trio-asyncio."""

    async def heard(trouble: Exception) -> None:
        """What the client says of itself: whoever waits for an answer is told as well."""

    client = Client()
    await _answered(
        client.connect(
            list(servers),
            name="verdict relay",
            allow_reconnect=False,
            connect_timeout=CONNECT_SECONDS,
            error_cb=heard,
        )
    )
    try:
        replicas = REPLICAS if len(servers) >= REPLICAS else 1
        yield JetStream(client, client.jetstream(timeout=ANSWER_SECONDS), replicas)
    finally:
        with contextlib.suppress(Exception):
            await trio_asyncio.aio_as_trio(client.close)()


async def _answered(work: Any) -> Any:
    """What a piece of work on asyncio comes to, within a time; `BrokerError` if the broker fails."""

    async def within() -> Any:
        return await asyncio.wait_for(work, ANSWER_SECONDS)

    try:
        return await trio_asyncio.aio_as_trio(within)()
    except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError) as trouble:
        raise BrokerError(" ".join(str(trouble).split()) or type(trouble).__name__) from trouble


def _subject(letter: Letter) -> str:
    return f"{PREFIX}.{letter.topic}.{spelled(letter.market_id)}"


@functools.lru_cache(maxsize=1_024)
def spelled(market_id: str) -> str:
    """A market's id as one word of a subject: what brokers have other uses for is written as %2E."""
    return SPELLED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), market_id)


def _headers(letter: Letter, number: int) -> dict[str, str]:
    """Which letter it is, and that it must be the one behind the last."""
    return {
        "Nats-Msg-Id": letter.event_id,
        "Nats-Expected-Last-Sequence": str(number - 1),
        PLACE: str(letter.place),
    }


def _header(message: Any, name: str) -> str:
    try:
        return str(message.headers[name])
    except (KeyError, TypeError):
        raise CommandError(
            f"the stream {STREAM} has letters that no relay has sent: somebody else uses its subjects, "
            f"{PREFIX}.*.*"
        ) from None
