"""What cattrs collects when a table does not become a class: each fault by itself, with its place."""

from collections.abc import Iterator

from cattrs import ClassValidationError, IterableValidationError


def faults(trouble: Exception, place: str = "") -> Iterator[tuple[str, Exception]]:
    """Yield everything that is wrong, each with the dotted name of the value that it is about."""
    match trouble:
        case ClassValidationError():
            placed, others = trouble.group_exceptions()
            steps = [(error, note.name.rstrip("_")) for error, note in placed]
        case IterableValidationError():
            listed, others = trouble.group_exceptions()
            steps = [(error, str(note.index)) for error, note in listed]
        case _:
            yield place, trouble
            return
    for error, step in steps:
        yield from faults(error, f"{place}.{step}" if place else step)
    for error in others:
        yield from faults(error, place)
