"""What is left out of a served file means nothing: another reader reads the same before and after."""

import re
from pathlib import Path
from typing import Final

import pytest

from adapters.http.page_text import as_served
from adapters.http.web_page import FOLDER

SCRIPTS: Final = sorted(FOLDER.rglob("*.js"))
SIGNS: Final = re.compile(
    r">>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?=|=>|==|!=|<=|>=|&&|\|\||\?\?|\?\.(?!\d)"
    r"|\+\+|--|\+=|-=|\*=|/=|%=|&=|\|=|\^=|<<|>>|\*\*|."
)
"""Of several signs that could begin here a script means the longest."""
AHEAD_OF_A_PATTERN: Final = {"return", "typeof", "case", "in", "of", "await", "=>"}


def read(script: str) -> list[str]:
    """A script's words, signs, texts and patterns, and the line ends between them, character by character."""
    tokens: list[str] = []
    at = 0
    while at < len(script):
        end = behind(script, at, tokens)
        token = script[at:end]
        is_gap = token.isspace() or token.startswith(("//", "/*"))
        tokens.extend("\n" * token.count("\n") if is_gap else [token])
        at = end
    return tokens


def behind(script: str, at: int, tokens: list[str]) -> int:
    """Where what begins here ends."""
    first, rest = script[at], script[at : at + 2]
    if rest == "//":
        return (script + "\n").index("\n", at)
    if rest == "/*":
        return script.index("*/", at) + 2
    if first in "\"'`":
        return behind_text(script, at)
    if first == "/" and begins_pattern(tokens):
        return behind_pattern(script, at)
    word = re.compile(r"\s+|[\w$]+").match(script, at) or SIGNS.match(script, at)
    assert word is not None
    return word.end()


def behind_text(script: str, at: int) -> int:
    quote, at = script[at], at + 1
    while script[at] != quote:
        if script[at] == "\\":
            at += 2
        elif quote == "`" and script.startswith("${", at):
            at = behind_hole(script, at + 2)
        else:
            at += 1
    return at + 1


def behind_hole(script: str, at: int) -> int:
    tokens: list[str] = []
    depth = 1
    while depth:
        end = behind(script, at, tokens)
        tokens.append(script[at:end])
        depth += {"{": 1, "}": -1}.get(tokens[-1], 0)
        at = end
    return at


def begins_pattern(tokens: list[str]) -> bool:
    """A stroke behind a value divides it; behind anything else it begins a pattern."""
    last = next((token for token in reversed(tokens) if not token.isspace()), "")
    return last in AHEAD_OF_A_PATTERN or not re.fullmatch(r"[\w$]+|[)\]}]|[\"'`].*", last, re.DOTALL)


def behind_pattern(script: str, at: int) -> int:
    at, is_class = at + 1, False
    while script[at] != "/" or is_class:
        is_class = script[at] == "[" or (is_class and script[at] != "]")
        at += 2 if script[at] == "\\" else 1
    return at + 1


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_script_of_the_page_says_the_same_as_it_is_served(path: Path) -> None:
    """With the same line ends, on which it may depend and by which a complaint is found."""
    script = path.read_bytes()
    assert read(as_served(script, ".js").decode()) == read(script.decode())


@pytest.mark.parametrize(
    ("script", "served"),
    [
        ("/** What a chart is. */\nlet high;\n", "\nlet high;\n"),
        (
            "/**\n * @param {number} high\n */\nexport function chart(high) {}",
            "\n\n\nexport function chart(high){}",
        ),
        ("  // Higher than the sky.\n  return high / 2; // as seen", "\nreturn high/2;"),
        ("f(/** @type {any} */ { high }, a, b)", "f({high},a,b)"),
        ('h("p", { accept: "*/*", href: "https://a.b" })', 'h("p",{accept:"*/*",href:"https://a.b"})'),
        ("say('it is \"so\"  //  still')", "say('it is \"so\"  //  still')"),
        ("`a  ${b ? ` c  // ${d}` : { e: 1 }}  // f` + g", "`a  ${b ? ` c  // ${d}` : { e: 1 }}  // f`+g"),
        (r"/^[/\]  ]{2} \/  /.test(a)", r"/^[/\]  ]{2} \/  /.test(a)"),
        ("a + +b - -c / /d/", "a+ +b- -c/ /d/"),
        ("const a = typeof b", "const a=typeof b"),
    ],
)
def test_what_is_served_of_a_script(script: str, served: str) -> None:
    assert as_served(script.encode(), ".js").decode() == served
    assert read(served) == read(script)


@pytest.mark.parametrize(
    ("style", "served"),
    [
        ("/* Quiet. */\n.a > b,\nc {\n  d: e;\n}\n", ".a>b,c{d:e;}"),
        ('.a :hover { content: "  /* it */ "; }', '.a :hover{content:"  /* it */ ";}'),
        (
            "@media (min-width: 9px) { a { width: calc(1px + 2px); } }",
            "@media (min-width:9px){a{width:calc(1px + 2px);}}",
        ),
        (".a /* or */ .b, .c { margin: 0 -1px }", ".a .b,.c{margin:0 -1px}"),
    ],
)
def test_what_is_served_of_a_style(style: str, served: str) -> None:
    assert as_served(style.encode(), ".css").decode() == served


def test_nothing_is_left_out_of_other_files() -> None:
    assert as_served(b"<p>\n  <b> // </b>", ".html") == b"<p>\n  <b> // </b>"
