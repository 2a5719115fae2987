"""How an order's terms stand in the journal: unfolded among the other members of a command, and of an event.

So they always stood there, and whoever reads the journal in SQL finds a price by its name. That the terms are
one value is this program's business.
"""

from collections.abc import Callable
from typing import Any, Final, get_args

import msgspec
from msgspec.structs import FieldInfo, asdict, fields

from kernel.commands import AnyCommand, AtomicBatch, Command, OrderTerms, OrderWish, TimedCommand
from kernel.events import OrderAccepted

Filed = msgspec.Struct
"""A command in the form in which it is filed."""


def unfold(kind: type[OrderWish]) -> list[tuple[FieldInfo, str]]:
    """The members of a command in the order in which they are filed, and where each of them is."""
    unfolded: list[tuple[FieldInfo, str]] = []
    for field in fields(kind):
        if field.type is OrderTerms:
            unfolded += [(inner, f"terms.{inner.name}") for inner in fields(OrderTerms)]
        else:
            unfolded.append((field, field.name))
    return unfolded


def filer(kind: type[OrderWish]) -> Callable[[Any], Filed]:
    """Makes a command flat.

    As code of its own, which names each member once and hands it over by position: this is done for every
    order, and asking for the members by their names would take three times as long.
    """
    unfolded = unfold(kind)
    members: list[Any] = []
    for field, _ in unfolded:
        # Behind a member with a default all need one. This one is given to none of them.
        default = field.default if field.default is not msgspec.NODEFAULT else msgspec.UNSET
        members.append((field.name, field.type, default))
    flat = msgspec.defstruct(
        kind.__name__,
        members,
        frozen=True,
        gc=False,
        omit_defaults=True,
        tag_field="command",
        tag=kind.__struct_config__.tag,
    )
    places = ", ".join(f"command.{place}" for _, place in unfolded)
    source = f"lambda command: flat({places})"
    make_flat: Callable[[Any], Filed] = eval(source, {"flat": flat})  # noqa: S307 - our own words
    return make_flat


def terms_reader() -> Callable[[OrderAccepted], OrderTerms]:
    accepted = OrderAccepted.__struct_fields__
    named = [name if name in accepted else f"original_{name}" for name in OrderTerms.__struct_fields__]
    values = ", ".join(f"event.{name}" for name in named)
    reader: Callable[[OrderAccepted], OrderTerms] = eval(  # noqa: S307 - our own words
        f"lambda event: OrderTerms({values})", {"OrderTerms": OrderTerms}
    )
    return reader


terms_of: Final = terms_reader()
"""The terms of an order, from the fact that it was accepted; made like the fillers, as replay is of many."""


WISHES: Final[dict[type[Command], Callable[[Any], Filed]]] = {
    kind: filer(kind) for kind in get_args(AnyCommand) if issubclass(kind, OrderWish)
}
"""The commands that are filed in another form than they are sent in, but for a batch, which holds some."""
NAMES: Final = {kind.__struct_config__.tag for kind in WISHES}
BATCH: Final = AtomicBatch.__struct_config__.tag


class FiledBatch(TimedCommand, frozen=True, kw_only=True, tag=BATCH):
    user_id: str
    market_id: str
    commands: list[Filed]
    fence: int | None = None


def filed(command: Command) -> Filed:
    """A command as it is written down."""
    if isinstance(command, AtomicBatch):
        return FiledBatch(**asdict(command) | {"commands": list(map(filed, command.commands))})
    make_flat = WISHES.get(type(command))
    return command if make_flat is None else make_flat(command)


def unfiled(members: dict[str, Any]) -> AnyCommand:
    """The command that was written down, from its members."""
    if members.get("command") == BATCH:
        members = members | {"commands": [msgspec.to_builtins(unfiled(each)) for each in members["commands"]]}
    elif members.get("command") in NAMES:
        terms = {name: members[name] for name in OrderTerms.__struct_fields__ if name in members}
        members = {name: value for name, value in members.items() if name not in terms} | {"terms": terms}
    command: AnyCommand = msgspec.convert(members, AnyCommand)
    return command
