"""Values that remember their places in a file, so that every fault can be pointed at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from models.errors import Fault

Path = tuple[str | int, ...]

_ESCAPE = r"\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\[\s\S]|"
_UNITS = {
    '"': re.compile(_ESCAPE + r"[\s\S]"),
    "'": re.compile(r"''|[\s\S]"),
}
_CHARACTER = re.compile(r"[\s\S]")


class Node(NamedTuple):
    """Where a value stands: line and column from 1, start and end as offsets into the text."""

    line: int
    column: int
    start: int
    end: int
    style: str | None


@dataclass(frozen=True)
class Document:
    """value: what the file says. nodes, keys: the place of each value, and of each key, by path."""

    file: str
    value: Any
    text: str = ""
    nodes: dict[Path, Node] = field(default_factory=dict)
    keys: dict[Path, Node] = field(default_factory=dict)

    def fault(self, path: Path, message: str, *, key: bool = False, position: int = -1) -> Fault:
        """A fault at the value of `path`; with `key` at its key, with `position` inside its text.

        What has no place in a file, such as content that came in a record, is told by its path.
        """
        if not self.nodes:
            where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)
            return Fault(self.file, 1, 1, f"{where[1:]}: {message}" if where else message)
        while path not in self.nodes:
            path = path[:-1]
        node = self.keys.get(path, self.nodes[path]) if key else self.nodes[path]
        line, column = node.line, node.column
        if position >= 0:
            offset = self._inside(node, str(self.written(path)), position)
            line = self.text.count("\n", 0, offset) + 1
            column = offset - self.text.rfind("\n", 0, offset)
        return Fault(self.file, line, column, message)

    def written(self, path: Path) -> Any:
        """The value at a path, as the file has it."""
        value = self.value
        for step in path:
            value = value[step]
        return value

    def _inside(self, node: Node, value: str, position: int) -> int:
        """Offset in the text of a character of a scalar's value.

        YAML folds and indents by white space alone, so the other characters are counted.
        """
        start, end = node.start, node.end
        if node.style in ("|", ">"):
            start = self.text.find("\n", start) + 1
        elif node.style:
            start, end = start + 1, end - 1
        wanted = sum(not c.isspace() for c in value[:position])
        after = start
        for unit in _UNITS.get(node.style or "", _CHARACTER).finditer(self.text, start, end):
            if unit[0].isspace() or unit[0] in ("\\n", "\\t", "\\r", "\\ ", "\\\n"):
                continue
            if wanted == 0:
                return unit.start()
            wanted -= 1
            after = unit.end()
        return after
