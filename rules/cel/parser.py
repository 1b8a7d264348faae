"""The second step: tokens to a syntax tree, by recursive descent.

Source: the grammar in cel-spec, doc/langdef.md. Nothing nests deeper than `DEPTH_MAX`, neither in
the text nor in the tree, so that no later step can run out of stack.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rules.cel.errors import ConditionError
from rules.cel.literals import parse_literal
from rules.cel.macros import expand
from rules.cel.syntax import (
    Call,
    Choice,
    Entries,
    Ident,
    Items,
    Literal,
    Logic,
    Node,
    Operator,
    Select,
    children,
)
from rules.cel.tokens import KEYWORDS, RESERVED, Token, tokens

DEPTH_MAX = 64

T = TypeVar("T")

_CONSTANTS = {"true": True, "false": False, "null": None}
_LEVELS = {  # of the operators that bind from the left, from loose to tight
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
_INSTEAD = {"and": "&&", "or": "||", "not": "!", "is": "==", "AND": "&&", "OR": "||", "NOT": "!"}


def parse(text: str) -> Node:
    """The tree of an expression. Raises ConditionError with the place of the first fault.

    >>> parse("1 + 2 * 3").operands[1].name
    '{} * {}'
    """
    parser = _Parser(list(tokens(text)))
    node = parser.expression()
    if not parser.at_end():
        raise parser.unexpected()
    _check_depth(node)
    return node


def _check_depth(root: Node) -> None:
    stack = [(root, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > DEPTH_MAX:
            raise _too_deep(node.position)
        stack.extend((child, depth + 1) for child in children(node))


def _too_deep(position: int) -> ConditionError:
    return ConditionError(position, f"this is nested deeper than {DEPTH_MAX} levels")


class _Parser:
    """Each method reads what it is named for from the tokens at hand, and goes past it."""

    def __init__(self, all_tokens: list[Token]) -> None:
        self.tokens = all_tokens
        self.index = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def at_end(self) -> bool:
        return self.token.kind == "end"

    def at(self, text: str) -> bool:
        return self.token.kind == "mark" and self.token.text == text

    def advance(self) -> Token:
        token = self.token
        self.index += not self.at_end()
        return token

    def take(self, text: str) -> Token:
        if not self.at(text):
            raise self.unexpected(f"{text} is missing")
        return self.advance()

    def unexpected(self, hint: str = "") -> ConditionError:
        token = self.token
        for word in self.tokens[max(self.index - 1, 0) : self.index + 1]:
            if word.text in _INSTEAD:
                text = f"{word.text} is no operator: write {_INSTEAD[word.text]}"
                return ConditionError(word.position, text)
        what = f"{token.text[:40]} does not belong here"
        if self.at_end():
            what = "the expression ends too early"
        return ConditionError(token.position, f"{what}: {hint}" if hint else what)

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise _too_deep(self.token.position)
        node = self.binary(1)
        if self.at("?"):
            position = self.advance().position
            yes = self.binary(1)
            self.take(":")
            node = Choice(position, node, yes, self.expression())
        self.depth -= 1
        return node

    def binary(self, lowest: int) -> Node:
        """Operands joined by operators that bind at least as tight as `lowest`."""
        node = self.unary()
        while (level := _LEVELS.get(self.token.text, 0)) >= lowest:
            token = self.advance()
            right = self.binary(level + 1)
            if level > 2:
                node = Operator(token.position, f"{{}} {token.text} {{}}", (node, right))
            elif isinstance(node, Logic) and node.name == token.text:
                node = Logic(node.position, node.name, (*node.terms, right))
            else:
                node = Logic(token.position, token.text, (node, right))
        return node

    def unary(self) -> Node:
        """Signs do not mix: `!!a` and `--a` are expressions, `-!a` is not."""
        sign = self.token.text
        signs = []
        if self.at("!") or self.at("-"):
            while self.at(sign) and not self.at_negative():
                signs.append(self.advance())
        node = self.member()
        for token in reversed(signs):
            node = Operator(token.position, f"{sign}{{}}", (node,))
        return node

    def at_negative(self) -> bool:
        """A minus that belongs to a number: the lowest int has no positive counterpart."""
        return self.at("-") and self.tokens[self.index + 1].kind in ("int", "double")

    def member(self) -> Node:
        node = self.primary()
        while True:
            if self.at("."):
                self.advance()
                node = self.selection(node)
            elif self.at("["):
                position = self.advance().position
                self.refuse_optional()
                node = Operator(position, "{}[{}]", (node, self.expression()))
                self.take("]")
            elif self.at("{") and isinstance(node, Ident | Select):
                text = "messages (Name{field: value}) are no part of conditions; see docs/cel.md"
                raise ConditionError(self.token.position, text)
            else:
                return node

    def selection(self, target: Node) -> Node:
        """What follows the dot: a field, or a call."""
        self.refuse_optional()
        token = self.token
        if token.kind == "quoted":
            self.advance()
            return Select(token.position, target, token.text[1:-1])
        if token.kind != "name" or token.text in KEYWORDS:
            raise self.unexpected("the name of a field is missing")
        self.advance()
        if self.at("("):
            return self.call(token, target)
        return Select(token.position, target, token.text)

    def refuse_optional(self) -> None:
        if self.at("?"):
            text = "optional values (.? and [?) are no part of conditions: use has()"
            raise ConditionError(self.token.position, text)

    def call(self, name: Token, target: Node | None) -> Node:
        self.take("(")
        args = self.sequence(")", self.expression, trailing=False)
        macro = expand(name, target, args)
        return macro or Call(name.position, name.text, target, args)

    def sequence(self, closing: str, item: Callable[[], T], *, trailing: bool) -> tuple[T, ...]:
        """Items between commas up to `closing`; `trailing`: a comma may stand before that."""
        items: list[T] = []
        if trailing and self.at(","):
            self.advance()
        elif not self.at(closing):
            items.append(item())
            while self.at(","):
                self.advance()
                if trailing and self.at(closing):
                    break
                items.append(item())
        self.take(closing)
        return tuple(items)

    def entry(self) -> tuple[Node, Node]:
        self.refuse_optional()
        key = self.expression()
        self.take(":")
        return key, self.expression()

    def item(self) -> Node:
        self.refuse_optional()
        return self.expression()

    def primary(self) -> Node:
        token = self.token
        if token.kind in ("int", "uint", "double", "string"):
            self.advance()
            return Literal(token.position, parse_literal(token))
        if self.at_negative():
            self.advance()
            return Literal(token.position, parse_literal(self.advance(), negative=True))
        if token.kind == "name" and token.text in _CONSTANTS:
            self.advance()
            return Literal(token.position, _CONSTANTS[token.text])
        if self.at("("):
            self.advance()
            node = self.expression()
            self.take(")")
            return node
        if self.at("["):
            self.advance()
            return Items(token.position, self.sequence("]", self.item, trailing=True))
        if self.at("{"):
            self.advance()
            return Entries(token.position, self.sequence("}", self.entry, trailing=True))
        return self.name()

    def name(self) -> Node:
        root = self.at(".")
        if root:
            self.advance()
        token = self.token
        if token.kind != "name" or token.text in KEYWORDS:
            raise self.unexpected()
        if token.text in RESERVED:
            raise self.unexpected(f"{token.text} is a reserved word")
        self.advance()
        if self.at("("):
            return self.call(token, None)
        return Ident(token.position, token.text, root)
