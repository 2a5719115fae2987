"""The routes of market-making orders: those to use, and the names that some of them had before."""

from typing import Any, Final

import attrs
import msgspec

from adapters.access.rate_limits import Bucket
from adapters.operations import campaigns, making, making_admin, making_preview, service_tokens
from adapters.operations.listing import listing
from adapters.operations.making_contract import ContractShape, contract_of
from adapters.operations.operation import (
    AnyOperation,
    AnyRoute,
    Call,
    Caller,
    Handler,
    NoQuery,
    Reply,
    get,
    post,
    stream_only,
)
from adapters.service.server import Server
from adapters.wire import (
    admin_responses,
    campaign_requests,
    campaign_responses,
    lease_responses,
    making_messages,
    making_requests,
    requests,
    responses,
)
from adapters.wire import making_responses as shapes
from adapters.wire.paging import HistoryPage, Page, PageQuery
from adapters.wire.requests import Text
from adapters.wire.status import AnyCode, RefusedError
from kernel.codes import Code

PERSON, ADMIN, QUERY, MM = Caller.PERSON, Caller.ADMIN, Bucket.QUERY, Bucket.MM
ORDERS: Final = "/market-making/orders"
ORDER: Final = f"{ORDERS}/{{order_id}}"

UNKNOWN, BAD = Code.MM_ORDER_NOT_FOUND, Code.MALFORMED
CHANGING: Final = (
    UNKNOWN,
    Code.NOT_IN_THIS_STATE,
    Code.MM_LIMIT_REACHED,
    Code.TRANSFER_KEY_USED,
    Code.MARKET_NOT_OPEN,
)


def keyed(route: AnyRoute) -> AnyRoute:
    """The same route, whose requests may have a key in a header."""
    return attrs.evolve(route, is_keyed=True)


def steering(command: str, handler: Handler[Any, Any, Any]) -> AnyRoute:
    """What an owner tells an order to do."""
    path, body = f"{ORDER}/{command}", making_requests.StrictBody
    return keyed(
        post(path, handler, PERSON, MM, shapes.ControlledShape, body, *CHANGING, statuses=(200, 202))
    )


def ruling(command: str, handler: Handler[Any, Any, Any], *codes: AnyCode) -> AnyRoute:
    """What an administrator tells it to do."""
    path, body = f"/admin{ORDER}/{command}", making_requests.ReasonBody
    answer = shapes.AdminControlledShape
    return keyed(post(path, handler, ADMIN, MM, answer, body, *CHANGING, *codes, statuses=(200, 202)))


def looking(path: str, handler: Handler[Any, Any, Any], answer: Any, query: Any) -> AnyRoute:
    """What an owner sees of an order."""
    return get(f"{ORDER}{path}", handler, PERSON, QUERY, answer, query, UNKNOWN, BAD)


OF_OWNERS: Final[list[AnyRoute]] = [
    keyed(
        post(
            ORDERS,
            making.create_mm_order,
            PERSON,
            MM,
            shapes.MadeShape,
            making_requests.MakingBody,
            Code.TRANSFER_KEY_USED,
            Code.FEATURE_DISABLED,
            Code.INVALID_CONFIGURATION,
            Code.MARKET_NOT_FOUND,
            Code.MARKET_NOT_ELIGIBLE,
            Code.MM_LIMIT_REACHED,
            Code.ACCOUNT_NOT_FOUND,
            Code.CAMPAIGN_NOT_JOINABLE,
            statuses=(200, 201),
        )
    ),
    keyed(
        post(
            "/market-making/preview",
            making_preview.preview_mm_order,
            PERSON,
            MM,
            shapes.PreviewShape,
            making_requests.MakingBody,
            Code.FEATURE_DISABLED,
            Code.INVALID_CONFIGURATION,
            Code.MARKET_NOT_FOUND,
            Code.MARKET_NOT_ELIGIBLE,
            Code.CAMPAIGN_NOT_JOINABLE,
        )
    ),
    get(
        ORDERS,
        making.get_mm_orders,
        PERSON,
        QUERY,
        Page[shapes.MakingOrderShape],
        making.MakingOrdersQuery,
    ),
    looking("", making.get_mm_order, shapes.MakingOrderShape, NoQuery),
    looking("/payment-state", making.get_payment_state, shapes.PaymentStateShape, NoQuery),
    keyed(
        post(
            f"{ORDER}/payments",
            making.pay_mm_order,
            PERSON,
            MM,
            shapes.PaidShape,
            making_requests.PaymentBody,
            *CHANGING,
            Code.PAYMENT_WRONG,
            Code.INSUFFICIENT_BALANCE,
            Code.INSUFFICIENT_SHARES,
        )
    ),
    steering("start", making.start_mm_order),
    steering("pause", making.pause_mm_order),
    steering("resume", making.resume_mm_order),
    steering("stop", making.stop_mm_order),
    keyed(
        post(
            f"{ORDER}/withdraw",
            making.withdraw_from_mm_order,
            PERSON,
            MM,
            shapes.WithdrawnFromMakingShape,
            making_requests.MakingWithdrawBody,
            *CHANGING,
            Code.FUNDS_LOCKED,
        )
    ),
    keyed(
        post(
            f"{ORDER}/join-campaign",
            campaigns.join_campaign,
            PERSON,
            MM,
            shapes.ControlledShape,
            campaign_requests.JoinBody,
            UNKNOWN,
            Code.NOT_IN_THIS_STATE,
            Code.MM_LIMIT_REACHED,
            Code.TRANSFER_KEY_USED,
            Code.CAMPAIGN_NOT_JOINABLE,
            statuses=(200, 202),
        )
    ),
    steering("delete", making.delete_mm_order),
    looking("/events", making.get_mm_trail, shapes.TrailPageShape, making.TrailQuery),
    looking("/executions", making.get_mm_executions, Page[shapes.ExecutionShape], PageQuery),
    listing(
        f"{ORDER}/ledger",
        "get_mm_ledger",
        "The ledger of an order's own account, newest first.",
        PERSON,
        QUERY,
        responses.LedgerEntryShape,
        "ledger_entries",
        making.of_escrow,
        UNKNOWN,
        BAD,
        leaves=True,
    ),
    looking("/exchange-orders", making.get_mm_exchange_orders, Page[responses.OrderShape], PageQuery),
    looking("/trades", making.get_mm_trades, HistoryPage[responses.TradeShape], PageQuery),
    post(
        "/market-making/token/renew",
        service_tokens.renew_worker_token,
        Caller.WORKER,
        MM,
        admin_responses.ServiceTokenShape,
        requests.EmptyBody,
    ),
]

