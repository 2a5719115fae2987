"""What only the market maker may do: mint and burn pairs without a counterparty; and its start and stop."""

import msgspec

from kernel.accounts import check_money, pay_in
from kernel.answers import AmmRunning, AmmStoppedNow, Answer, Burned, MarketIs, Minted, Refusal, Unfinished
from kernel.breaker import trip_unsound
from kernel.cancelling import cancel_some
from kernel.clearing import change_pairs
from kernel.codes import (
    AMM_ID,
    PAIR_CENTS,
    AdminAction,
    AmmStatus,
    AmmStopCause,
    CancelReason,
    Code,
    DepositCause,
    KeyKind,
    LedgerEntryType,
    MarketStatus,
    Side,
    StopMode,
    TradingMode,
)
from kernel.commands import AuthorizeAmm, BurnShares, CancelledSoFar, MintShares, StartAmm, StopAmm
from kernel.deadlines import check_deadline
from kernel.draft import Draft
from kernel.events import AmmStarted, AmmStopped, AuditTrade, MarketAmmAuthorized, SharesBurned, SharesMinted
from kernel.fence import check_fence
from kernel.ids import snowflake, uuid7
from kernel.limits import BUDGET_MAX, MINT_MAX, START_KEY_PREFIX, VOLUME_MAX
from kernel.market import Account, Market, Position
from kernel.money import post
from kernel.past import KeyUse
from kernel.proposals import confirm, wait_for_second
from kernel.question import AmmRun
from kernel.refusals import (
    amm_only,
    insufficient_balance,
    insufficient_shares,
    malformed,
    market_not_found,
    market_not_open,
    not_in_this_mode,
    too_many_shares,
)


def mint_shares(draft: Draft, command: MintShares) -> Answer | Refusal:
    state = draft.state
    account = state.traders.get(command.user_id)
    if account is None or not account.is_amm:
        return amm_only()
    if (refusal := check_request(command)) is not None:
        return refusal
    earlier = state.keys.get(KeyKind.MINT, command.idempotency_key)
    if earlier is not None:
        if not (earlier.market_id == command.market_id and earlier.quantity == command.quantity):
            return key_used(command.idempotency_key)
        return minted(earlier, repeated=True)
    if (refusal := check_deadline(command, draft.at)) is not None:
        return refusal
    market = trading_market(draft, command.market_id)
    if isinstance(market, Refusal):
        return market
    if market.trading_mode is TradingMode.CANCEL_ONLY:
        return not_in_this_mode(market)
    if not market.amm_authorized:
        return not_authorized(market)
    if (refusal := check_volume(market, account, command.quantity)) is not None:
        return refusal
    if account.available < PAIR_CENTS * command.quantity:
        return insufficient_balance(PAIR_CENTS * command.quantity, account.available)
    # Nothing above has changed anything. Nothing below can refuse.
    return minted(
        mint_pairs(draft, market, account, command.quantity, command.idempotency_key, command.nonce)
    )


def mint_pairs(draft: Draft, market: Market, account: Account, quantity: int, key: str, nonce: int) -> KeyUse:
    """Each pair costs its 100 cents: 50 for the YES share and 50 for the NO."""
    position = market.position(account)
    cost = PAIR_CENTS * quantity
    post(draft, account, LedgerEntryType.MINT_COST, -cost)
    change_pairs(draft, market, quantity, LedgerEntryType.MINT_RESERVE_IN)
    for holding in (position.yes, position.no):
        holding.volume += quantity
        holding.cost_sum += cost // 2
    position.updated_at = market.updated_at = draft.at
    ledger_id, postings = draft.take_postings()
    event = SharesMinted(
        user_id=account.id,
        quantity=quantity,
        cost_cents=cost,
        idempotency_key=key,
        new_yes_inventory=position.yes.volume,
        new_no_inventory=position.no.volume,
        remaining_balance_cents=account.available,
        trade=audit_trade(draft, nonce, None),
        ledger_id=ledger_id,
        postings=postings,
        positions=[position.after()],
        market=market.after(),
    )
    return draft.state.keep_key(draft.record(market.id, event))


