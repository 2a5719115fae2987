"""Administrators: markets come, stop, go on and end; the market maker starts and stops in them."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from kernel.codes import CircuitBreakerTrigger, MarketStatus, StopMode, TradingMode
from kernel.commands import (
    ActivateMarket,
    AuthorizeAmm,
    CloseMarket,
    CreateMarket,
    HaltMarket,
    MarketTerms,
    ResolveMarket,
    ResumeMarket,
    SetMarketMode,
    SettleMarket,
    StartAmm,
    StopAmm,
    SuspendMarket,
    Tick,
    TripBreaker,
    VoidMarket,
)
from tests.kernel.play.crowd import Crowd, act
from tests.kernel.play.ground import elsewhere
from tests.kernel.strategies import HOUR, HUGE, START, mostly, nonces, pick, steps_in_time

FAULTS = [trigger for trigger in CircuitBreakerTrigger if trigger is not CircuitBreakerTrigger.VOLATILITY]
WINDOW = st.sampled_from([None, START, START + HOUR])

Asker = dict[str, Any]
ALONE: Asker = {}
FIRST: Asker = {"by_id": "adm1", "four_eyes": True}
SECOND: Asker = {"by_id": "adm2", "four_eyes": True}
askers = st.sampled_from([ALONE, ALONE, FIRST, SECOND, {"by_id": "ann"}, FIRST | {"by_id": "ben"}])
"""Ann and ben hold shares, mostly; ann also on her sub-account."""


class MarketRules(Crowd):
    @act(step=steps_in_time, restart=st.booleans())
    def time_passes(self, step: int, restart: bool) -> None:
        """Clocks never agree: some of what comes next was sent before what came last."""
        self.at += step
        if restart:
            self.both.go_on_restored()

    @act(
        market_id=st.sampled_from(["new", "new2", "plain"]),
        numbers=st.fixed_dictionaries(
            {},
            optional={
                "min_price_cents": st.sampled_from([0, 1, 50, 99]),
                "max_price_cents": st.sampled_from([1, 99, 100]),
                "max_order_quantity": st.sampled_from([0, 1, 2**31 - 1, 2**31]),
                "max_position_per_user": st.sampled_from([0, 1, 2**31 - 1, 2**31]),
                "max_order_amount_cents": st.sampled_from([0, 1, 2**63 - 1, 2**63]),
                "void_window_ms": st.sampled_from([59_999, 60_000, 604_800_000, 604_800_001]),
                "collar_cents": st.sampled_from([-1, 0, 98, 99]),
                "collar_window_ms": st.sampled_from([999, 1_000, 86_400_000, 86_400_001]),
                "halt_move_cents": st.sampled_from([-1, 0, 98, 99]),
                "halt_window_ms": st.sampled_from([999, 1_000, 86_400_000, 86_400_001]),
                "halt_pause_ms": st.sampled_from([-1, 0, 86_400_000, 86_400_001]),
                "max_open_orders": st.sampled_from([0, 1, 10_000, 10_001]),
                "max_open_orders_total": st.sampled_from([0, 1, 100_000, 100_001]),
                "max_open_orders_amm": st.sampled_from([0, 1, 100_000, 100_001]),
                "maker_fee_bps": st.sampled_from([-1, 0, 1_000, 1_001]),
                "taker_fee_bps": st.sampled_from([-1, 0, 1_000, 1_001]),
                "trading_start_at": WINDOW,
                "trading_end_at": WINDOW,
            },
        ),
    )
    def an_administrator_creates_a_market(self, market_id: str, numbers: dict[str, int | None]) -> None:
        terms = msgspec.convert({"title": "A new one", **numbers}, MarketTerms)
        self.do(CreateMarket(at=self.at, market_id=market_id, terms=terms, by="adm"))

    @act(
        elsewhere=elsewhere,
        action=st.sampled_from(["suspend", "suspend", "halt", "activate", "tick"]),
        text=st.sampled_from([None, "", "a reason"]),
    )
    def an_administrator_intervenes(self, elsewhere: int, action: str, text: str | None) -> None:
        market_id = self.governed(elsewhere)
        match action:
            case "activate":
                self.do(ActivateMarket(at=self.at, market_id=market_id, by="adm"))
            case "suspend":
                self.do(SuspendMarket(at=self.at, market_id=market_id, reason=text, by="adm"))
            case "halt":
                self.do(HaltMarket(at=self.at, market_id=market_id, reason=text or "smoke", by="adm"))
            case _:
                self.do(Tick(at=self.at, market_id=market_id))

    @act(
        elsewhere=elsewhere,
        mode=st.sampled_from([TradingMode.NORMAL, TradingMode.NORMAL, *TradingMode]),
        lasts=st.sampled_from([None, None, -1, 0, 1, HOUR // 60]),
        by=st.sampled_from(["adm", "adm", None]),
    )
    def an_administrator_sets_a_mode(
        self, elsewhere: int, mode: TradingMode, lasts: int | None, by: str | None
    ) -> None:
        until = None if lasts is None else self.at + lasts
        self.do(SetMarketMode(at=self.at, market_id=self.governed(elsewhere), mode=mode, until=until, by=by))

    @act(elsewhere=elsewhere, trigger=st.sampled_from(FAULTS))
    def a_check_finds_a_fault(self, elsewhere: int, trigger: CircuitBreakerTrigger) -> None:
        market_id = self.governed(elsewhere)
        self.do(TripBreaker(at=self.at, market_id=market_id, trigger=trigger, context={"reserve": 1}))

    @act(
        which=pick,
        elsewhere=elsewhere,
        status=st.sampled_from([*[MarketStatus.ACTIVE] * 4, MarketStatus.SUSPENDED, MarketStatus.HALTED]),
        note=st.sampled_from(["looked", "looked", "looked", None, ""]),
        by=st.sampled_from(["adm", "a" * 51]),
        looked=st.sampled_from([None, None, "now", "before"]),
    )
    def an_administrator_resumes(
        self,
        which: int,
        elsewhere: int,
        status: MarketStatus,
        note: str | None,
        by: str,
        looked: str | None = None,
    ) -> None:
        stopped = [m.market_id for m in self.world.markets.values() if m.status in ("HALTED", "SUSPENDED")]
        market_id = stopped[which % len(stopped)] if stopped and which < 56 else self.market(elsewhere)
        recorded = len(self.world.breakers)
        self.do(
            ResumeMarket(
                at=self.at,
                market_id=market_id,
                target_status=status,
                resolution_note=note,
                sound_after={None: None, "now": recorded, "before": recorded - 1}[looked],
                by=by,
            )
        )

    @act(
        elsewhere=elsewhere,
        result=st.sampled_from(["YES", "NO", "VOID", "yes"]),
        settle=st.booleans(),
        text=st.sampled_from([None, "a mistake"]),
        action=st.sampled_from(["resolve", "resolve", "void"]),
        price=st.sampled_from([None, None, 1, 50, 61, 99, 0, 100]),
        asker=askers,
    )
    def an_administrator_ends_a_market(
        self,
        elsewhere: int,
        result: str,
        settle: bool,
        text: str | None,
        action: str,
        asker: Asker = ALONE,
        price: int | None = 50,
    ) -> None:
        market_id = self.governed(elsewhere)
        who: dict[str, Any] = {"market_id": market_id, "by": "adm", **asker}
        if action == "void":
            self.do(VoidMarket(at=self.at, reason=text, void_price_cents=price, **who))
        else:
            self.do(
                ResolveMarket(
                    at=self.at,
                    result=result,
                    settle=settle,
                    void_price_cents=price if result == "VOID" or price == 61 else None,
                    **who,
                )
            )

    @act(elsewhere=elsewhere)
    def somebody_goes_on_with_what_is_not_under_way(self, elsewhere: int) -> None:
        self.do(CloseMarket(at=self.at, market_id=self.governed(elsewhere)))

    @act(which=pick, elsewhere=elsewhere, asker=askers)
    def an_administrator_settles(self, which: int, elsewhere: int, asker: Asker = ALONE) -> None:
        resolved = [m.market_id for m in self.world.markets.values() if m.status == "RESOLVED"]
        market_id = resolved[which % len(resolved)] if resolved else self.market(elsewhere)
        who: dict[str, Any] = {"market_id": market_id, "by": "adm", **asker}
        self.do(SettleMarket(at=self.at, **who))

    @act(
        elsewhere=elsewhere,
        budget=mostly(st.integers(150, 3_000), 199, 200, 2_000_000_001, *HUGE),
        price=mostly(st.sampled_from([1, 50, 99]), 100, *HUGE),
        nonce=nonces,
        asker=askers,
    )
    def an_administrator_starts_the_amm(
        self, elsewhere: int, budget: int, price: int, nonce: int, asker: Asker = ALONE
    ) -> None:
        who: dict[str, Any] = {"market_id": self.market(elsewhere), "by": "adm", **asker}
        self.do(
            StartAmm(
                at=self.at,
                initial_budget=budget,
                initial_price=price,
                config_override={"spread": 1.5},
                nonce=nonce,
                **who,
            )
        )

    @act(
        elsewhere=elsewhere,
        mode=st.sampled_from(StopMode),
        action=st.sampled_from(["stop", "stop", "stop", "authorize", "authorize", "forbid"]),
    )
    def an_administrator_reins_in_the_amm(self, elsewhere: int, mode: StopMode, action: str) -> None:
        running = [run.market_id for run in self.world.runs.values() if run.status == "RUNNING"]
        market_id = running[0] if running and elsewhere < 48 else self.governed(elsewhere)
        if action == "stop":
            self.do(StopAmm(at=self.at, market_id=market_id, stop_mode=mode, by="adm"))
        else:
            authorized = action == "authorize"
            self.do(AuthorizeAmm(at=self.at, market_id=market_id, authorized=authorized, by="adm"))