CAMPAIGNS: Final = "/campaigns"
CAMPAIGN: Final = f"{CAMPAIGNS}/{{campaign_id}}"
FOR_ALL: Final[list[AnyRoute]] = [
    get(
        CAMPAIGNS,
        campaigns.get_campaigns,
        Caller.USER,
        QUERY,
        Page[campaign_responses.CampaignShape],
        campaigns.CampaignsQuery,
    ),
    get(
        CAMPAIGN,
        campaigns.get_campaign,
        Caller.USER,
        QUERY,
        campaign_responses.CampaignShape,
        NoQuery,
        UNKNOWN,
        BAD,
    ),
]


def ending(command: str, handler: Handler[Any, Any, Any], *codes: AnyCode) -> AnyRoute:
    """What an administrator tells a campaign to do."""
    answer, body = campaign_responses.ControlledCampaignShape, making_requests.StrictBody
    path = f"/admin{CAMPAIGN}/{command}"
    return keyed(post(path, handler, ADMIN, MM, answer, body, UNKNOWN, Code.NOT_IN_THIS_STATE, *codes))


OF_ADMINISTRATORS: Final[list[AnyRoute]] = [
    get(
        f"/admin{ORDERS}",
        making_admin.get_all_mm_orders,
        ADMIN,
        QUERY,
        Page[shapes.AdminMakingOrderShape],
        making_admin.AllMakingOrdersQuery,
    ),
    get(
        f"/admin{ORDER}",
        making_admin.get_any_mm_order,
        ADMIN,
        QUERY,
        shapes.AdminMakingOrderShape,
        NoQuery,
        UNKNOWN,
        BAD,
    ),
    get(
        f"/admin{ORDER}/events",
        making_admin.get_any_mm_trail,
        ADMIN,
        QUERY,
        shapes.TrailPageShape,
        making.TrailQuery,
        UNKNOWN,
        BAD,
    ),
    ruling("start", making_admin.start_any_mm_order),
    ruling("pause", making_admin.pause_any_mm_order),
    ruling("resume", making_admin.resume_any_mm_order),
    ruling("stop", making_admin.stop_any_mm_order),
    ruling("fail", making_admin.fail_any_mm_order),
    ruling("refund", making_admin.refund_any_mm_order, Code.REFUND_UNSAFE),
    ruling("delete", making_admin.delete_any_mm_order),
    keyed(
        post(
            f"/admin{ORDER}/reconcile",
            making_admin.reconcile_any_mm_order,
            ADMIN,
            MM,
            shapes.ReconciledShape,
            making_requests.ReconcileBody,
            UNKNOWN,
            Code.NOT_IN_THIS_STATE,
            Code.NOT_ALLOWED,
            Code.LIMIT_EXCEEDED,
            Code.MARKET_NOT_OPEN,
            statuses=(200, 202),
        )
    ),
    keyed(
        post(
            f"/admin{CAMPAIGNS}",
            campaigns.create_campaign,
            ADMIN,
            MM,
            campaign_responses.MadeCampaignShape,
            campaign_requests.CampaignBody,
            Code.INVALID_CONFIGURATION,
            Code.MARKET_NOT_FOUND,
            Code.MARKET_NOT_ELIGIBLE,
            Code.TRANSFER_KEY_USED,
            statuses=(200, 201),
        )
    ),
    ending(
        "activate",
        campaigns.activate_campaign,
        Code.INVALID_CONFIGURATION,
        Code.MARKET_NOT_ELIGIBLE,
        Code.INSUFFICIENT_BALANCE,
        Code.ACCOUNT_NOT_FOUND,
        Code.MM_LIMIT_REACHED,
    ),
    ending("cancel", campaigns.cancel_campaign),
    post(
        "/admin/market-making/token",
        service_tokens.issue_worker_token,
        ADMIN,
        Bucket.ADMIN,
        admin_responses.ServiceTokenShape,
        requests.EmptyBody,
        statuses=(201,),
    ),
]


