"""What the literals of the text stand for: numbers, strings, bytes.

Source: "Numeric Values" and "String and Bytes Values" in cel-spec, doc/langdef.md.
"""

from __future__ import annotations

import math
import re

from rules.cel.errors import ConditionError
from rules.cel.tokens import Token
from rules.cel.values import INT_MAX, INT_MIN, UINT_MAX, UInt, Value

_STRING = re.compile(r"([bB]?)([rR]?)(\"\"\"|'''|\"|')([\s\S]*)\3")
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|([0-3][0-7]{2})"
    r"|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|)"
)
_PLAIN = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))


def parse_literal(token: Token, *, negative: bool = False) -> Value:
    """The value of a token of kind int, uint, double or string; `negative`: a minus stands before.

    Raises ConditionError for a number out of range and for a wrong escape sequence.

    >>> parse_literal(Token("int", "0x1F", 0)), parse_literal(Token("string", "b'\\\\xff'", 0))
    (31, b'\\xff')
    """
    match token.kind:
        case "int":
            number = _integer(token.text)
            number = -number if negative else number
            return _within(number, INT_MIN, INT_MAX, token)
        case "uint":
            return UInt(_within(_integer(token.text[:-1]), 0, UINT_MAX, token))
        case "double":
            double = float(token.text)
            if math.isinf(double):
                raise ConditionError(
                    token.position, f"{token.text[:40]} is beyond the range of double"
                )
            return -double if negative else double
        case _:
            return _text(token)


def _integer(digits: str) -> int:
    if len(digits) > 64:
        return UINT_MAX + 1
    return int(digits, 16 if digits.startswith("0x") else 10)


def _within(number: int, low: int, high: int, token: Token) -> int:
    if not low <= number <= high:
        raise ConditionError(
            token.position, f"{token.text[:40]} is beyond the range of {token.kind}"
        )
    return number


def _text(token: Token) -> str | bytes:
    match = _STRING.fullmatch(token.text)
    assert match is not None
    octets, raw, _, body = match.groups()
    start = token.position + match.start(4)
    if octets:
        return body.encode() if raw else _unescape_bytes(body, start)
    return body if raw else _unescape(body, start)


def _unescape(body: str, start: int) -> str:
    def fill(match: re.Match[str]) -> str:
        plain, hexadecimal, octal, short, long = match.groups()
        if plain:
            return _PLAIN.get(plain, plain)
        digits = hexadecimal or short or long
        if not (digits or octal):
            raise _wrong(match, start, "write \\\\ for a backslash, or r'...' for a raw string")
        code = int(digits, 16) if digits else int(octal, 8)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise _wrong(match, start, "this is no code point of Unicode")
        return chr(code)

    return _ESCAPE.sub(fill, body)


def _unescape_bytes(body: str, start: int) -> bytes:
    parts = []
    end = 0
    for match in _ESCAPE.finditer(body):
        parts.append(body[end : match.start()].encode())
        end = match.end()
        plain, hexadecimal, octal, short, long = match.groups()
        if short or long:
            raise _wrong(match, start, "bytes are written \\xff or \\377")
        if plain:
            parts.append(_PLAIN.get(plain, plain).encode())
        elif hexadecimal or octal:
            parts.append(bytes([int(hexadecimal, 16) if hexadecimal else int(octal, 8)]))
        else:
            raise _wrong(match, start, "write \\\\ for a backslash, or br'...' for raw bytes")
    return b"".join([*parts, body[end:].encode()])


def _wrong(match: re.Match[str], start: int, hint: str) -> ConditionError:
    shown = match[0] if len(match[0]) > 1 else match.string[match.start() : match.end() + 1]
    return ConditionError(start + match.start(), f"{shown} is no escape sequence: {hint}")
