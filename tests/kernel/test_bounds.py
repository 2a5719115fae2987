"""Nothing can be journaled that a table, a feed or a rebuild could not hold, whoever sends the command."""

import typing

import msgspec
import pytest

from kernel.answers import Opened, Refusal
from kernel.bounds import CHECKED_ELSEWHERE, MEMBERS, is_bounded_by_type
from kernel.codes import AMM_ID, Code, ReferenceType, Side
from kernel.commands import (
    AnyCommand,
    BatchCancel,
    CancelAll,
    CancelledSoFar,
    Deposit,
    FireGuard,
    MarketTerms,
    OpenAccount,
    OpenJournal,
    RaiseFence,
    SetGuard,
    StartAmm,
    StopAmm,
    TransferShares,
)
from kernel.exchange import Exchange
from kernel.ids import Sequence, snowflake
from kernel.limits import EARLIEST, LATEST, MONEY_MAX, SUB_ACCOUNTS_MAX, VOLUME_MAX
from kernel.making_commands import AnyMmCommand, CampaignTerms, MmTerms
from kernel.markets import RANGES
from tests.kernel.members import altered, fields_of, members_of
from tests.kernel.play.bounds import ODD
from tests.kernel.play.trading import Trading as Play
from tests.kernel.rare_cases import walk
from tests.kernel.trading import NOON, owned

YEAR = 365 * 86_400_000_000


@pytest.fixture(scope="module")
def played() -> Play:
    """A day on which every kind of command was given, and decided by the model as well."""
    play = Play()
    walk(play, "YES")
    play.the_journal_is_accepted(0, "a backup")
    return play


def test_at_its_bounds_and_beyond_them_the_model_agrees_on_every_member(played: Play) -> None:
    """Each kind of command that was given, once more with each odd value in each of its members."""
    first = {type(command): command for command in reversed(played.both.commands)}
    assert set(first) == set(typing.get_args(AnyCommand)) - set(typing.get_args(AnyMmCommand))
    before = played.both.seen["code 9004"]
    for kind, command in first.items():
        for name in members_of(kind):
            for value in ODD.get(name, ()):
                played.do(altered(command, **{name: value}))
    assert played.both.seen["code 9004"] > before + 500


def test_no_text_number_or_time_is_left_out() -> None:
    """Who adds a member to a command says what it may hold, and how odd it can be."""
    looked_up = {"order_id", "old_order_id", "result"}
    # What a command that goes on says of itself: below.
    decided_upon = {
        "so_far",
        "void_basis",
        "price",
        *(name for name in MarketTerms.__struct_fields__ if name[:3] in ("min", "max")),
        *RANGES,
        *MmTerms.__struct_fields__,
        *CampaignTerms.__struct_fields__,
    }
    for kind in typing.get_args(AnyCommand):
        for field in fields_of(kind):
            name = field.name
            if is_bounded_by_type(field):
                continue
            held = name in MEMBERS or name in CHECKED_ELSEWHERE or name in MmTerms.__struct_fields__
            assert held, f"{kind.__name__}.{name} has no bound"
            odd = {*ODD, *looked_up, *decided_upon, *CHECKED_ELSEWHERE, *FEES}
            assert name in odd, f"no odd value for {kind.__name__}.{name}"


@pytest.mark.parametrize(
    "command",
    [
        BatchCancel(at=NOON, user_id=AMM_ID, market_id="M"),
        CancelAll(at=NOON, user_id="ann", market_id="M"),
        FireGuard(at=NOON, user_id="ann", market_id="M"),
        StopAmm(at=NOON, market_id="M", by="adm"),
    ],
)
def test_what_was_cancelled_so_far_is_bounded_too(
    command: BatchCancel | CancelAll | FireGuard | StopAmm,
) -> None:
    for so_far in (
        CancelledSoFar(2**63),
        CancelledSoFar(1, funds=2**70),
        CancelledSoFar(1, no_shares=-(2**64)),
    ):
        wish = msgspec.structs.replace(command, so_far=so_far)
        assert code_of(opened(), wish) is Code.MALFORMED


FEES = ("maker_fee_bps", "taker_fee_bps")


def opened(at: int = NOON) -> Exchange:
    exchange = Exchange()
    exchange.execute(OpenJournal(at=at))
    exchange.execute(OpenAccount(at=at, user_id="ann"))
    return exchange


def code_of(exchange: Exchange, command: AnyCommand) -> Code | None:
    before = exchange.digest()
    outcome = exchange.execute(command)
    if not isinstance(outcome.answer, Refusal):
        return None
    assert outcome.facts == []
    assert exchange.digest() == before
    return outcome.answer.code


def test_no_more_money_comes_in_than_64_bits_can_count_in_sum() -> None:
    """Every balance, reserve and cost sum is a part of what came in."""
    exchange = opened()
    exchange.external = MONEY_MAX - 10
    assert code_of(exchange, Deposit(at=NOON, user_id="ann", amount=11)) is Code.LIMIT_EXCEEDED
    assert code_of(exchange, Deposit(at=NOON, user_id="ann", amount=10)) is None
    assert code_of(exchange, Deposit(at=NOON, user_id="ann", amount=1)) is Code.LIMIT_EXCEEDED


