"""The HTTP status of each code, in one table: those of the kernel and those of the API itself.

REST, the command stream and the published API description all read it here.
"""

import enum
from http import HTTPStatus
from typing import Final

from kernel.codes import Code


class Fault(enum.IntEnum):
    """Codes that no decision of the kernel gives: what is wrong with a caller, a request or a connection."""

    USERNAME_EXISTS = 1001
    EMAIL_EXISTS = 1002
    WRONG_PASSWORD = 1003
    ACCOUNT_DISABLED = 1004
    REFRESH_TOKEN_INVALID = 1005
    NOT_AUTHENTICATED = 1006
    SCOPE_MISSING = 1008
    API_KEY_NOT_FOUND = 1009
    TOO_MANY_API_KEYS = 1010
    API_KEY_NAME_USED = 1011
    CURRENT_PASSWORD_WRONG = 1012
    TOO_MANY_IN_FLIGHT = 7001
    BAD_CID = 7002
    UNKNOWN_OP = 7003
    CANNOT_RESUME = 7004
    NOT_AUTHENTICATED_YET = 7005
    BAD_BATCH = 7006
    BAD_SUBSCRIPTION = 7007
    SHUTTING_DOWN = 7008
    UNDECODABLE = 7009
    RATE_LIMITED = 9001
    NO_SUCH_PATH = 9005
    METHOD_NOT_ALLOWED = 9006
    BODY_TOO_LARGE = 9007


AnyCode = Code | Fault

SUCCESS: Final = 0

STATUS: Final[dict[AnyCode, HTTPStatus]] = {
    Fault.USERNAME_EXISTS: HTTPStatus.CONFLICT,
    Fault.EMAIL_EXISTS: HTTPStatus.CONFLICT,
    Fault.WRONG_PASSWORD: HTTPStatus.UNAUTHORIZED,
    Fault.ACCOUNT_DISABLED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Fault.REFRESH_TOKEN_INVALID: HTTPStatus.UNAUTHORIZED,
    Fault.NOT_AUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    Fault.SCOPE_MISSING: HTTPStatus.FORBIDDEN,
    Fault.API_KEY_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Fault.TOO_MANY_API_KEYS: HTTPStatus.UNPROCESSABLE_ENTITY,
    Fault.API_KEY_NAME_USED: HTTPStatus.CONFLICT,
    Fault.CURRENT_PASSWORD_WRONG: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.INSUFFICIENT_BALANCE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.ACCOUNT_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.MARKET_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.MARKET_NOT_OPEN: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.NOT_RESOLVABLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.INVALID_RESULT: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.TRANSITION_NOT_ALLOWED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.MARKET_EXISTS: HTTPStatus.CONFLICT,
    Code.INVARIANTS_BROKEN: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.NO_VOID_PRICE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.OUTSIDE_COLLAR: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.NOT_IN_THIS_MODE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.PRICE_OUT_OF_RANGE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.LIMIT_EXCEEDED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.SELF_TRADE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.ORDER_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.CLIENT_ORDER_ID_USED: HTTPStatus.CONFLICT,
    Code.ORDER_CLOSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.POST_ONLY_WOULD_TAKE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.NOT_FILLABLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.DEADLINE_PASSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.EXPIRY_PASSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.TOO_MANY_ORDERS: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.NOT_ABOVE_FILLED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.BATCH_REFUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.BATCH_OTHER_MARKET: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.GROUP_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.GROUP_TRIGGERED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.TOO_MANY_GROUPS: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.INSUFFICIENT_SHARES: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.REPLACE_PARTLY_FILLED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.REPLACE_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.REPLACE_FILLED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.REPLACE_NOT_OWN: HTTPStatus.FORBIDDEN,
    Code.REPLACE_OTHER_MARKET: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.IDEMPOTENCY_KEY_USED: HTTPStatus.CONFLICT,
    Code.AMM_RUNNING: HTTPStatus.CONFLICT,
    Code.AMM_NOT_RUNNING: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.AMM_NOT_AUTHORIZED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.AMM_ONLY: HTTPStatus.FORBIDDEN,
    Fault.TOO_MANY_IN_FLIGHT: HTTPStatus.TOO_MANY_REQUESTS,
    Fault.BAD_CID: HTTPStatus.BAD_REQUEST,
    Fault.UNKNOWN_OP: HTTPStatus.BAD_REQUEST,
    Fault.CANNOT_RESUME: HTTPStatus.GONE,
    Fault.NOT_AUTHENTICATED_YET: HTTPStatus.UNAUTHORIZED,
    Fault.BAD_BATCH: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Fault.BAD_SUBSCRIPTION: HTTPStatus.BAD_REQUEST,
    Fault.SHUTTING_DOWN: HTTPStatus.SERVICE_UNAVAILABLE,
    Fault.UNDECODABLE: HTTPStatus.BAD_REQUEST,
    Code.MM_ORDER_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.NOT_IN_THIS_STATE: HTTPStatus.CONFLICT,
    Code.MARKET_NOT_ELIGIBLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.MM_LIMIT_REACHED: HTTPStatus.CONFLICT,
    Code.STALE_FENCE: HTTPStatus.CONFLICT,
    Code.PAYMENT_WRONG: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.TRANSFER_KEY_USED: HTTPStatus.CONFLICT,
    Code.FUNDS_LOCKED: HTTPStatus.CONFLICT,
    Code.REFUND_UNSAFE: HTTPStatus.CONFLICT,
    Code.FEATURE_DISABLED: HTTPStatus.FORBIDDEN,
    Code.CAMPAIGN_NOT_JOINABLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.INVALID_CONFIGURATION: HTTPStatus.UNPROCESSABLE_ENTITY,
    Fault.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.OVERLOADED: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.MALFORMED: HTTPStatus.BAD_REQUEST,
    Fault.NO_SUCH_PATH: HTTPStatus.NOT_FOUND,
    Fault.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Fault.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


class RefusedError(Exception):
    """The refusal of a request, raised wherever it is found."""

    def __init__(
        self,
        code: AnyCode,
        message: str,
        data: object = None,
        *,
        journal_id: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.journal_id = journal_id
        """The durable journal id that the refusal reflects, if the kernel decided it."""
        self.retry_after = retry_after
        """Seconds after which a new attempt may succeed, if that is known."""

    @property
    def status(self) -> int:
        return STATUS[self.code].value


def malformed(*errors: tuple[str, str]) -> RefusedError:
    """The refusal of a request with wrong members; an empty name stands for the whole body."""
    return RefusedError(
        Code.MALFORMED,
        "Malformed request: " + "; ".join(f"{field or 'body'} {problem}" for field, problem in errors),
        {"errors": [{"field": field, "problem": problem} for field, problem in errors]},
    )
