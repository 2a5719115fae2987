"""What every command carries, whatever it asks for: see `commands.py` for those that there are."""

import msgspec

from kernel.past import Past


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", omit_defaults=True):
    """What every command carries."""

    at: int
    """Microseconds since the Unix epoch, by the clock of whoever sends it."""

    # What only some commands have as a member, none of the others has: nobody need ask which kind one is.

    @property
    def market_id(self) -> str | None:
        """The market it is for, which decides it; none for what belongs to no market."""
        return None

    @property
    def acts_on(self) -> str | None:
        """The order whose book it changes: that order's market decides it, whatever market it names."""
        return None

    @property
    def user_id(self) -> str | None:
        """The account it is given for."""
        return None

    @property
    def past(self) -> Past | None:
        """What was found of what it names that memory no longer holds."""
        return None

    @property
    def by(self) -> str | None:
        """The administrator who gave it."""
        return None

    @property
    def asked_by(self) -> str | None:
        """The account's user, or the administrator; nobody for what the exchange does by itself."""
        return self.user_id if self.user_id is not None else self.by

    @property
    def lets_others_in(self) -> bool:
        """Whether others are decided in the same market while it is carried out in portions."""
        return False


class RecallingCommand(Command, frozen=True, kw_only=True):
    """One that may name what memory no longer holds."""

    past: Past | None = None
    """Nothing, when it is sent first."""


class TimedCommand(RecallingCommand, frozen=True, kw_only=True):
    """One whose sender wants it decided in time, or not at all."""

    valid_until: int | None = None
    """No property of what it asks for: the same request may come again with another."""