def test_the_market_maker_brings_no_more_either() -> None:
    market = owned()
    market.exchange.external = MONEY_MAX - 10
    start = StartAmm(at=NOON, market_id="M", initial_budget=11, initial_price=50, nonce=1, by="adm")
    assert code_of(market.exchange, start) is Code.LIMIT_EXCEEDED
    assert code_of(market.exchange, msgspec.structs.replace(start, initial_budget=10)) is None


def test_shares_that_are_given_fit_the_receivers_volume() -> None:
    """Open buys count, for they may fill."""
    market = owned()
    market.play("ann buys 3 YES at 10")
    position = market.exchange.markets["M"].positions["ann"]
    position.yes.volume = VOLUME_MAX - 3 - 4
    give = TransferShares(
        at=market.exchange.now,
        from_id="mm:1",
        to_id="ann",
        market_id="M",
        side=Side.YES,
        quantity=5,
        reference_type=ReferenceType.MM_WITHDRAW,
        idempotency_key="k",
    )
    assert code_of(market.exchange, give) is Code.LIMIT_EXCEEDED
    assert code_of(market.exchange, msgspec.structs.replace(give, quantity=4)) is None


def test_an_owner_has_so_many_sub_accounts_and_no_more() -> None:
    """Whether they were opened, replayed or restored. Asking again for one that exists is no new one."""
    exchange, replica = opened(), Exchange()
    exchange.execute(OpenAccount(at=NOON, user_id="ben"))

    def sub_account(number: int, owner: str = "ann") -> OpenAccount:
        return OpenAccount(at=NOON, user_id=f"mm:{owner}:{number}", owner_id=owner, auto_netting=False)

    other = Exchange()
    for fact in other.execute(OpenJournal(at=NOON)).facts:
        replica.apply(fact)
    for owner in ("ann", "ben"):
        for fact in other.execute(OpenAccount(at=NOON, user_id=owner)).facts:
            replica.apply(fact)
    for number in range(SUB_ACCOUNTS_MAX):
        outcome = exchange.execute(sub_account(number))
        assert isinstance(outcome.answer, Opened)
        for fact in outcome.facts:
            replica.apply(fact)
    for each in (exchange, replica, Exchange.restore(exchange.snapshot())):
        assert code_of(each, sub_account(SUB_ACCOUNTS_MAX)) is Code.LIMIT_EXCEEDED
        assert code_of(each, sub_account(7)) is None
        assert code_of(each, sub_account(1, "ben")) is None


def test_the_model_has_the_same_bound_for_sub_accounts() -> None:
    """Only the last two are compared as closely as ever: the others differ by their number."""
    play = Play()
    play.open_the_exchange(home="plain")
    both = play.both

    def sub_account(number: int) -> OpenAccount:
        return OpenAccount(at=play.at, user_id=f"mm:{number}", owner_id="ann", auto_netting=False)

    for number in range(2, SUB_ACCOUNTS_MAX):
        both.model.execute(sub_account(number))
        for fact in both.exchange.execute(sub_account(number)).facts:
            both.replica.apply(fact)
            both.journal.add(fact)
            both.history.add(fact)
    refused = both.seen["code 4002"]
    play.do(sub_account(SUB_ACCOUNTS_MAX))
    assert both.seen["code 4002"] == refused
    play.do(sub_account(SUB_ACCOUNTS_MAX + 1))
    assert both.seen["code 4002"] == refused + 1


def test_the_numbers_of_trades_fit_64_bits_for_as_long_as_anything_is_decided() -> None:
    """Even if each millisecond of the last minute were full, and they ran ahead."""
    sequence = Sequence()
    sequence.step(LATEST + 60_000_000)
    assert 0 < snowflake(sequence) < 2**63
    sequence.resume(0, 0)
    sequence.step(EARLIEST)
    assert snowflake(sequence) == 0


def test_too_late_nothing_is_decided_and_too_early_no_journal_begins() -> None:
    exchange = opened()
    assert code_of(exchange, Deposit(at=LATEST + 1, user_id="ann", amount=1)) is Code.MALFORMED
    assert code_of(Exchange(), OpenJournal(at=EARLIEST - 1)) is Code.MALFORMED
    assert code_of(exchange, Deposit(at=0, user_id="ann", amount=1)) is None
    assert exchange.now == NOON


def test_what_is_refused_or_changes_nothing_does_not_move_the_clock() -> None:
    """Else one command with a wrong time would leave its time behind, and nothing else."""
    market = owned()
    exchange, later = market.exchange, market.exchange.now + 2 * YEAR
    idle: list[AnyCommand] = [
        OpenAccount(at=later, user_id="ann"),
        SetGuard(at=later, user_id="ann", grace_ms=None),
        RaiseFence(at=later, user_id="mm:1", fence=exchange.accounts["mm:1"].fence),
        Deposit(at=later, user_id="nobody", amount=1),
        Deposit(at=later, user_id="ann", amount=0),
    ]
    before = exchange.now
    for command in idle:
        assert exchange.execute(command).facts == []
    assert exchange.now == before
    exchange.execute(Deposit(at=later, user_id="ann", amount=1))
    assert exchange.now == later
