"""What there is to know of market-making orders without trying: for forms, buttons and other programs.

Made from what decides: the table of edges, the enumerations, the ranges, the settings and the routes.
"""

import enum
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from adapters.operations.operation import AnyRoute, Call, Handler, NoQuery, from_memory
from adapters.runtime.settings import Settings
from adapters.service.server import Server
from adapters.wire.making_requests import MakingBody, of_settings
from adapters.wire.requests import EmptyBody
from adapters.wire.responses import Shape
from adapters.wire.status import STATUS
from kernel.codes import Code
from kernel.making_commands import CampaignStatus, MmLimits, MmPolicy, MmTerms
from kernel.making_edges import (
    EDGES,
    MmActor,
    MmControl,
    MmKind,
    MmOutcome,
    MmReason,
    MmState,
    MmTrigger,
)
from kernel.making_terms import CASH_MAX, RANGES, SHARES_MAX

CODES: Final = [code for code in Code if 7101 <= code <= 7112]


class EdgeShape(Shape, frozen=True):
    """A step that an order can take. What is not among them is forbidden."""

    number: int
    from_state: MmState | None = msgspec.field(name="from")
    to_state: MmState = msgspec.field(name="to")
    trigger: MmTrigger
    actors: list[MmActor]
    guard: str


class TermShape(Shape, frozen=True, kw_only=True):
    """A member of the request that creates an order."""

    name: str
    default: int | bool | str | None
    """Null: it has to be given; or, for max_loss_cents, a fifth of the cash."""
    least: int | None = None
    most: int | None = None
    choices: list[str | bool] | None = None


class CodeShape(Shape, frozen=True):
    code: int
    name: str
    status: int


class RouteShape(Shape, frozen=True):
    method: str
    path: str


class ContractShape(Shape, frozen=True, kw_only=True):
    states: list[MmState]
    edges: list[EdgeShape]
    controls: list[MmControl]
    kinds: list[MmKind]
    reasons: list[MmReason]
    outcomes: list[MmOutcome]
    campaign_statuses: list[CampaignStatus]
    terms: list[TermShape]
    policy: dict[str, int | bool]
    """What would be pinned in an order that is created now."""
    limits: dict[str, int]
    codes: list[CodeShape]
    routes: list[RouteShape]
    """Those to use; older names of the same are left out."""


def contract_of(rows: Sequence[AnyRoute]) -> Handler[EmptyBody, NoQuery, ContractShape]:
    routes = [RouteShape(row.method, row.path) for row in rows if row.stands_for is None]

    def get_mm_contract(server: Server, call: Call[EmptyBody, NoQuery]) -> ContractShape:
        """States, edges, terms, limits, codes and routes of market-making orders."""
        settings = server.settings
        return ContractShape(
            states=list(MmState),
            edges=[
                EdgeShape(edge.number, edge.start, edge.end, edge.trigger, sorted(edge.actors), edge.guard)
                for edge in EDGES
            ],
            controls=list(MmControl),
            kinds=list(MmKind),
            reasons=list(MmReason),
            outcomes=list(MmOutcome),
            campaign_statuses=list(CampaignStatus),
            terms=list(terms_of(settings)),
            policy=of_settings(settings, MmPolicy),
            limits=of_settings(settings, MmLimits),
            codes=[CodeShape(code.value, code.name, STATUS[code].value) for code in CODES],
            routes=routes,
        )

    return from_memory(get_mm_contract)


def terms_of(settings: Settings) -> Iterator[TermShape]:
    bounds = RANGES | {
        "required_cash_cents": (settings.mm_min_cash_cents, CASH_MAX),
        "required_yes_shares": (0, SHARES_MAX),
        "required_no_shares": (0, SHARES_MAX),
        "max_loss_cents": (1, CASH_MAX),
    }
    defaults = msgspec.structs.asdict(MmTerms()) | {"required_yes_shares": 0, "required_no_shares": 0}
    for name in MakingBody.__struct_fields__:
        default = defaults.get(name)
        if name in bounds:
            least, most = bounds[name]
            yield TermShape(name=name, default=default, least=least, most=most)
        elif isinstance(default, enum.Enum):
            yield TermShape(name=name, default=default.value, choices=[each.value for each in type(default)])
        elif isinstance(default, bool):
            yield TermShape(name=name, default=default, choices=[False, True])
        else:
            yield TermShape(name=name, default=default)
