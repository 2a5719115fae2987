"""The audit on demand: checks every invariant against the state in memory and the tables."""

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import msgspec

from adapters.operations.operation import Reply
from adapters.service.child_process import in_child
from adapters.service.ledger_watch import LedgerWatch
from adapters.service.server import Server, refused
from adapters.wire import admin_responses, render
from kernel.answers import Refusal
from kernel.invariants import INVARIANTS
from kernel.market import Market
from kernel.markets import audit_halted, still_broken

SHOWN: Final = 20
"""Violations of one invariant that are listed, at most."""

JOURNAL: Final = {
    "journal_contiguous": "journal ids are 1, 2, 3, ... and none is missing",
}
IN_TABLES: Final = {
    "ledger_chain",
    "ledger_double_entry",
    "fee_account",
    "trades_sum",
    "pnl_sum",
    "journal_contiguous",
}
"""Invariants that the state alone cannot show: checked in ledger, trades and journal."""


class Findings(msgspec.Struct):
    """What the audit of the state found, and as of which journal id."""

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
decode_findings: Final = msgspec.json.Decoder(Findings).decode
decode_halted: Final = msgspec.json.Decoder(tuple[int, int, Refusal | None]).decode


async def audit_halted_market(server: Server, market: Market) -> int:
    """Audit a halted market and all accounts in a child process, which may take seconds.

    Returns how many breaker records there were then; raises RefusedError if the audit finds a violation.
    """
    exchange = server.exchange

    def look() -> bytes:
        violations = audit_halted(exchange, market)
        return encode(
            (exchange.breaker_head, exchange.head, still_broken(violations) if violations else None)
        )

    breakers, head, refusal = decode_halted(await in_child(look))
    if refusal is not None:
        raise refused(refusal, await server.wait_durable(head))
    return breakers


async def verify(server: Server) -> Reply[admin_responses.InvariantsShape]:
    """Check every invariant, as of a moment after the call.

    This takes seconds and much memory, so one audit runs at a time; callers who come
    meanwhile share the next one.
    """
    reply: Reply[admin_responses.InvariantsShape] = await server.verifying.result_of(partial(_verify, server))
    return reply


async def _verify(server: Server) -> Reply[admin_responses.InvariantsShape]:
    """Both parts are as of the same journal id, though the tables are checked a moment later."""
    findings = decode_findings(await in_child(lambda: encode(audit_state(server))))
    head = findings.journal_id
    await server.wait_durable(head)
    await server.wait_projected(head)
    for name, found in (await server.check_record()).items():
        findings.add(name, found)
    for violation in await LedgerWatch(server).look():
        findings.add(violation.invariant, [violation.told()])
    checks = [
        admin_responses.CheckShape(
            name,
            description,
            name not in findings.counts,
            {
                "checked": {"tables": True, "journal_id": head} if name in IN_TABLES else findings.counted,
                "violations": findings.violations.get(name, []),
                "violations_count": findings.counts.get(name, 0),
            },
        )
        for name, description in (INVARIANTS | JOURNAL).items()
    ]
    return Reply(
        admin_responses.InvariantsShape(render.time(findings.at), not findings.counts, checks),
        journal_id=head,
    )


def audit_state(server: Server) -> Findings:
    exchange = server.exchange
    counted = {
        "markets": len(exchange.markets),
        "accounts": len(exchange.accounts),
        "orders": len(exchange.orders),
        "journal_id": exchange.head,
    }
    findings = Findings(exchange.head, server.clock.now(), counted, {}, {})
    for violation in exchange.audit():
        findings.add(violation.invariant, [violation.told()])
    return findings
