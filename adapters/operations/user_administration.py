"""Administration of users: finding them, letting them in and keeping them out, and who is an administrator.

Who a user is stands in no journal. So each change is told in the log, with the administrator who made it.
"""

import uuid
from typing import Final

import structlog

from adapters.access.identity import PEOPLE
from adapters.access.tables import User
from adapters.operations.operation import Call, NoQuery, Reply
from adapters.service.server import Server, refused
from adapters.wire import admin_responses
from adapters.wire.paging import Page, PageQuery, bad_cursor, cursor_at, page, read_cursor
from adapters.wire.render_rows import row_time
from adapters.wire.requests import ActiveBody, EmptyBody, RoleBody, Text
from adapters.wire.status import RefusedError
from adapters.wire.user_responses import WORKER_ID, AccountType
from kernel.codes import AMM_ID, Code
from kernel.refusals import account_not_found

log: Final = structlog.get_logger(__name__)


class UsersQuery(PageQuery, frozen=True, kw_only=True):
    query: Text | None = None
    """How the username or the e-mail address begins, in capitals or not."""
    account_type: AccountType | None = None
    is_active: bool | None = None


async def get_users(
    server: Server, call: Call[EmptyBody, UsersQuery]
) -> Reply[Page[admin_responses.ListedUserShape]]:
    """Users, by id; those whose username or e-mail address begins with `query`."""
    query = call.query
    after = read_cursor(query.cursor).id if query.cursor is not None else None
    if after is not None and await server.users.find(after) is None:
        raise bad_cursor()
    found = await server.users.search(
        query.query or "", query.account_type, query.is_active, after=after, limit=query.limit + 1
    )
    return Reply(page(found, query.limit, listed, lambda user: cursor_at(user.id)))


def listed(user: User) -> admin_responses.ListedUserShape:
    return admin_responses.ListedUserShape(
        user.id,
        user.username,
        user.email,
        AccountType(user.account_type),
        user.is_active,
        row_time(user.created_at),
    )


async def set_user_active(
    server: Server, call: Call[ActiveBody, NoQuery]
) -> Reply[admin_responses.UserActiveShape]:
    """Let a user in, or keep it out from the next request on; its orders stay in the books."""
    user_id, is_active = canonical(call.path["user_id"]), call.body.is_active
    if not is_active:
        refuse_lockout(user_id, call.user.user_id)
    if await server.users.find(user_id) is None:
        raise refused(account_not_found(user_id), call.durable)
    if not await server.users.set_active(user_id, is_active, spares_last_admin=True):
        raise last_administrator()
    server.identities.forget(user_id)
    log.warning("a user was let in or kept out", user_id=user_id, is_active=is_active, by=call.user.username)
    return Reply(admin_responses.UserActiveShape(user_id, is_active))


async def set_user_role(
    server: Server, call: Call[RoleBody, NoQuery]
) -> Reply[admin_responses.UserRoleShape]:
    """Make a user an administrator, or one like any other. It ends what was opened, but no API key."""
    user_id, account_type = canonical(call.path["user_id"]), call.body.account_type
    if user_id == call.user.user_id:
        raise RefusedError(Code.NOT_ALLOWED, "Nobody changes its own role: another administrator may")
    if account_type == AccountType.ADMIN and server.settings.four_eyes:
        # With a second self one person could confirm what he asked for.
        raise RefusedError(
            Code.NOT_ALLOWED, "With four eyes administrators are made with `verdict user role` alone"
        )
    user = await server.users.find(user_id)
    if user is None:
        raise refused(account_not_found(user_id), call.durable)
    if user.account_type not in PEOPLE:
        raise RefusedError(Code.NOT_ALLOWED, f"{user.username} is the exchange's own, and stays what it is")
    if not await server.users.set_account_type(user.username, account_type, spares_last_admin=True):
        raise last_administrator()
    server.identities.forget(user_id)
    log.warning("a user has another role", user_id=user_id, account_type=account_type, by=call.user.username)
    return Reply(admin_responses.UserRoleShape(user_id, AccountType(account_type)))


def last_administrator() -> RefusedError:
    """Two who take each other's rights away at the same moment: the second is refused."""
    return RefusedError(Code.NOT_ALLOWED, "No administrator would be left: `verdict user` can do it")


def canonical(user_id: str) -> str:
    """The id as it is spelled here; PostgreSQL accepts a UUID in any spelling."""
    try:
        return str(uuid.UUID(user_id))
    except ValueError:
        return user_id


def refuse_lockout(user_id: str, caller_id: str) -> None:
    """Refuse to disable the caller, so that an administrator is always left, or a program of the exchange."""
    if user_id == caller_id:
        raise RefusedError(
            Code.NOT_ALLOWED, "Nobody shuts itself out: another administrator may, or `verdict user disable`"
        )
    if user_id == AMM_ID:
        raise RefusedError(
            Code.NOT_ALLOWED, "Stop the market maker in its markets; `verdict user disable` shuts it out"
        )
    if user_id == WORKER_ID:
        raise RefusedError(
            Code.NOT_ALLOWED, "Stop market-making orders one by one; `verdict user disable` shuts workers out"
        )
