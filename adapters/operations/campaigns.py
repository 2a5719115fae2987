"""Campaigns: everybody sees them, owners join them with their orders, administrators make and end them."""

import uuid
from itertools import islice
from typing import Any

import msgspec

from adapters.operations.making import named_order, shown, status_of
from adapters.operations.operation import Call, NoQuery, Reply, from_memory
from adapters.service.server import Server, refused
from adapters.wire import campaign_responses as shapes
from adapters.wire import render_campaigns
from adapters.wire.campaign_requests import CampaignBody, JoinBody
from adapters.wire.making_requests import StrictBody, fresh_key
from adapters.wire.making_responses import ControlledShape
from adapters.wire.paging import Page, PageQuery, cursor_at, one_of, page, read_cursor
from adapters.wire.requests import EmptyBody, Text
from adapters.wire.status import malformed
from kernel.campaign_view import campaign_now
from kernel.making_answers import MmCampaignIs, MmOrderIs
from kernel.making_commands import CampaignControl, CampaignStatus, ControlMmCampaign
from kernel.making_refusals import campaign_not_found

# Looking


def named_campaign(call: Call[Any, Any]) -> str:
    """The id in the path as ids are spelled here."""
    try:
        return str(msgspec.convert(call.path["campaign_id"], uuid.UUID))
    except msgspec.ValidationError:
        raise malformed(("campaign_id", "must be a UUID")) from None


class CampaignsQuery(PageQuery, frozen=True, kw_only=True):
    market_id: Text | None = None
    status: str | None = None
    """Names of statuses, separated by commas."""


@from_memory
def get_campaigns(server: Server, call: Call[EmptyBody, CampaignsQuery]) -> Page[shapes.CampaignShape]:
    """Campaigns that reward market-making orders, newest first."""
    query = call.query
    statuses = one_of(CampaignStatus, query.status, "status")
    last = read_cursor(query.cursor).id if query.cursor is not None else None
    found = (
        campaign
        for campaign in reversed(server.exchange.making.campaigns.values())
        if (last is None or campaign.id < last)
        and (statuses is None or campaign.status in statuses)
        and query.market_id in (None, campaign.market_id)
    )
    return page(
        list(islice(found, query.limit + 1)),
        query.limit,
        lambda each: render_campaigns.campaign(campaign_now(each)),
        lambda each: cursor_at(each.id),
    )


@from_memory
def get_campaign(server: Server, call: Call[EmptyBody, NoQuery]) -> shapes.CampaignShape:
    """One campaign."""
    campaign_id = named_campaign(call)
    campaign = server.exchange.making.campaigns.get(campaign_id)
    if campaign is None:
        raise refused(campaign_not_found(campaign_id), call.durable)
    return render_campaigns.campaign(campaign_now(campaign))


# Doing


async def join_campaign(server: Server, call: Call[JoinBody, NoQuery]) -> Reply[ControlledShape]:
    """Take part in a campaign with an order that is ready and has none."""
    key = call.key or fresh_key(server.clock)
    command = call.body.to_command(named_order(call), call.user.user_id, server.clock, key)
    answer, _ = await server.answer(command, call.request_id, MmOrderIs)
    order = shown(server, answer.order.order_id)
    data = ControlledShape(answer.changed, answer.repeated, order)
    return Reply(data, status_of(order), await server.wait_durable(server.exchange.head))


async def create_campaign(
    server: Server, call: Call[CampaignBody, NoQuery]
) -> Reply[shapes.MadeCampaignShape]:
    """Prepare a campaign. It is a draft: nobody joins, and nobody pays, before it is activated."""
    user = call.user
    command = call.body.to_command(user.username, user.user_id, server.clock, call.key)
    answer, _ = await server.answer(command, call.request_id, MmCampaignIs)
    made = render_campaigns.members(answer.campaign)
    data = shapes.MadeCampaignShape(**made, repeated=answer.repeated)
    status = 200 if answer.repeated else 201
    return Reply(data, status, await server.wait_durable(server.exchange.head))


async def activate_campaign(
    server: Server, call: Call[StrictBody, NoQuery]
) -> Reply[shapes.ControlledCampaignShape]:
    """Open a campaign, and pay the whole pool for it from one's own cash."""
    return await controlled(server, call, CampaignControl.ACTIVATE)


async def cancel_campaign(
    server: Server, call: Call[StrictBody, NoQuery]
) -> Reply[shapes.ControlledCampaignShape]:
    """Call a campaign off. The pool goes back to whoever paid for it."""
    return await controlled(server, call, CampaignControl.CANCEL)


async def controlled(
    server: Server, call: Call[StrictBody, NoQuery], control: CampaignControl
) -> Reply[shapes.ControlledCampaignShape]:
    command = ControlMmCampaign(
        at=server.clock.now(),
        campaign_id=named_campaign(call),
        control=control,
        by=call.user.username,
        by_id=call.user.user_id,
    )
    answer, _ = await server.answer(command, call.request_id, MmCampaignIs)
    data = shapes.ControlledCampaignShape(answer.changed, render_campaigns.campaign(answer.campaign))
    return Reply(data, journal_id=await server.wait_durable(server.exchange.head))
