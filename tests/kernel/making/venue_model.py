"""One order whose money goes to a venue elsewhere, plainly once more: written from the rules.

It knows where each asset is, how far each leg has come, and who may say what when. Everything is a word or a
number; a refusal is its code, and what was told before is "again".
"""

from dataclasses import dataclass, field

S = 1_000_000
CLAIM, PATIENCE, DAY = 60 * S, 1_800 * S, 24 * 3_600 * S
MOVING = {"OUT": ("withdrawing", "deposit_confirming"), "BACK": ("stopped",)}
BEFORE = {
    "CALL": ("INTENT",),
    "ACCEPTED": ("CALLING", "UNKNOWN"),
    "RETRY": ("CALLING",),
    "REJECTED": ("CALLING", "UNKNOWN"),
    "UNKNOWN": ("CALLING",),
    "CONFIRMED": ("SUBMITTED",),
    "CREDITED": ("CONFIRMED",),
}
AFTER = {"CALL": "CALLING", "ACCEPTED": "SUBMITTED"}
HERE = ("INTENT", "REJECTED")
Answer = int | str | None


@dataclass
class Leg:
    amount: int
    status: str = "INTENT"
    attempt: int = 1
    worker: str = ""
    until: int = 0
    accepted: bool = False

    def seen(self, at: int) -> str:
        return "UNKNOWN" if self.status == "CALLING" and at >= self.until else self.status


