"""The page's files as they are served: without what they hold only for those who work on them.

That is a third of their bytes: comments, the types that are told in them, indents, and spaces that keep
nothing apart. What stands in quotes stays as it is, to the letter, and so does each line of a script, so that
what a browser complains of is found in the file. Nothing is renamed or moved.
"""

import re
from typing import Final

STRING: Final = rb'"(?:[^"\\\n]|\\.)*"' + rb"|'(?:[^'\\\n]|\\.)*'"


def template(depth: int) -> bytes:
    """A text in backticks, with other such texts in its holes, down to some depth."""
    inner = rb"|" + template(depth - 1) if depth else b""
    hole = rb"[^`{}\"']|" + STRING + inner
    hole = rb"\$\{(?:" + hole + rb"|\{(?:" + hole + rb")*\})*\}"
    return rb"`(?:[^`\\$]|\\.|\$(?!\{)|" + hole + rb")*`"


PATTERN: Final = rb"/(?![\s/*=])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/"
"""A regular expression: what is divided has a space behind the stroke."""
GAP: Final = rb"(?P<gap>(?:/\*.*?\*/|//[^\n]*|\s)+)"
SCRIPT: Final = re.compile(b"|".join([STRING, template(2), GAP, PATTERN]), re.DOTALL)

STYLE: Final = re.compile(STRING + rb"|(?P<gap>(?:/\*.*?\*/|\s)+)", re.DOTALL)
NEEDS_NONE_BEFORE: Final = b"{};,>"
NEEDS_NONE_BEHIND: Final = b"{};,>:"
WORD: Final = re.compile(rb"[\w$#@\x80-\xff]")


def as_served(text: bytes, kind: str) -> bytes:
    if kind == ".js":
        return SCRIPT.sub(between_words, text)
    return STYLE.sub(between_rules, text) if kind == ".css" else text


def between_words(found: re.Match[bytes]) -> bytes:
    """Of a gap in a script its line ends, or the one space without which two words would be one."""
    gap, before, behind = around(found)
    if gap is None or b"\n" in gap:
        return found.group() if gap is None else b"\n" * gap.count(b"\n")
    is_needed = (WORD.match(before) and WORD.match(behind)) or (before == behind and before in b"+-/")
    return b" " if is_needed else b""


def between_rules(found: re.Match[bytes]) -> bytes:
    """Of a gap in a style one space: before a colon, a bracket or a sign it may mean something."""
    gap, before, behind = around(found)
    if gap is None:
        return found.group()
    return b"" if not before or before in NEEDS_NONE_BEHIND or behind in NEEDS_NONE_BEFORE else b" "


def around(found: re.Match[bytes]) -> tuple[bytes | None, bytes, bytes]:
    """A gap, if it is one, and what stands on both sides of it."""
    start, end = found.span()
    return found["gap"], found.string[max(0, start - 1) : start], found.string[end : end + 1]
