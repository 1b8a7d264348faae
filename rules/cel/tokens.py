"""The first step from text: tokens, each with the place where it begins.

Source: the lexis of github.com/google/cel-spec, doc/langdef.md, and its quoted field names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rules.cel.errors import ConditionError

LENGTH_MAX = 10_000  # characters of an expression

RESERVED = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let"),
        *("loop", "package", "namespace", "return", "var", "void", "while"),
    )
)
KEYWORDS = frozenset(("true", "false", "null", "in"))

_FORMS = {
    "space": r"(?:[\t\n\f\r ]+|//[^\n]*)+",
    "string": r"""
        [bB]?[rR](?: \"""[\s\S]*?\""" | '''[\s\S]*?''' | "[^"\r\n]*" | '[^'\r\n]*' )
      | [bB]?(?: \"""(?:\\[\s\S]|[^\\])*?\""" | '''(?:\\[\s\S]|[^\\])*?'''
               | "(?:\\.|[^\\"\r\n])*" | '(?:\\.|[^\\'\r\n])*' )""",
    "double": r"[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+",
    "uint": r"(?:0x[0-9a-fA-F]+|[0-9]+)[uU]",
    "int": r"0x[0-9a-fA-F]+ | [0-9]+",
    "name": r"[_a-zA-Z][_a-zA-Z0-9]*",
    "quoted": r"`[_a-zA-Z0-9./\- ]+`",
    "mark": r"&& | \|\| | [<>=!]= | [-+*/%<>!?:.,()\[\]{}]",
}
# "space" is not in verbose form, the others are
_TOKEN = re.compile(
    "|".join(
        f"(?P<{kind}>{form if kind == 'space' else f'(?x:{form})'})"
        for kind, form in _FORMS.items()
    )
)
_HINTS = {
    "=": "compare with ==",
    "&": "join conditions with &&",
    "|": "join conditions with ||",
    '"': "this string has no end",
    "'": "this string has no end",
    "`": "a quoted field name ends with ` and holds letters, digits and _ . - / only",
}


class Token(NamedTuple):
    """kind: of the forms above, or `end`. position: the offset of its first character."""

    kind: str
    text: str
    position: int


def tokens(text: str) -> Iterator[Token]:
    """The tokens of `text`, then one of kind `end`; blanks and comments are left out.

    Raises ConditionError where no token begins.

    >>> [token.text for token in tokens("data.n >= 1.5 // enough")]
    ['data', '.', 'n', '>=', '1.5', '']
    """
    if len(text) > LENGTH_MAX:
        raise ConditionError(LENGTH_MAX, f"an expression has at most {LENGTH_MAX} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConditionError(error.start, "a lone surrogate is no text") from None
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise ConditionError(place, _fault(text[place]))
        if match.lastgroup != "space":
            yield Token(match.lastgroup, match[0], place)
        place = match.end()
    yield Token("end", "", place)


def _fault(character: str) -> str:
    hint = _HINTS.get(character)
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    return f"{shown} does not belong here" + (f": {hint}" if hint else "")