@dataclass
class Voyage:
    home: dict[str, int]
    state: str = "payment_complete"
    away: dict[str, int] = field(default_factory=dict)
    legs: dict[str, dict[str, Leg]] = field(default_factory=lambda: {"OUT": {}, "BACK": {}})
    where: str = "escrow"
    due: int | None = None
    case: bool = False
    rests: bool = False
    stop_waits: bool = False
    proposal: tuple[str, int | None, str, int] | None = None

    def way(self) -> str | None:
        if self.state in MOVING["OUT"]:
            return "OUT"
        return "BACK" if self.state == "stopped" and self.where == "transit" and not self.case else None

    @property
    def out(self) -> bool:
        return self.where != "escrow" and any(leg.status not in HERE for leg in self.legs["OUT"].values())

    # A worker

    def begin(self, way: str, at: int, enabled: bool) -> Answer:
        if self.legs[way]:
            return "again"
        if way == "OUT":
            if self.state != "payment_complete":
                return 7102
            if not enabled:
                return 7110
            self.away, self.home, self.state = self.home, {}, "withdrawing"
        elif self.state != "stopped" or self.where != "venue" or self.rests or self.case:
            return 7102
        self.legs[way] = {asset: Leg(amount) for asset, amount in self.away.items() if amount}
        self.where, self.due = "transit", at + PATIENCE
        if not self.legs[way]:
            self.come_home()
        return None

    def drained(self) -> Answer:
        if self.state not in ("paused", "stopped", "failed"):
            return 7102
        if not self.rests:
            return "again"
        self.rests = False
        return None

    def tell(
        self, way: str, asset: str, step: str, worker: str, short: int, at: int, enabled: bool
    ) -> Answer:
        leg = self.legs[way].get(asset)
        if leg is None:
            return 7102
        status = leg.seen(at)
        if status == "CALLING" and leg.worker != worker:
            return 7102
        if self.was_told(leg, step, worker, status):
            return "again"
        if status not in BEFORE[step]:
            return 7102
        if self.way() != way:
            if step in ("CALL", "RETRY"):
                return 7102
            leg.status = AFTER.get(step, step)
            leg.accepted |= step == "ACCEPTED"
            return None
        assert self.due is not None
        if at >= self.due:
            return 7102
        if step == "CALL" and way == "OUT" and not enabled:
            return 7110
        self.take(way, asset, leg, step, worker, short, at)
        return None

    def was_told(self, leg: Leg, step: str, worker: str, status: str) -> bool:
        match step:
            case "CALL":
                return leg.status != "INTENT" and leg.worker == worker
            case "ACCEPTED":
                return leg.accepted
            case "RETRY":
                return leg.status == "REJECTED" and leg.attempt == 3
            case "UNKNOWN":
                return status not in ("INTENT", "CALLING")
            case "CONFIRMED":
                return leg.status in ("CONFIRMED", "CREDITED")
            case _:
                return leg.status == step

    def take(self, way: str, asset: str, leg: Leg, step: str, worker: str, short: int, at: int) -> None:
        legs = self.legs[way].values()
        if step == "RETRY" and leg.attempt < 3:
            self.legs[way][asset] = Leg(leg.amount, attempt=leg.attempt + 1)
            return
        if step in ("RETRY", "REJECTED"):
            leg.status = "REJECTED"
            self.go_wrong(way)
            return
        leg.status = AFTER.get(step, step)
        leg.accepted |= step == "ACCEPTED"
        if step == "CALL":
            leg.worker, leg.until = worker, at + CLAIM
        if step == "CONFIRMED" and all(each.status in ("CONFIRMED", "CREDITED") for each in legs):
            self.due = at + PATIENCE
            if way == "OUT":
                self.state = "deposit_confirming"
        if step == "CREDITED" and short:
            self.go_wrong(way)
        elif step == "CREDITED" and all(each.status == "CREDITED" for each in legs):
            if way == "OUT":
                self.arrive()
            else:
                self.come_home()

    def arrive(self) -> None:
        self.where, self.due, self.case = "venue", None, False
        self.state, self.rests = "running", True
        if self.stop_waits:
            self.state, self.rests, self.stop_waits = "stopped", False, False

    def come_home(self) -> None:
        for asset, amount in self.away.items():
            self.home[asset] = self.home.get(asset, 0) + amount
        self.away, self.where, self.due, self.rests, self.case = {}, "escrow", None, False, False

    # When something goes wrong

    def go_wrong(self, way: str) -> None:
        for asset, leg in self.legs[way].items():
            if leg.status == "CALLING":
                leg.status = "UNKNOWN"
            if leg.status == "INTENT":
                leg.status = "REJECTED"
            if way == "OUT" and leg.status == "REJECTED" and asset in self.away:
                self.home[asset] = self.away.pop(asset)
        self.due = None
        if way == "BACK":
            self.case = True
        elif self.out:
            self.state, self.case = "failed", True
        else:
            self.come_home()
            self.state = "failed"
            self.pay_back()

    def pay_back(self) -> None:
        self.home, self.state, self.stop_waits = {}, "refunded", False

    def fail(self) -> Answer:
        if self.state not in ("payment_complete", *MOVING["OUT"], "running", "paused"):
            return 7102
        if self.where == "escrow":
            self.state = "failed"
            self.pay_back()
        elif self.where == "venue":
            self.state, self.case = "failed", True
        else:
            self.go_wrong("OUT")
        return None

    def pass_time(self, at: int) -> None:
        if self.due is None:
            return
        for legs in self.legs.values():
            for leg in legs.values():
                leg.status = leg.seen(at)
        if at >= self.due:
            self.go_wrong("BACK" if self.state == "stopped" else "OUT")

    def switch_off(self) -> None:
        if self.state == "payment_complete" or (self.state == "withdrawing" and not self.out):
            self.fail()

    # Its owner

    def control(self, what: str) -> Answer:
        match what, self.state:
            case "pause", "paused":
                return "again"
            case "stop", "stopped":
                return "again"
            case "resume", "running":
                return "again"
            case "pause", "running":
                self.state = "paused"
            case "resume", "paused" if not self.rests:
                self.state, self.rests = "running", True
            case "stop", "payment_complete":
                self.fail()
            case "stop", "withdrawing" | "deposit_confirming":
                if self.stop_waits:
                    return "again"
                self.stop_waits = True
            case "stop", "running" | "paused":
                self.state = "stopped"
            case _:
                return 7102
        return None

    def empty(self) -> Answer:
        if self.state not in ("paused", "stopped"):
            return 7102
        if self.case:
            return 7109
        if self.where != "escrow":
            return 7108
        self.pay_back()
        return None

    # Administrators

    def reconcile(self, outcome: str, cash: int | None, admin: str, at: int) -> Answer:
        if not self.case:
            return 7102
        if outcome == "CONFIRMED_AT_VENUE" and self.state != "failed":
            return 7102
        if outcome == "WRITTEN_OFF" or (cash is not None and cash != self.away.get("CASH", 0)):
            word = outcome, cash
            stands = self.proposal is not None and at < self.proposal[3] + DAY and self.proposal[:2] == word
            if not stands:
                self.proposal = (*word, admin, at)
                return "waits"
            assert self.proposal is not None
            if self.proposal[2] == admin:
                return "waits"
        self.proposal = None
        if outcome == "CONFIRMED_AT_VENUE":
            for leg in self.legs["OUT"].values():
                if leg.status not in HERE:
                    leg.status = "CREDITED"
            rests = self.rests
            self.arrive()
            self.rests |= rests
            return None
        if outcome == "WRITTEN_OFF":
            self.away = {}
        elif cash is not None:
            self.away["CASH"] = cash
        was = self.state
        self.come_home()
        if outcome == "RECOVERED_TO_ESCROW":
            self.state, self.stop_waits = "stopped", False
        elif was == "stopped" or any(self.home.values()):
            self.pay_back()
        return None