def burn_shares(draft: Draft, command: BurnShares) -> Answer | Refusal:
    """Needs no authorisation: giving cash back is always safe."""
    state = draft.state
    account = state.traders.get(command.user_id)
    if account is None or not (account.is_amm or account.is_escrow):
        return amm_only()
    if (refusal := check_fence(account, command, draft.at) or check_request(command)) is not None:
        return refusal
    earlier = state.keys.get(KeyKind.BURN, command.idempotency_key)
    if earlier is not None:
        if not (
            earlier.market_id == command.market_id
            and earlier.quantity == command.quantity
            and earlier.user_id == account.id
        ):
            return key_used(command.idempotency_key)
        return burned(earlier, repeated=True)
    if (refusal := check_deadline(command, draft.at)) is not None:
        return refusal
    market = trading_market(draft, command.market_id)
    if isinstance(market, Refusal):
        return market
    position = market.positions.get(account.id)
    if position is None or position.yes.free < command.quantity:
        return insufficient_shares(Side.YES, command.quantity, position.yes.free if position else 0)
    if position.no.free < command.quantity:
        return insufficient_shares(Side.NO, command.quantity, position.no.free)
    # Nothing above has changed anything. Nothing below can refuse.
    return burned(burn_pairs(draft, position, command.quantity, command.idempotency_key, command.nonce))


def burn_pairs(draft: Draft, position: Position, quantity: int, key: str, nonce: int) -> KeyUse:
    """Each pair brings its 100 cents out of the reserve."""
    market, account, cents = position.market, position.account, PAIR_CENTS * quantity
    yes_cost, no_cost = position.yes.take(quantity), position.no.take(quantity)
    market.pnl_pool += cents - yes_cost - no_cost
    position.realized_pnl += cents - yes_cost - no_cost
    post(draft, account, LedgerEntryType.BURN_REVENUE, cents)
    change_pairs(draft, market, -quantity, LedgerEntryType.BURN_RESERVE_OUT)
    position.updated_at = market.updated_at = draft.at
    ledger_id, postings = draft.take_postings()
    event = SharesBurned(
        user_id=account.id,
        quantity=quantity,
        recovered_cents=cents,
        idempotency_key=key,
        yes_cost_released=yes_cost,
        no_cost_released=no_cost,
        new_yes_inventory=position.yes.volume,
        new_no_inventory=position.no.volume,
        remaining_balance_cents=account.available,
        trade=audit_trade(draft, nonce, cents - yes_cost - no_cost),
        ledger_id=ledger_id,
        postings=postings,
        positions=[position.after()],
        market=market.after(),
    )
    return draft.state.keep_key(draft.record(market.id, event))


def trading_market(draft: Draft, market_id: str) -> Market | Refusal:
    """The market, if pairs may come to be and cease in it now."""
    market = draft.state.markets.get(market_id)
    if market is None or market.status is MarketStatus.DRAFT:
        return market_not_found(market_id)
    if not market.is_trading(draft.at):
        return market_not_open(market)
    return market if market.is_sound() else trip_unsound(draft, market)


def audit_trade(draft: Draft, nonce: int, realized_pnl: int | None) -> AuditTrade:
    """An id of its own from the same sequences as trades and orders, so that lists stay in order."""
    state = draft.state
    state.trade_ids.step(draft.at)
    state.order_ids.step(draft.at)
    return AuditTrade(snowflake(state.trade_ids), uuid7(state.order_ids, nonce), realized_pnl)


def check_request(command: MintShares | BurnShares) -> Refusal | None:
    if not 1 <= command.quantity <= MINT_MAX:
        return malformed("quantity", f"must be 1 to {MINT_MAX}")
    if command.idempotency_key.startswith(START_KEY_PREFIX):
        return malformed("idempotency_key", f"must not begin with {START_KEY_PREFIX}")
    return None


def check_volume(market: Market, account: Account, quantity: int) -> Refusal | None:
    """Volumes fit 31 bits, also when every open buy should fill."""
    most = max(market.most_of(account, side) for side in Side)
    return too_many_shares(most, quantity) if most + quantity > VOLUME_MAX else None


def minted(use: KeyUse, *, repeated: bool = False) -> Minted:
    return Minted(*moved(use), repeated)


def burned(use: KeyUse, *, repeated: bool = False) -> Burned:
    return Burned(*moved(use), repeated)


def moved(use: KeyUse) -> tuple[str, int, int, int, int, int]:
    """What is told of pairs that came to be or ceased."""
    assert use.market_id is not None
    return use.market_id, use.quantity, use.cents, use.yes_volume, use.no_volume, use.balance


def key_used(key: str) -> Refusal:
    return Refusal(Code.IDEMPOTENCY_KEY_USED, f"idempotency_key {key} was used with a different request")


def not_authorized(market: Market) -> Refusal:
    return Refusal(Code.AMM_NOT_AUTHORIZED, f"Market {market.id} is not authorised for the market maker")


