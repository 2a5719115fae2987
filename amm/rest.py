"""The exchange's REST API as far as the market maker asks it: what should run, and what was booked.

It knows paths, envelopes and what an answer without success means; it decides nothing.
"""

from typing import Any, TypeVar

import attrs
import httpx
import msgspec

from amm.arithmetic import Cents
from amm.credentials import Credentials
from amm.wire import AmmMarket, Market

T = TypeVar("T")

PAGE = 100
TIMEOUT_SECONDS = 10.0


class UnreachableError(Exception):
    """Nobody answers, or not in the way an exchange does."""


class NotUsableError(UnreachableError):
    """What answers is no exchange: waiting would not mend that."""


@attrs.frozen
class RefusedError(Exception):
    """The exchange answered, and the answer is no."""

    status: int
    code: int
    message: str

    def __str__(self) -> str:
        return f"{self.message} (code {self.code})"


class Envelope(msgspec.Struct, frozen=True):
    code: int
    message: str
    data: msgspec.Raw


class Markets(msgspec.Struct, frozen=True):
    items: list[AmmMarket]


class LedgerEntry(msgspec.Struct, frozen=True):
    id: int
    amount_cents: Cents
    reference_id: str | None = None


class LedgerPage(msgspec.Struct, frozen=True):
    items: list[LedgerEntry]
    next_cursor: str | None = None


class AccountBalance(msgspec.Struct, frozen=True):
    total_balance_cents: Cents


class FreshToken(msgspec.Struct, frozen=True):
    service_token: str


@attrs.frozen
class Exchange:
    """The exchange over HTTP, as one principal."""

    http: httpx.AsyncClient
    credentials: Credentials

    async def amm_markets(self) -> list[AmmMarket]:
        answer, _seq = await self._ask(Markets, "GET", "/amm/markets")
        return answer.items

    async def market(self, market_id: str) -> Market:
        answer, _seq = await self._ask(Market, "GET", f"/markets/{market_id}")
        return answer

    async def account_total(self) -> tuple[Cents, int]:
        """The account's cash, free and frozen, and the journal id that it stands for."""
        answer, seq = await self._ask(AccountBalance, "GET", "/account/balance")
        return answer.total_balance_cents, seq

    async def ledger(self, market_id: str, cursor: str | None) -> tuple[LedgerPage, int]:
        """A page of the account's ledger in one market, newest first."""
        parameters = {"market_id": market_id, "limit": str(PAGE)}
        if cursor is not None:
            parameters["cursor"] = cursor
        return await self._ask(LedgerPage, "GET", "/account/ledger", params=parameters)

    async def batch_cancel(self, market_id: str) -> None:
        await self._ask(dict[str, Any], "POST", "/amm/orders/batch-cancel", json={"market_id": market_id})

    async def renew_token(self) -> str:
        answer, _seq = await self._ask(FreshToken, "POST", "/amm/token/renew")
        return answer.service_token

    async def is_administrator(self, token: str, market_id: str) -> bool:
        """Whether the exchange takes the holder of `token` for an administrator."""
        try:
            await self._ask(dict[str, Any], "GET", f"/admin/markets/{market_id}/stats", token=token)
        except RefusedError as refusal:
            if refusal.status in (401, 403):
                return False
            raise
        return True

    async def _ask(
        self, kind: type[T], method: str, path: str, token: str | None = None, **how: Any
    ) -> tuple[T, int]:
        headers = {"Authorization": f"Bearer {token or self.credentials.token}"}
        try:
            response = await self.http.request(method, f"/api/v1{path}", headers=headers, **how)
        except httpx.HTTPError as trouble:
            raise UnreachableError(f"{type(trouble).__name__}: {trouble}") from None
        try:
            envelope = msgspec.json.decode(response.content, type=Envelope)
            if envelope.code != 0:
                raise RefusedError(response.status_code, envelope.code, envelope.message)
            seq = int(response.headers.get("X-Journal-Id", "0"))
            return msgspec.json.decode(envelope.data, type=kind), seq
        except msgspec.MsgspecError as trouble:
            raise NotUsableError(
                f"{response.url} does not answer like an exchange: {trouble} (status {response.status_code})"
            ) from None
