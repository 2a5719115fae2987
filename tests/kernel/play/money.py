"""Cash and shares on the move: in, out, between accounts, into pairs and out of them; fences and guards."""

import msgspec
from hypothesis import strategies as st

from kernel.codes import AMM_ID, ReferenceType, Side
from kernel.commands import (
    AcceptJournal,
    BurnShares,
    Deposit,
    FireGuard,
    MintShares,
    OpenAccount,
    RaiseFence,
    SetGuard,
    TransferFunds,
    TransferShares,
    Withdraw,
)
from tests.kernel.play.crowd import Crowd, act
from tests.kernel.play.ground import elsewhere
from tests.kernel.strategies import (
    ESCROW,
    HOLDERS,
    HUGE,
    amounts,
    keys,
    mostly,
    nonces,
    pick,
    sides,
    transfer_types,
    users,
)

OnceOnly = MintShares | BurnShares | TransferFunds | TransferShares

ends = st.sampled_from(["ann", "ann", "ann", "ben", ESCROW, ESCROW, ESCROW, AMM_ID, "nobody", "PLATFORM_FEE"])


class MoneyRules(Crowd):
    def __init__(self) -> None:
        super().__init__()
        self.requests: list[OnceOnly] = []

    @act(user_id=users, amount=amounts, out=st.booleans(), everything=st.booleans())
    def somebody_pays_in_or_takes_out(self, user_id: str, amount: int, out: bool, everything: bool) -> None:
        if not out:
            self.do(Deposit(at=self.at, user_id=user_id, amount=amount))
            return
        if everything:
            amount = max(1, self.world.available(user_id) - 300)
        self.do(Withdraw(at=self.at, user_id=user_id, amount=amount))

    @act(
        user_id=st.sampled_from([*HOLDERS, "dan", "mm:2", "mm:3"]),
        owner_id=st.sampled_from([None, "ann", "nobody", ESCROW, "SYSTEM_RESERVE"]),
        auto_netting=st.booleans(),
    )
    def somebody_opens_an_account(self, user_id: str, owner_id: str | None, auto_netting: bool) -> None:
        self.do(OpenAccount(at=self.at, user_id=user_id, owner_id=owner_id, auto_netting=auto_netting))

    def request(self, command: OnceOnly) -> None:
        if self.do(command).facts:
            self.requests.append(command)

    @act(
        user_id=st.sampled_from([AMM_ID, AMM_ID, AMM_ID, ESCROW, "ann"]),
        elsewhere=elsewhere,
        quantity=mostly(st.integers(1, 20), 10_000_000, 10_000_001, *HUGE),
        key=keys,
        nonce=nonces,
    )
    def the_amm_mints(self, user_id: str, elsewhere: int, quantity: int, key: str, nonce: int) -> None:
        self.request(
            MintShares(
                at=self.at,
                user_id=user_id,
                market_id=self.market(elsewhere),
                quantity=quantity,
                idempotency_key=key,
                nonce=nonce,
            )
        )

    @act(
        user_id=st.sampled_from([AMM_ID, AMM_ID, ESCROW, ESCROW, "ann"]),
        elsewhere=elsewhere,
        quantity=mostly(st.integers(1, 4), 10_000_000, 10_000_001, *HUGE),
        key=keys,
        nonce=nonces,
        fence=st.sampled_from([0, 0, 0, -1]),
    )
    def a_market_maker_burns(
        self, user_id: str, elsewhere: int, quantity: int, key: str, nonce: int, fence: int
    ) -> None:
        self.request(
            BurnShares(
                at=self.at,
                user_id=user_id,
                market_id=self.market(elsewhere),
                quantity=quantity,
                idempotency_key=key,
                nonce=nonce,
                fence=self.fence(user_id, fence),
            )
        )

    @act(from_id=ends, to_id=ends, amount=amounts, reference_type=transfer_types, key=keys)
    def cash_moves(
        self, from_id: str, to_id: str, amount: int, reference_type: ReferenceType, key: str
    ) -> None:
        self.request(
            TransferFunds(
                at=self.at,
                from_id=from_id,
                to_id=to_id,
                amount=amount,
                reference_type=reference_type,
                idempotency_key=key,
            )
        )

    @act(
        from_id=ends,
        to_id=ends,
        elsewhere=elsewhere,
        side=sides,
        quantity=mostly(st.integers(1, 6), 2**31 - 1, 2**31, *HUGE),
        reference_type=transfer_types,
        key=keys,
    )
    def shares_move(
        self,
        from_id: str,
        to_id: str,
        elsewhere: int,
        side: Side,
        quantity: int,
        reference_type: ReferenceType,
        key: str,
    ) -> None:
        self.request(
            TransferShares(
                at=self.at,
                from_id=from_id,
                to_id=to_id,
                market_id=self.market(elsewhere),
                side=side,
                quantity=quantity,
                reference_type=reference_type,
                idempotency_key=key,
            )
        )

    @act(which=pick, more=st.sampled_from([0, 0, 0, 1]))
    def somebody_repeats_a_request(self, which: int, more: int) -> None:
        """Once more under its key: the same, or for one more."""
        if not self.requests:
            return
        request = self.requests[-1 - which % len(self.requests)]
        if isinstance(request, TransferFunds):
            self.do(msgspec.structs.replace(request, at=self.at, amount=request.amount + more))
            return
        request = msgspec.structs.replace(request, at=self.at, quantity=request.quantity + more)
        if isinstance(request, BurnShares):
            request = msgspec.structs.replace(request, fence=self.fence(request.user_id))
        self.do(request)

    @act(
        user_id=st.sampled_from([ESCROW, ESCROW, ESCROW, "ann", "nobody"]),
        fence=st.one_of(st.integers(-1, 5), st.integers(-1, 5), st.sampled_from([2**63 - 1, 2**63])),
    )
    def a_fence_is_raised(self, user_id: str, fence: int) -> None:
        self.do(RaiseFence(at=self.at, user_id=user_id, fence=fence))

    @act(
        beyond=st.sampled_from([0, 0, 0, 1, -1]),
        reason=st.sampled_from(["a backup", "x" * 500, "", "x" * 501]),
    )
    def the_journal_is_accepted(self, beyond: int, reason: str) -> None:
        self.do(
            AcceptJournal(
                at=self.at,
                last_id=len(self.world.facts) + beyond,
                reason=reason,
                witnesses=("the newest seal tells of a row more",),
                by="root",
            )
        )

    @act(
        user_id=users,
        grace_ms=st.sampled_from([5_000, 5_000, 5_000, None, 0, 600_000, 600_001, -1]),
        markets=st.one_of(st.none(), st.none(), st.lists(elsewhere, max_size=2)),
    )
    def somebody_sets_a_guard(self, user_id: str, grace_ms: int | None, markets: list[int] | None) -> None:
        covered = None if markets is None else tuple(map(self.market, markets))
        self.do(SetGuard(at=self.at, user_id=user_id, grace_ms=grace_ms, markets=covered))

    @act(user_id=users, which=pick, elsewhere=elsewhere)
    def a_guard_fires(self, user_id: str, which: int, elsewhere: int) -> None:
        guarded = list(self.world.guards)
        if guarded and which < 48:
            user_id = guarded[which % len(guarded)]
        self.do(FireGuard(at=self.at, user_id=user_id, market_id=self.market(elsewhere)))
