"""The audit on demand: every invariant, by name, from the state in memory and the record in the tables."""

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import msgspec

from adapters.operations.operation import Reply
from adapters.service.aside import aside
from adapters.service.ledger_watch import LedgerWatch
from adapters.service.server import Server, refused
from adapters.wire import render, responses
from kernel.answers import Refusal
from kernel.audit import INVARIANTS
from kernel.markets import audit_halted, still_broken
from kernel.state import Market

SHOWN: Final = 20
"""Violations of one invariant that are told one by one."""

JOURNAL: Final = {
    "journal_contiguous": "journal ids are 1, 2, 3, ... and none is missing",
}
OF_THE_RECORD: Final = {
    "ledger_chain",
    "ledger_double_entry",
    "fee_account",
    "trades_sum",
    "pnl_sum",
    "journal_contiguous",
}
"""What the state alone cannot show: judged from ledger, trades and journal."""


class Seen(msgspec.Struct):
    """What a copy of the exchange shows, and of which moment it is."""

    journal_id: int
    at: int
    counted: dict[str, int]
    violations: dict[str, list[dict[str, Any]]]
    """By invariant, the first of them."""
    counts: dict[str, int]
    """By invariant, how many there are."""

    def add(self, invariant: str, violations: Iterable[dict[str, Any]]) -> None:
        shown = self.violations.setdefault(invariant, [])
        for violation in violations:
            self.counts[invariant] = self.counts.get(invariant, 0) + 1
            if len(shown) < SHOWN:
                shown.append(violation)


encode: Final = msgspec.json.Encoder().encode
decode_seen: Final = msgspec.json.Decoder(Seen).decode
decode_doubt: Final = msgspec.json.Decoder(tuple[int, int, Refusal | None]).decode


async def found_sound(server: Server, market: Market) -> int:
    """Look through a halted market and all accounts, in a copy of this process: it may take seconds.

    Returns how many breaker records there were; raises the refusal to resume the market if it is broken.
    """
    exchange = server.exchange

    def look() -> bytes:
        violations = audit_halted(exchange, market)
        return encode(
            (exchange.breaker_head, exchange.head, still_broken(violations) if violations else None)
        )

    recorded, head, refusal = decode_doubt(await aside(look))
    if refusal is not None:
        raise refused(refusal, await server.wait_durable(head))
    return recorded


async def verify(server: Server) -> Reply[responses.InvariantsShape]:
    """What holds, and what does not, as of a moment after this was asked.

    It takes seconds and much memory, so it is done for one at a time; whoever asks meanwhile gets what the
    next one finds, together with all others who do.
    """
    reply: Reply[responses.InvariantsShape] = await server.verifying.result_of(partial(_verify, server))
    return reply


async def _verify(server: Server) -> Reply[responses.InvariantsShape]:
    """Both halves are as of one journal id, though the record is judged a moment later."""
    seen = decode_seen(await aside(lambda: encode(look_at_everything(server))))
    head = seen.journal_id
    await server.wait_durable(head)
    await server.wait_projected(head)
    for name, found in (await server.check_record()).items():
        seen.add(name, found)
    for violation in await LedgerWatch(server).look():
        seen.add(violation.invariant, [violation.told()])
    checks = [
        responses.CheckShape(
            name,
            description,
            name not in seen.counts,
            {
                "checked": {"tables": True, "journal_id": head} if name in OF_THE_RECORD else seen.counted,
                "violations": seen.violations.get(name, []),
                "violations_count": seen.counts.get(name, 0),
            },
        )
        for name, description in (INVARIANTS | JOURNAL).items()
    ]
    return Reply(responses.InvariantsShape(render.time(seen.at), not seen.counts, checks), journal_id=head)


def look_at_everything(server: Server) -> Seen:
    exchange = server.exchange
    counted = {
        "markets": len(exchange.markets),
        "accounts": len(exchange.accounts),
        "orders": len(exchange.orders),
        "journal_id": exchange.head,
    }
    seen = Seen(exchange.head, server.clock.now(), counted, {}, {})
    for violation in exchange.audit():
        seen.add(violation.invariant, [violation.told()])
    return seen