# Older names


class OlderQuery(msgspec.Struct, frozen=True, kw_only=True):
    user_id: Text | None = msgspec.field(default=None, name="userId")
    """Whom the token says, if it is given."""


class OlderListQuery(making.MakingOrdersQuery, frozen=True, kw_only=True):
    user_id: Text | None = msgspec.field(default=None, name="userId")
    """Whom the token says, if it is given."""


class OlderStopQuery(OlderQuery, frozen=True, kw_only=True):
    order_id: Text = msgspec.field(name="clientId")
    """The order's id."""


def formerly(path: str, name: str, now: str, query: type[msgspec.Struct] = OlderQuery) -> AnyRoute:
    """An older name of the route `now`, with the same answer."""
    (route,) = (row for row in OF_OWNERS if f"{row.method} {row.path}" == now)

    async def answer(server: Server, call: Call[Any, Any]) -> Reply[Any]:
        if call.query.user_id not in (None, call.user.user_id):
            raise RefusedError(Code.NOT_ALLOWED, "userId names somebody else")
        if isinstance(call.query, OlderStopQuery):
            call = attrs.evolve(call, path={"order_id": call.query.order_id})
        reply: Reply[Any] = await route.handler(server, call)
        return reply

    codes = (*route.codes, BAD)
    return attrs.evolve(
        route, path=path, name=name, handler=answer, query=query, codes=codes, stands_for=route.path
    )


OLDER: Final[list[AnyRoute]] = [
    formerly("/user-orders/market-making/all", "get_user_orders", f"GET {ORDERS}", OlderListQuery),
    formerly(
        "/user-orders/payment-state/market-making/{order_id}",
        "get_user_order_payment_state",
        f"GET {ORDER}/payment-state",
    ),
    *(
        formerly(
            f"/user-orders/market-making/{{order_id}}/{command}",
            f"{command}_user_order",
            f"POST {ORDER}/{command}",
        )
        for command in ("pause", "resume", "stop")
    ),
    formerly("/strategy/stop-marketmaking", "stop_market_making", f"POST {ORDER}/stop", OlderStopQuery),
]


def worked(message: type[msgspec.Struct], answer: type[msgspec.Struct], *codes: AnyCode) -> AnyOperation:
    """What a worker says on the command stream. Its leases bound it, and no bucket."""
    return stream_only(message, Caller.WORKER, None, answer, *codes)


NO_LEASE: Final = (UNKNOWN, Code.STALE_FENCE)
OF_WORKERS: Final[list[AnyOperation]] = [
    worked(making_messages.MmDue, lease_responses.DueShape),
    worked(making_messages.MmAcquire, lease_responses.LeasesShape, Code.MARKET_NOT_FOUND),
    worked(making_messages.MmRenew, lease_responses.LeaseIsShape, *NO_LEASE),
    worked(making_messages.MmRelease, lease_responses.LeaseIsShape, *NO_LEASE),
    worked(
        making_messages.MmNote,
        campaign_responses.NotedShape,
        UNKNOWN,
        Code.NOT_IN_THIS_STATE,
        Code.MM_LIMIT_REACHED,
    ),
    worked(making_messages.MmVenueDue, lease_responses.VenueDueShape),
    worked(
        making_messages.MmVenue,
        lease_responses.VenueIsShape,
        UNKNOWN,
        Code.NOT_IN_THIS_STATE,
        Code.MM_LIMIT_REACHED,
        Code.FEATURE_DISABLED,
        Code.MARKET_NOT_OPEN,
    ),
]

CONTRACT: Final = get(
    "/market-making/contract",
    contract_of([*OF_OWNERS, *FOR_ALL, *OF_ADMINISTRATORS]),
    Caller.USER,
    QUERY,
    ContractShape,
    NoQuery,
)
