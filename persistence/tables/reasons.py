"""Why an account changed, in a few words for people: the description of a ledger entry."""

from kernel.events import (
    AnyEvent,
    Fill,
    FundsDeposited,
    FundsTransferred,
    NettingExecuted,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    PositionSettled,
    SharesBurned,
    SharesMinted,
)


def reason_of(event: AnyEvent) -> str:
    match event:
        case OrderAccepted():
            return (
                f"Freeze for {event.original_direction} {event.original_side} "
                f"{event.quantity} @{event.original_price}"
            )
        case Fill():
            return f"{event.trade.scenario} {event.fill_qty} @{event.trade_price}"
        case OrderAmended():
            return f"Amended to {event.quantity} @{event.original_price}"
        case OrderCancelled():
            return f"Cancelled: {event.cancel_reason}"
        case OrderExpired():
            return f"Expired with {event.expired_qty} not filled"
        case NettingExecuted():
            return f"Netted {event.quantity} pairs"
        case SharesMinted():
            return f"Minted {event.quantity} pairs"
        case SharesBurned():
            return f"Burned {event.quantity} pairs"
        case PositionSettled():
            return f"Settled {event.resolution_result}"
        case FundsDeposited():
            return f"Deposit: {event.cause}"
        case FundsTransferred():
            return f"Transfer: {event.reference_type}"
        case _:
            return "Withdrawal"
