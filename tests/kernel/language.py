"""What the lines of a scenario mean: a pattern for each thing one can do, and the command it stands for."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.codes import (
    AMM_ID,
    CancelScope,
    Direction,
    MarketStatus,
    ReferenceType,
    SelfTradeMode,
    Side,
    StopMode,
    TimeInForce,
)
from kernel.commands import (
    ActivateMarket,
    AmendByClientId,
    AnyCommand,
    BatchCancel,
    BurnShares,
    CancelAll,
    CancelByClientId,
    Deposit,
    HaltMarket,
    MintShares,
    PlaceOrder,
    ReplaceOrder,
    ResolveMarket,
    ResumeMarket,
    SettleMarket,
    StartAmm,
    StopAmm,
    SuspendMarket,
    TransferFunds,
    TransferShares,
    VoidMarket,
    Withdraw,
)

if TYPE_CHECKING:
    from tests.kernel.trading import Trading


def user(name: str) -> str:
    """Everybody's name is their id, but for the market maker."""
    return AMM_ID if name == "AMM" else name


def command(market: "Trading", line: str) -> AnyCommand:
    """The wish that a line puts into words."""
    for pattern, build in GRAMMAR:
        if (match := re.fullmatch(pattern, line)) is not None:
            return build(market, {name: word for name, word in match.groupdict().items() if word is not None})
    raise AssertionError(f"nobody understands {line!r}")


def place(market: "Trading", words: dict[str, str]) -> AnyCommand:
    return market.wish(
        words["who"],
        Side(words["side"]),
        direction(words),
        price=int(words["price"]),
        quantity=int(words["quantity"]),
        client_order_id=words.get("name"),
        market_id=words.get("market", "M"),
        time_in_force=TimeInForce(words.get("tif", "GTD" if "lasts" in words else "GTC")),
        expires_at=market.now + 1_000_000 * int(words["lasts"]) if "lasts" in words else None,
        post_only="post" in words,
        max_cost_cents=int(words["cap"]) if "cap" in words else None,
        self_trade_mode=SelfTradeMode(words.get("mode", "REJECT")),
        fence=fence(words),
    )


def replace(market: "Trading", words: dict[str, str]) -> AnyCommand:
    wish = place(market, words)
    assert isinstance(wish, PlaceOrder)
    return ReplaceOrder(
        **msgspec.structs.asdict(wish), old_order_id=market.order(words["who"], words["old"]).id
    )


def direction(words: dict[str, str]) -> Direction:
    return Direction.BUY if words["verb"].startswith("buy") else Direction.SELL


def fence(words: dict[str, str]) -> int | None:
    return int(words["fence"]) if "fence" in words else None


def cancel(market: "Trading", words: dict[str, str]) -> AnyCommand:
    return CancelByClientId(
        at=market.now,
        user_id=user(words["who"]),
        market_id=words.get("market", "M"),
        client_order_id=words["name"],
        fence=fence(words),
    )


def amend(market: "Trading", words: dict[str, str]) -> AnyCommand:
    return AmendByClientId(
        at=market.now,
        user_id=user(words["who"]),
        market_id=words.get("market", "M"),
        client_order_id=words["name"],
        price=int(words["price"]) if "price" in words else None,
        quantity=int(words["quantity"]) if "quantity" in words else None,
        post_only="only" in words,
        fence=fence(words),
    )


def batch_cancel(market: "Trading", words: dict[str, str]) -> AnyCommand:
    scope = {"everything": CancelScope.ALL, "buys": CancelScope.BUY_ONLY, "sells": CancelScope.SELL_ONLY}
    return BatchCancel(
        at=market.now,
        user_id=user(words["who"]),
        market_id=words.get("market", "M"),
        scope=scope[words["scope"]],
        fence=fence(words),
    )


def cancel_all(market: "Trading", words: dict[str, str]) -> AnyCommand:
    return CancelAll(
        at=market.now,
        user_id=user(words["who"]),
        market_id=words.get("market", "M"),
        side=Side(words["side"]) if "side" in words else None,
        direction=direction(words) if "verb" in words else None,
        fence=fence(words),
    )


def mint_or_burn(market: "Trading", words: dict[str, str]) -> AnyCommand:
    market.nonce += 1
    members: dict[str, Any] = {
        "at": market.now,
        "user_id": user(words["who"]),
        "market_id": words.get("market", "M"),
        "quantity": int(words["quantity"]),
        "idempotency_key": words.get("key", f"key-{market.nonce}"),
        "nonce": market.nonce,
    }
    return MintShares(**members) if words["verb"] == "mints" else BurnShares(**members, fence=fence(words))


def cash(market: "Trading", words: dict[str, str]) -> AnyCommand:
    kind = Deposit if words["verb"] == "deposits" else Withdraw
    return kind(at=market.now, user_id=user(words["who"]), amount=int(words["quantity"]))


def transfer(market: "Trading", words: dict[str, str]) -> AnyCommand:
    market.nonce += 1
    kind = ReferenceType(words.get("kind", "MM_PAYMENT"))
    key = words.get("key", f"transfer-{market.nonce}")
    giver, taker, quantity = user(words["who"]), user(words["to"]), int(words["quantity"])
    if "side" not in words:
        return TransferFunds(
            at=market.now,
            from_id=giver,
            to_id=taker,
            amount=quantity,
            reference_type=kind,
            idempotency_key=key,
        )
    return TransferShares(
        at=market.now,
        from_id=giver,
        to_id=taker,
        market_id=words.get("market", "M"),
        side=Side(words["side"]),
        quantity=quantity,
        reference_type=kind,
        idempotency_key=key,
    )


