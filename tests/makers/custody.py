"""The exchange's side of money that goes to a venue: how far each leg has come, and who is next."""

from typing import Any

import attrs
import trio

CLAIM = 60.0
REFUSED = 7102
AFTER = {
    ("ACCEPTED", "CALLING"): "SUBMITTED",
    ("ACCEPTED", "UNKNOWN"): "SUBMITTED",
    ("REJECTED", "CALLING"): "REJECTED",
    ("REJECTED", "UNKNOWN"): "REJECTED",
    ("UNKNOWN", "CALLING"): "UNKNOWN",
    ("CONFIRMED", "SUBMITTED"): "CONFIRMED",
    ("CREDITED", "CONFIRMED"): "CREDITED",
}


@attrs.define
class Leg:
    direction: str
    leg: str
    amount: int
    order_id: str
    attempt: int = 1
    status: str = "INTENT"
    tx_id: str | None = None
    claimed_by: str | None = None
    claimed_until: float = 0.0

    def expire(self) -> None:
        """Whoever claimed it was not heard of again."""
        if self.status == "CALLING" and self.claimed_until <= trio.current_time():
            self.status = "UNKNOWN"

    def shown(self) -> dict[str, Any]:
        self.expire()
        prefix = "mmw" if self.direction == "OUT" else "mmi"
        return {
            "direction": self.direction,
            "leg": self.leg,
            "attempt": self.attempt,
            "request_key": f"{prefix}:{self.order_id}:{self.leg}:{self.attempt}",
            "amount": self.amount,
            "status": self.status,
            "tx_id": self.tx_id,
            "claimed_by": self.claimed_by,
        }


@attrs.define
class Entrusted:
    """One order, and what it has in cents and shares."""

    order_id: str
    market_id: str
    amounts: dict[str, int]
    task: str | None = "OUT"
    legs: dict[tuple[str, str], Leg] = attrs.field(factory=dict)
    """By direction and asset."""
    taken: list[str] = attrs.field(factory=list)
    """Every step that was taken, with its leg and who took it."""
    observed: dict[str, int] = attrs.field(factory=dict)
    """What arrived, by direction and asset."""

    def shown(self) -> dict[str, Any]:
        return {
            "order_id": self.order_id,
            "market_id": self.market_id,
            "task": self.task,
            "legs": [leg.shown() for leg in self.legs_of(self.task or "")],
        }

    def legs_of(self, task: str) -> list[Leg]:
        return [leg for leg in self.legs.values() if task == "WATCH" or leg.direction == task]

    def step(self, one: dict[str, Any]) -> tuple[int, Any]:
        direction, step = one["direction"], one["step"]
        leg = self.legs.get((direction, one["leg"] or ""))
        if step == "BEGIN":
            return self.begin(direction)
        if step == "DRAINED":
            return self.drained(one["worker_id"])
        if leg is None or one["attempt"] != leg.attempt:
            return REFUSED, None
        leg.expire()
        code = self._step_of(leg, step, one)
        return code, {"leg": leg.shown(), "legs": [leg.shown() for leg in self.legs_of(direction)]}

    def begin(self, direction: str) -> tuple[int, Any]:
        if direction != self.task:
            return REFUSED, None
        if not self.legs_of(direction):
            self.taken.append(f"BEGIN {direction}")
            for asset, amount in self.amounts.items():
                self.legs[direction, asset] = Leg(direction, asset, amount, self.order_id)
        return 0, {"leg": None, "legs": [leg.shown() for leg in self.legs_of(direction)]}

    def drained(self, worker_id: str) -> tuple[int, Any]:
        if self.task != "DRAIN":
            return REFUSED, None
        self.taken.append(f"DRAINED {worker_id}")
        self.task = None
        return 0, {"leg": None, "legs": []}

    def _step_of(self, leg: Leg, step: str, one: dict[str, Any]) -> int:
        worker_id = one["worker_id"]
        if leg.status == "CALLING" and leg.claimed_by != worker_id:
            return REFUSED
        if step == "CALL":
            if leg.status != "INTENT":
                return 0 if leg.status == "CALLING" else REFUSED
            leg.status, leg.claimed_by = "CALLING", worker_id
            leg.claimed_until = trio.current_time() + CLAIM
        elif step == "RETRY":
            if leg.status != "CALLING":
                return REFUSED
            leg.status, leg.attempt, leg.claimed_by = "INTENT", leg.attempt + 1, None
        elif (after := AFTER.get((step, leg.status))) is not None:
            leg.status, leg.tx_id = after, one["tx_id"] or leg.tx_id
        elif leg.status != step and AFTER.get((step, "CALLING")) != leg.status:
            return REFUSED
        else:
            return 0
        self.taken.append(f"{step} {leg.leg} {worker_id}")
        if step == "CREDITED":
            self._credited(leg, one["amount"])
        return 0

    def _credited(self, leg: Leg, amount: int) -> None:
        self.observed[f"{leg.direction} {leg.leg}"] = amount
        if all(each.status == "CREDITED" for each in self.legs_of(leg.direction)):
            self.task = None