# Start and stop: a record for the market maker and for administrators; trading does not depend on it


def start_amm(draft: Draft, command: StartAmm) -> Answer | Refusal:
    """Half of the budget becomes pairs, half stays cash: a maker without cash could not bid."""
    state = draft.state
    if not 1 <= command.initial_budget <= BUDGET_MAX:
        return malformed("initial_budget_cents", f"must be 1 to {BUDGET_MAX}")
    if not 1 <= command.initial_price <= 99:
        return malformed("initial_price_cents", "must be 1 to 99")
    market = state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if not market.is_trading(draft.at):
        return market_not_open(market)
    if not market.is_sound():
        return trip_unsound(draft, market)
    if not market.amm_authorized:
        return not_authorized(market)
    if market.amm is not None and market.amm.status is AmmStatus.RUNNING:
        return Refusal(Code.AMM_RUNNING, f"The market maker is running in {market.id} already")
    account = state.accounts[AMM_ID]
    pairs = command.initial_budget // (2 * PAIR_CENTS)
    refusal = check_volume(market, account, pairs) or check_money(draft, command.initial_budget)
    if refusal is not None:
        return refusal
    request = {
        "initial_budget_cents": command.initial_budget,
        "initial_price_cents": command.initial_price,
        "config_override": command.config_override,
    }
    if (waits := wait_for_second(draft, market, command, AdminAction.AMM_START, request)) is not None:
        return waits
    # Nothing above has changed anything. Nothing below can refuse.
    confirm(draft, market, command, AdminAction.AMM_START)
    start_count = market.amm.start_count + 1 if market.amm is not None else 1
    pay_in(draft, account, command.initial_budget, DepositCause.AMM_START)
    if pairs:
        mint_pairs(
            draft, market, account, pairs, f"{START_KEY_PREFIX}{market.id}_{start_count}", command.nonce
        )
    market.amm = AmmRun(
        AmmStatus.RUNNING,
        start_count,
        command.initial_budget,
        command.initial_price,
        command.config_override,
        first_started_at=market.amm.first_started_at if market.amm is not None else draft.at,
        started_at=draft.at,
    )
    draft.record(
        market.id,
        AmmStarted(
            start_count=start_count,
            initial_budget_cents=command.initial_budget,
            initial_price_cents=command.initial_price,
            initial_mint_quantity=pairs,
            config_override=command.config_override,
            by=command.by,
        ),
    )
    return AmmRunning(market.id, command.initial_budget, pairs, draft.at)


def stop_amm(draft: Draft, command: StopAmm) -> Answer | Refusal:
    """Its orders are cancelled in either mode; the mode only tells the bot how to leave."""
    state = draft.state
    market = state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if market.amm is None or market.amm.status is not AmmStatus.RUNNING:
        return Refusal(Code.AMM_NOT_RUNNING, f"The market maker is not running in {market.id}")
    # Nothing above has changed anything. Nothing below can refuse.
    account = state.accounts[AMM_ID]
    so_far, is_all = command.so_far or CancelledSoFar(state.head), True
    if market.status is not MarketStatus.HALTED:
        so_far, is_all = cancel_some(draft, market, account.id, CancelReason.AMM_STOPPED, so_far)
    if not is_all:
        return Unfinished(msgspec.structs.replace(command, so_far=so_far))
    record_stop(draft, market, command.stop_mode, AmmStopCause.ADMIN, so_far.orders, command.by)
    position = market.positions.get(account.id)
    return AmmStoppedNow(
        market.id,
        command.stop_mode,
        so_far.orders,
        position.yes.volume if position else 0,
        position.no.volume if position else 0,
        account.available,
        draft.at,
    )


def record_stop(
    draft: Draft,
    market: Market,
    stop_mode: StopMode | None,
    cause: AmmStopCause,
    cancelled: int,
    by: str | None,
) -> None:
    assert market.amm is not None
    market.amm.stop(draft.at, stop_mode)
    draft.record(
        market.id, AmmStopped(stop_mode=stop_mode, cause=cause, cancelled_orders_count=cancelled, by=by)
    )


def authorize_amm(draft: Draft, command: AuthorizeAmm) -> Answer | Refusal:
    """Setting it to what it is changes nothing and records nothing."""
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    # Nothing above has changed anything. Nothing below can refuse.
    if market.amm_authorized != command.authorized:
        market.amm_authorized = command.authorized
        market.updated_at = draft.at
        draft.record(market.id, MarketAmmAuthorized(amm_authorized=command.authorized, by=command.by))
    return MarketIs(market.id)