def start_amm(market: "Trading", words: dict[str, str]) -> AnyCommand:
    market.nonce += 1
    return StartAmm(
        at=market.now,
        market_id=words.get("market", "M"),
        initial_budget=int(words["budget"]),
        initial_price=int(words["price"]),
        nonce=market.nonce,
        by="root",
    )


def stop_amm(market: "Trading", words: dict[str, str]) -> AnyCommand:
    mode = StopMode.IMMEDIATE if "mode" in words else StopMode.GRACEFUL
    return StopAmm(at=market.now, market_id=words.get("market", "M"), stop_mode=mode, by="root")


def rule(market: "Trading", words: dict[str, str]) -> AnyCommand:
    """What an administrator does to a market."""
    at, market_id, by = market.now, words.get("market", "M"), "root"
    match words["verb"]:
        case "activates":
            return ActivateMarket(at=at, market_id=market_id, by=by)
        case "suspends":
            return SuspendMarket(at=at, market_id=market_id, reason=words.get("why"), by=by)
        case "halts":
            return HaltMarket(at=at, market_id=market_id, reason=words.get("why", "look"), by=by)
        case "resumes":
            target = MarketStatus(words.get("target", "ACTIVE"))
            return ResumeMarket(
                at=at, market_id=market_id, target_status=target, resolution_note=words.get("why"), by=by
            )
        case "voids":
            price = void_price(words)
            return VoidMarket(
                at=at, market_id=market_id, reason=words.get("why"), void_price_cents=price, by=by
            )
        case "settles":
            return SettleMarket(at=at, market_id=market_id, by=by)
        case verb:
            raise AssertionError(verb)


def void_price(words: dict[str, str]) -> int | None:
    """50 unless said otherwise; at `reference`, what the market itself says."""
    price = words.get("worth", "50")
    return None if price == "reference" else int(price)


def resolve(market: "Trading", words: dict[str, str]) -> AnyCommand:
    return ResolveMarket(
        at=market.now,
        market_id=words.get("market", "M"),
        result=words["result"],
        settle="later" not in words,
        void_price_cents=void_price(words) if words["result"] == "VOID" else None,
        by="root",
    )


WHO = r"(?P<who>[\w:]+)"
ORDER = (
    r"(?P<quantity>-?\d+) (?P<side>YES|NO) at (?P<price>-?\d+)"
    r"(?: (?P<tif>IOC|GTC|FOK))?(?: for at most (?P<cap>-?\d+))?(?P<post> post-only)?"
    r"(?: for (?P<lasts>\d+) s)?"
    r"(?: (?P<mode>CANCEL_MAKER|CANCEL_TAKER))?(?: as (?P<name>\S+))?"
)
TAKER = r"(?P<to>[\w:]+)"
KIND = r"(?: for (?P<kind>[A-Z_]+))?"
KEY = r"(?: with key (?P<key>\S+))?"
IN = r"(?: in (?P<market>\S+))?"
TO = r"(?: to (?P<target>[A-Z]+))?"
WHY = r"(?:: (?P<why>.+))?"
TERMS = r"(?: to (?P<quantity>-?\d+))?(?: at (?P<price>-?\d+))?(?P<only> post-only)?"
WORTH = r"(?: at (?P<worth>-?\d+|reference))?"
FENCE = r"(?: with fence (?P<fence>\d+))?"
GRAMMAR: list[tuple[str, Callable[["Trading", dict[str, str]], AnyCommand]]] = [
    (rf"{WHO} (?P<verb>buys|sells) {ORDER}{IN}{FENCE}", place),
    (rf"{WHO} replaces (?P<old>\S+), (?P<verb>buying|selling) {ORDER}{IN}{FENCE}", replace),
    (rf"{WHO} amends (?P<name>\S+){TERMS}{IN}{FENCE}", amend),
    (rf"{WHO} cancels (?P<scope>everything|buys|sells){IN}{FENCE}", batch_cancel),
    (rf"{WHO} cancels all(?: (?P<verb>buys|sells))?(?: of (?P<side>YES|NO))?{IN}{FENCE}", cancel_all),
    (rf"{WHO} cancels (?P<name>\S+){IN}{FENCE}", cancel),
    (rf"{WHO} (?P<verb>mints|burns) (?P<quantity>-?\d+){KEY}{IN}{FENCE}", mint_or_burn),
    (rf"{WHO} (?P<verb>deposits|withdraws) (?P<quantity>-?\d+)", cash),
    (rf"{WHO} gives {TAKER} (?P<quantity>-?\d+) (?:cents|(?P<side>YES|NO)){IN}{KIND}{KEY}", transfer),
    (rf"root starts the AMM with (?P<budget>-?\d+) at (?P<price>-?\d+){IN}", start_amm),
    (rf"root stops the AMM(?P<mode> at once)?{IN}", stop_amm),
    (rf"root resolves (?P<result>[A-Z]+){WORTH}(?P<later> without settling)?{IN}", resolve),
    (rf"root (?P<verb>activates|suspends|halts|resumes|voids|settles){TO}{WORTH}{IN}{WHY}", rule),
]
