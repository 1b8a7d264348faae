"""Reads YAML text into values that remember their places.

Only what a rule needs of YAML is let in: one document, no anchors or tags, every key once and as
text. Plain `yes`, `on` or `2026-03-02` stay text as they stand there; numbers, `true`, `false` and
`null` are what they look like (the core schema of YAML 1.2, yaml.org/spec/1.2.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from models.errors import Fault
from rules.positions import Document, Node, Path

CHARACTERS_MAX = 200_000
DEPTH_MAX = 24
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


def parse_document(text: str, file: str) -> tuple[Document, list[Fault]]:
    """The values of a YAML file and every fault in how it is written.

    >>> document, faults = parse_document("on: yes\\nsince: 2026-03-02\\ncount: 3\\n", "a.yml")
    >>> document.value, faults
    ({'on': 'yes', 'since': '2026-03-02', 'count': 3}, [])
    >>> document.fault(("since",), "too early")
    Fault(file='a.yml', line=2, column=8, message='too early')
    """
    document = Document(file, None, text)
    if len(text) > CHARACTERS_MAX:
        message = f"{len(text)} characters; a file has at most {CHARACTERS_MAX}"
        return document, [Fault(file, 1, 1, message)]
    builder = _Builder(document)
    try:
        value = builder.build(yaml.parse(text, Loader=_LOADER))
    except _TooDeep:
        value = None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        builder.faults.append(Fault(file, *at, f"not YAML: {error.problem or error.context}"))
        value = None
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        builder.faults.append(Fault(file, 1, 1, f"not YAML: {reason}"))
        value = None
    return Document(file, value, text, document.nodes, document.keys), builder.faults


class _TooDeep(Exception):
    """The rest of the file is not read."""


class _Builder:
    """Builds values from the parser's events; faults are collected and the rest is read on."""

    def __init__(self, document: Document) -> None:
        self.file = document.file
        self.nodes = document.nodes
        self.keys = document.keys
        self.faults: list[Fault] = []

    def build(self, events: Iterator[Any]) -> Any:
        value = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fault(event, "a second document begins here; write one a file")
                    break
            elif isinstance(event, yaml.NodeEvent):
                value = self._node(event, events, ())
        if value is None and not self.faults:
            self.faults.append(Fault(self.file, 1, 1, "the file is empty"))
        return value

    def _fault(self, event: Any, message: str) -> None:
        mark = event.start_mark
        self.faults.append(Fault(self.file, mark.line + 1, mark.column + 1, message))

    def _node(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        self.nodes[path] = _place(event)
        if len(path) > DEPTH_MAX:
            self._fault(event, f"nested deeper than {DEPTH_MAX} levels")
            raise _TooDeep
        if getattr(event, "anchor", None) is not None:
            self._fault(event, "anchors and aliases (& and *) are not read; write it out")
        if getattr(event, "tag", None) is not None:
            self._fault(event, f"tags are not read: leave {event.tag!r} away")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(events, path)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        return None

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                self._fault(event, "a key is a word, not a list, a mapping or an alias")
                self._node(event, events, (*path, "?"))
                self._node(next(events), events, (*path, "?"))
                continue
            name = event.value
            own = (*path, name)
            if name in values:
                self._fault(event, f"{name!r} stands here twice")
            value = self._node(next(events), events, own)
            self.keys[own] = _place(event)
            values[name] = value
        return values

    def _list(self, events: Iterator[Any], path: Path) -> list[Any]:
        values: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            values.append(self._node(event, events, (*path, len(values))))
        return values

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.style not in (None, ""):
            return text
        if text in _WORDS:
            return _WORDS[text]
        number = _NUMBER.fullmatch(text)
        if number is None:
            return text
        value = float(text)
        if abs(value) >= 2.0**63:
            self._fault(event, f"{text[:30]} is too large a number; quote it if it is a name")
        elif not number[2] and not number[3]:
            return int(text)
        return value


def _place(event: Any) -> Node:
    start, end = event.start_mark, event.end_mark
    style = getattr(event, "style", None) or None
    return Node(start.line + 1, start.column + 1, start.index, end.index, style)
