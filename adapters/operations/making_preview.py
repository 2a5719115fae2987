"""What a market-making order would quote if it ran now, by the function that workers ask, too."""

import msgspec

from adapters.operations.making import time_now
from adapters.operations.operation import Call, NoQuery, from_memory
from adapters.service.server import Server, refused
from adapters.wire.making_requests import MakingBody
from adapters.wire.making_responses import PreviewShape, WishedQuoteShape
from adapters.wire.status import RefusedError
from kernel.campaign_view import why_not
from kernel.codes import Code, Direction, MarketStatus, Side
from kernel.leases import levels
from kernel.making_commands import INTERNAL, CreateMmOrder
from kernel.making_payments import check_market
from kernel.making_refusals import not_joinable
from kernel.making_terms import check_configuration, invalid_configuration, resolved
from kernel.market import Market
from kernel.refusals import market_not_found
from makers.quoter.decide import decide
from makers.quoter.quotes import Quote
from makers.quoter.terms import Terms
from makers.quoter.view import View


@from_memory
def preview_mm_order(server: Server, call: Call[MakingBody, NoQuery]) -> PreviewShape:
    """The quotes that such an order would place now. It creates nothing."""
    command = call.body.to_command(call.user.user_id, server.clock, server.settings, None)
    market = server.exchange.markets.get(command.market_id)
    if command.venue != INTERNAL and not command.venue_rules.enabled:
        raise RefusedError(Code.FEATURE_DISABLED, "Making markets elsewhere is switched off")
    if command.venue != INTERNAL:
        problems = {"venue": "must be this exchange: what stands in other books it does not know"}
        raise refused(invalid_configuration(problems), call.durable)
    if (refusal := check_configuration(command, market)) is not None:
        raise refused(refusal, call.durable)
    if market is None or market.status is MarketStatus.DRAFT:
        raise refused(market_not_found(command.market_id), call.durable)
    if (refusal := check_market(market, command, time_now(server))) is not None:
        raise refused(refusal, call.durable)
    if command.campaign_id is not None:
        cash = command.required_cash_cents
        campaign = server.exchange.making.campaigns.get(command.campaign_id)
        problem = why_not(campaign, market.id, cash, command.terms, time_now(server))
        if problem is not None:
            raise refused(not_joinable(command.campaign_id, problem), call.durable)
    terms = msgspec.convert(msgspec.to_builtins(resolved(command.terms, command.required_cash_cents)), Terms)
    view = view_for(market, command)
    quotes = [change.quote for change in decide(terms, view).changes]
    buys = [quote for quote in quotes if quote.direction.value == Direction.BUY]
    return PreviewShape(
        [shown(quote) for quote in quotes], sum(view.cost(quote.price, quote.quantity) for quote in buys)
    )


def shown(quote: Quote) -> WishedQuoteShape:
    side, direction = Side(quote.outcome.value), Direction(quote.direction.value)
    return WishedQuoteShape(side, direction, quote.price, quote.quantity, quote.level)


def view_for(market: Market, command: CreateMmOrder) -> View:
    """The market as it is, and an order that has just been paid."""
    terms, cash = market.terms, command.required_cash_cents
    held = market.owners.get(command.user_id, ())
    shares = {Side.YES: command.required_yes_shares, Side.NO: command.required_no_shares}
    room = {
        side: max(
            0,
            terms.max_position_per_user
            - sum(each.holding(side).volume + each.holding(side).opening for each in held),
        )
        for side in Side
    }
    return msgspec.convert(
        {
            "cash_cents": cash - (cash * command.policy.service_fee_bps + 9_999) // 10_000,
            **{side.lower(): {"volume": shares[side], "free": shares[side]} for side in Side},
            "room": {side.lower(): room[side] for side in Side},
            "orders": [],
            "market": {
                "id": market.id,
                "min_price_cents": terms.min_price_cents,
                "max_price_cents": terms.max_price_cents,
                "max_order_quantity": terms.max_order_quantity,
                "max_order_amount_cents": terms.max_order_amount_cents,
                "freeze_bps": market.freeze_bps,
            },
            "book": {"bids": levels(market, is_bid=True), "asks": levels(market, is_bid=False)},
            "last_trade_price_cents": market.last_trade_price,
        },
        View,
    )
