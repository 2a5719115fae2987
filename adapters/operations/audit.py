"""The audit on demand: every invariant, by name, from the state in memory and the record in the tables."""

from typing import Any, Final

from adapters.operations.operation import Reply
from adapters.service.aside import aside
from adapters.service.ledger_watch import LedgerWatch
from adapters.service.schedule import decode_violations, encode_violations
from adapters.service.server import Server, refused
from adapters.wire import render, responses
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


async def found_sound(server: Server, market: Market) -> int:
    """Look through a halted market and all accounts, in a copy of this process: it may take seconds.

    Returns how many breaker records there were; raises the refusal to resume the market if it is broken.
    """
    exchange = server.exchange
    recorded, head = exchange.breaker_head, exchange.head
    told = await aside(lambda: encode_violations(audit_halted(exchange, market)))
    if violations := decode_violations(told):
        raise refused(still_broken(violations), await server.wait_durable(head))
    return recorded


async def verify(server: Server) -> Reply[responses.InvariantsShape]:
    """Both halves are of the same exchange: as of one journal id, though the record is judged a moment later.

    The state is looked through in a copy of this process, for that may take seconds.
    """
    exchange = server.exchange
    violations: dict[str, list[dict[str, Any]]] = {}
    counted = {
        "markets": len(exchange.markets),
        "accounts": len(exchange.accounts),
        "orders": len(exchange.orders),
        "journal_id": exchange.head,
    }
    verified_at, head = render.time(server.clock.now()), exchange.head
    for violation in decode_violations(await aside(lambda: encode_violations(exchange.audit()))):
        violations.setdefault(violation.invariant, []).append(violation.told())
    await server.wait_durable(head)
    await server.wait_projected(head)
    for name, found in (await server.check_record()).items():
        violations.setdefault(name, []).extend(found)
    for violation in await LedgerWatch(server).look():
        violations.setdefault(violation.invariant, []).append(violation.told())
    checks = [
        responses.CheckShape(
            name,
            description,
            name not in violations,
            {
                "checked": {"tables": True, "journal_id": head} if name in OF_THE_RECORD else counted,
                "violations": violations.get(name, [])[:SHOWN],
                "violations_count": len(violations.get(name, [])),
            },
        )
        for name, description in (INVARIANTS | JOURNAL).items()
    ]
    return Reply(responses.InvariantsShape(verified_at, not violations, checks), journal_id=head)
