"""The exchange's REST API as far as the market maker asks it: what should run, and what was booked.

It knows paths, envelopes and what an answer without success means; it decides nothing.
"""

from typing import Any, Generic, TypeVar

import attrs
import httpx
import msgspec

from amm.brain.arithmetic import Cents, Shares
from amm.brain.polled import UNNAMED
from amm.brain.quoting.inventory import Fill, Leg
from amm.brain.quoting.ladder import Side
from amm.brain.wire import AmmMarket, Balance, Market, Order, Position
from amm.live.credentials import Credentials

T = TypeVar("T")

PAGE = 100
NO_TRADE = "TRD_0"
TIMEOUT_SECONDS = 10.0


class UnreachableError(Exception):
    """Nobody answers, or not in the way an exchange does."""


class NotUsableError(UnreachableError):
    """Something answers that is not an exchange; waiting would not help."""


@attrs.frozen
class RefusedError(Exception):
    """The exchange answered with a refusal."""

    status: int
    code: int
    message: str
    data: bytes = b"null"
    seq: int = 0

    def __str__(self) -> str:
        return f"{self.message} (code {self.code})"


class Envelope(msgspec.Struct, frozen=True):
    code: int
    message: str
    data: msgspec.Raw


class AmmMarkets(msgspec.Struct, frozen=True):
    items: list[AmmMarket]


class LedgerEntry(msgspec.Struct, frozen=True):
    id: int
    amount_cents: Cents
    created_at: str
    reference_type: str | None = None
    reference_id: str | None = None


class LedgerPage(msgspec.Struct, frozen=True):
    items: list[LedgerEntry]
    next_cursor: str | None = None


class OwnTrade(msgspec.Struct, frozen=True):
    """A trade of ours as its list tells it: without the order, but with all that books it."""

    trade_id: str
    market_id: str
    my_side: str
    """Of the book: BUY, SELL, or BOTH where we met ourselves."""
    price_cents: Cents
    quantity: Shares
    role: str
    fee_cents: Cents
    executed_at: str

    def fill(self) -> Fill:
        sides = {"SELL": (Side.ASK,), "BUY": (Side.BID,), "BOTH": (Side.ASK, Side.BID)}[self.my_side]
        fees = (self.fee_cents, 0)
        return Fill(
            self.trade_id,
            tuple(
                Leg(side, UNNAMED, side.own_price(self.price_cents), self.quantity, fee, self.role == "TAKER")
                for side, fee in zip(sides, fees, strict=False)
            ),
        )


class PublicTrade(msgspec.Struct, frozen=True):
    trade_id: str
    price_cents: Cents
    quantity: Shares
    aggressor_side: str

    @property
    def taker_buys(self) -> bool:
        return self.aggressor_side == "BUY"


class Page(msgspec.Struct, Generic[T], frozen=True):
    items: list[T]
    next_cursor: str | None = None


class AccountBalance(msgspec.Struct, frozen=True):
    total_balance_cents: Cents


class FreshToken(msgspec.Struct, frozen=True):
    service_token: str


@attrs.frozen
class ExchangeClient:
    """The exchange over HTTP, as one principal."""

    http: httpx.AsyncClient
    credentials: Credentials

    async def amm_markets(self) -> list[AmmMarket]:
        answer, _seq = await self._ask(AmmMarkets, "GET", "/amm/markets")
        return answer.items

    async def market(self, market_id: str) -> Market:
        answer, _seq = await self._ask(Market, "GET", f"/markets/{market_id}")
        return answer

    async def latest_trade(self) -> str:
        """The id of our newest trade, or one that is older than any."""
        page, _seq = await self._ask(Page[OwnTrade], "GET", "/trades", params={"limit": "1"})
        return page.items[0].trade_id if page.items else NO_TRADE

    async def own_trades(self, since: str | None) -> tuple[Page[OwnTrade], int]:
        """Our trades in all markets after one, oldest first."""
        parameters = {"since": since or NO_TRADE, "limit": str(PAGE)}
        return await self._ask(Page[OwnTrade], "GET", "/trades", params=parameters)

    async def trades_back(self, market_id: str, cursor: str | None) -> Page[OwnTrade]:
        """A page of our trades in one market, newest first."""
        parameters = {"market_id": market_id, "limit": str(PAGE)}
        if cursor is not None:
            parameters["cursor"] = cursor
        page, _seq = await self._ask(Page[OwnTrade], "GET", "/trades", params=parameters)
        return page

    async def public_trades(self, market_id: str) -> list[PublicTrade]:
        """Everybody's last trades in a market, newest first."""
        path, parameters = f"/markets/{market_id}/trades", {"limit": str(PAGE)}
        page, _seq = await self._ask(Page[PublicTrade], "GET", path, params=parameters)
        return page.items

    async def open_orders(self, market_id: str) -> list[Order]:
        """Our orders that rest; the ladder has fewer than a page."""
        parameters = {"market_id": market_id, "limit": str(PAGE), "status": "OPEN,PARTIALLY_FILLED"}
        page, _seq = await self._ask(Page[Order], "GET", "/orders", params=parameters)
        return page.items

    async def position(self, market_id: str) -> Position:
        position, _seq = await self._ask(Position, "GET", f"/positions/{market_id}")
        return position

    async def balance(self) -> Balance:
        balance, _seq = await self._ask(Balance, "GET", "/account/balance")
        return balance

    async def command(self, kind: type[T], path: str, body: dict[str, Any]) -> tuple[T, int]:
        return await self._ask(kind, "POST", path, json=body)

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
        headers = self.credentials.headers if token is None else {"Authorization": f"Bearer {token}"}
        try:
            response = await self.http.request(method, f"/api/v1{path}", headers=headers, **how)
        except httpx.HTTPError as trouble:
            raise UnreachableError(f"{type(trouble).__name__}: {trouble}") from None
        try:
            envelope = msgspec.json.decode(response.content, type=Envelope)
            seq = int(response.headers.get("X-Journal-Id", "0"))
            if envelope.code != 0:
                raise RefusedError(
                    response.status_code, envelope.code, envelope.message, bytes(envelope.data), seq
                )
            return msgspec.json.decode(envelope.data, type=kind), seq
        except msgspec.MsgspecError as trouble:
            raise NotUsableError(
                f"{response.url} does not answer like an exchange: {trouble} (status {response.status_code})"
            ) from None
